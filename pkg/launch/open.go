package launch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"noisebook/pkg/track"
)

// Job is what is to be run.
type Job struct {
	Name   string   // of the artifact
	Args   []string // of noisebook, normalised: jobs with equal ones are the same
	Config any
	Tags   map[string]string
	Parent string // a sweep's run, or none
}

// RunningError says that the same job is at work already.
type RunningError struct{ Job, Run string }

func (e *RunningError) Error() string {
	return fmt.Sprintf("%s is running already as run %s: noisebook follow %s", e.Job, e.Run, e.Run)
}

// Opened is a job that this process runs.
type Opened struct {
	*track.Recording
	store    *track.Store
	job      Job
	previous string // the last finished run with the same arguments
}

// Open records a job that this process is to run: the one that was interrupted
// or crashed goes on, else a new one starts. A [RunningError] says that another
// process is at it.
func Open(ctx context.Context, store *track.Store, job Job) (*Opened, error) {
	c, err := claimRun(ctx, store, job)
	if err != nil {
		return nil, err
	}
	defer c.lock.Close()
	if c.alive {
		return nil, &RunningError{Job: job.Name, Run: c.run}
	}
	recording, err := store.Resume(ctx, c.run)
	if err != nil {
		return nil, err
	}
	return &Opened{Recording: recording, store: store, job: job, previous: c.previous}, nil
}

// Redundant says that the job only found in the store what the finished job
// before it, with the same arguments, had found or made, so that a record of it
// would tell nothing new. It returns that job.
func (o *Opened) Redundant(uses []track.Use) (previous string, ok bool) {
	if o.previous == "" || o.Attempt() > 1 {
		return "", false
	}
	run, err := o.store.Run(o.previous)
	if err != nil || run.State != track.Finished {
		return "", false
	}
	before, now := map[string]bool{}, map[string]bool{}
	for _, use := range run.Uses {
		before[use.Run] = true
	}
	for _, use := range uses {
		if !use.Cached || !before[use.Run] {
			return "", false
		}
		now[use.Run] = true
	}
	return o.previous, len(now) == len(before)
}

// Discard removes the run; the job before it stands for these arguments again.
func (o *Opened) Discard() error {
	if err := o.Recording.Discard(); err != nil {
		return err
	}
	return writeHint(jobFolder(o.store, o.job.Args), o.previous)
}

// claim is a run that may be started while the lock is held.
type claim struct {
	run      string
	alive    bool   // another process runs it
	resumed  bool   // it has been started before
	previous string // the last finished run with the same arguments
	lock     *os.File
}

// claimRun finds the run to start for a job, or makes one. The caller closes the
// lock.
func claimRun(ctx context.Context, store *track.Store, job Job) (claim, error) {
	folder := jobFolder(store, job.Args)
	fail := func(err error) (claim, error) {
		return claim{}, fmt.Errorf("%s cannot be started: %w", job.Name, err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fail(err)
	}
	lock, err := lockFile(ctx, filepath.Join(folder, "lock"))
	if err != nil {
		return fail(err)
	}
	c := claim{lock: lock}
	if run, ok := hinted(store, folder, job.Args); ok {
		switch run.State {
		case track.Running:
			c.run, c.alive = run.ID, true
			return c, nil
		case track.Pending, track.Interrupted, track.Crashed:
			c.run, c.resumed = run.ID, run.Attempts > 0
			return c, nil
		case track.Finished:
			c.previous = run.ID
		}
	}
	if c.run, err = Create(store, job); err == nil {
		err = writeHint(folder, c.run)
	}
	if err != nil {
		lock.Close()
		return fail(err)
	}
	return c, nil
}

// Create makes a job's run without starting it.
func Create(store *track.Store, job Job) (run string, err error) {
	return store.Create(track.StartOptions{
		Kind: track.KindJob, Name: job.Name, Parent: job.Parent, Config: job.Config, Tags: job.Tags,
		Launch: &track.Launch{Args: job.Args},
	})
}

func jobFolder(store *track.Store, args []string) string {
	text, _ := json.Marshal(args) // strings can be written
	sum := sha256.Sum256(text)
	return filepath.Join(store.Dir(), "jobs", hex.EncodeToString(sum[:16]))
}

// hinted is the newest run of a job with these arguments.
func hinted(store *track.Store, folder string, args []string) (track.Run, bool) {
	text, err := os.ReadFile(filepath.Join(folder, "run"))
	if err != nil || len(text) == 0 {
		return track.Run{}, false
	}
	run, err := store.Run(string(text))
	ok := err == nil && run.ID == string(text) && run.Launch != nil && slices.Equal(run.Launch.Args, args)
	return run, ok
}

// writeHint replaces the hint; one that is lost costs a further run at most, so
// it is not synced.
func writeHint(folder, run string) error {
	return replaceFile(filepath.Join(folder, "run"), []byte(run))
}

// replaceFile lets readers see the old content or all of the new.
func replaceFile(path string, content []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = temp.Write(content)
	err = errors.Join(err, temp.Chmod(0o644), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
	}
	return err
}

// lockFile waits for the flock of a file. The system frees it when the last
// process that holds the open file has closed it or ended.
func lockFile(ctx context.Context, path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// runFolder is where package track keeps a run.
func runFolder(store *track.Store, run string) string {
	return filepath.Join(store.Dir(), "runs", run)
}

// Log returns where a detached job's output lies.
func Log(store *track.Store, run string) string { return filepath.Join(runFolder(store, run), "log") }

// logTail is the end of a job's output on one line, for an error.
func logTail(store *track.Store, run string) string {
	content, err := os.ReadFile(Log(store, run))
	if err != nil || len(content) == 0 {
		return "it printed nothing"
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return "its output ends with: " + strings.Join(lines[max(0, len(lines)-3):], " | ")
}
