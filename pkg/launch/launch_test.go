package launch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	signals "os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"noisebook/pkg/track"
)

// The test binary runs itself as the noisebook command of these tests: "exec
// RUN" counts to what the run's arguments say.
const (
	commandVariable = "NOISEBOOK_LAUNCH_TEST_COMMAND"
	starterVariable = "NOISEBOOK_LAUNCH_TEST_STARTER" // starts a job of this many steps and waits
)

func TestMain(m *testing.M) {
	work := func() error { return nil }
	switch {
	case os.Getenv(commandVariable) != "" && slices.Contains(os.Args, "exec"):
		work = command
	case os.Getenv(starterVariable) != "":
		work = starter
	default:
		os.Exit(m.Run())
	}
	if err := work(); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

// counting is a stage that keeps its step and is at least a step further after
// each resume.
type counting struct {
	Steps int    `json:"steps"`
	Kind  string `json:"kind"` // "": ends when it is asked to; "stubborn" does not; "failing" fails
	Name  string `json:"name"`
}

func (c counting) job() Job {
	return Job{Name: "test/count", Config: c, Args: []string{"run", strconv.Itoa(c.Steps), c.Kind, c.Name}}
}

const (
	pause       = 10 * time.Millisecond
	countedSome = 5 // the step after which a count says so
)

func (c counting) do(ctx context.Context, store *track.Store) error {
	stage := track.Stage[counting, int]{Name: "count", Version: 1, Run: func(ctx context.Context, job *track.Job, c counting) (int, error) {
		checkpoint := filepath.Join(job.Scratch(), "step")
		first := 0
		if text, err := os.ReadFile(checkpoint); err == nil {
			if first, err = strconv.Atoi(string(text)); err != nil {
				return 0, err
			}
		}
		fmt.Println("counting from", first)
		for step := first; step < c.Steps; step++ {
			time.Sleep(pause)
			job.Log(step, map[string]float64{"loss": 1 / float64(step+1)})
			job.Progress(step+1, c.Steps, map[string]float64{"loss": 1 / float64(step+1)})
			if step == countedSome {
				fmt.Println("counted some")
			}
			if ctx.Err() != nil && c.Kind != "stubborn" {
				if err := os.WriteFile(checkpoint, []byte(strconv.Itoa(step+1)), 0o644); err != nil {
					return 0, err
				}
				return 0, ctx.Err()
			}
		}
		if c.Kind == "failing" {
			return 0, errors.New("the count is wrong")
		}
		return c.Steps, nil
	}}
	_, err := track.Do(ctx, store, stage, c)
	return err
}

func command() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	for _, variable := range os.Environ() {
		if strings.HasPrefix(variable, "GONB_PIPE") {
			return fmt.Errorf("the job has %s", variable)
		}
	}
	store, err := track.Open("")
	if err != nil {
		return err
	}
	run, err := store.Run(os.Args[2])
	if err != nil {
		return err
	}
	args := run.Launch.Args
	if args[0] == "broken" {
		return errors.New("unknown command broken")
	}
	recording, err := store.Resume(ctx, run.ID)
	if err != nil {
		return err
	}
	if i := slices.Index(os.Args, "--"+LockFlag); i > 0 {
		file, err := strconv.Atoi(os.Args[i+1])
		if err != nil {
			return err
		}
		if err := Release(file); err != nil {
			return err
		}
	}
	store.SetParent(run.ID)
	store.Observe(NewReporter(store, recording))
	c := counting{Kind: args[2], Name: args[3]}
	if c.Steps, err = strconv.Atoi(args[1]); err == nil {
		err = c.do(ctx, store)
	}
	if endErr := recording.End(err); endErr != nil {
		return endErr
	}
	return err
}

func starter() error {
	store, err := track.Open("")
	if err != nil {
		return err
	}
	steps, err := strconv.Atoi(os.Getenv(starterVariable))
	if err != nil {
		return err
	}
	started, err := Start(context.Background(), store, self(), counting{Steps: steps}.job())
	if err != nil {
		return err
	}
	fmt.Println(started.Run)
	time.Sleep(time.Minute) // until it is killed
	return nil
}

func self() Program { return Program{Path: os.Args[0], Folder: "."} }

func openStore(t *testing.T) *track.Store {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "store")
	t.Setenv("NOISEBOOK_STORE", dir)
	t.Setenv(commandVariable, "1")
	store, err := track.Open("")
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func start(t *testing.T, store *track.Store, job Job) Started {
	t.Helper()
	started, err := Start(t.Context(), store, self(), job)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = Stop(context.Background(), store, started.Run, time.Second) })
	return started
}

// finish follows a run to its end.
func finish(t *testing.T, store *track.Store, run string) track.Run {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ended, err := Follow(ctx, store, run, nil)
	if err != nil {
		t.Fatalf("run %s: %v", run, err)
	}
	return ended
}

// awaitText waits until a job has printed something.
func awaitText(t *testing.T, store *track.Store, run, wanted string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(pause) {
		content, err := os.ReadFile(Log(store, run))
		switch {
		case err == nil && strings.Contains(string(content), wanted):
			return
		case time.Now().After(deadline):
			t.Fatalf("run %s has not printed %q: %q, %v", run, wanted, content, err)
		}
	}
}

func text(t *testing.T, store *track.Store, run string) string {
	t.Helper()
	content, err := os.ReadFile(Log(store, run))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestJobOutlivesItsStarter(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"interrupt": syscall.SIGINT, "hangup": syscall.SIGHUP, "kill": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			if signals.Ignored(signal) {
				t.Skip("this process ignores the signal, and so would the starter (nohup does that)")
			}
			store := openStore(t)
			t.Setenv(starterVariable, "40")
			t.Setenv("GONB_PIPE", "/gone") // as in a cell
			process := exec.Command(os.Args[0])
			process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			pipe, err := process.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := process.Start(); err != nil {
				t.Fatal(err)
			}
			run, err := bufio.NewReader(pipe).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			run = strings.TrimSpace(run)
			if err := syscall.Kill(-process.Process.Pid, signal); err != nil {
				t.Fatal(err)
			}
			if err := process.Wait(); err == nil {
				t.Fatal("the starter survived")
			}
			if now, err := store.Run(run); err != nil || now.State != track.Running {
				t.Fatalf("after its starter's death: %s, %v", now.State, err)
			}
			ended := finish(t, store, run)
			if ended.State != track.Finished || ended.Attempts != 1 || len(ended.Uses) != 1 {
				t.Errorf("%+v; it printed %s", ended, text(t, store, run))
			}
			if stage, err := store.Run(ended.Uses[0].Run); err != nil || stage.Parent != run || stage.State != track.Finished {
				t.Errorf("its stage: %+v, %v", stage, err)
			}
		})
	}
}

func TestStartedTwiceRunsOnce(t *testing.T) {
	store := openStore(t)
	job := counting{Steps: 60}.job()
	results := make([]Started, 6)
	var group sync.WaitGroup
	for i := range results {
		group.Go(func() {
			own, err := track.Open(store.Dir()) // as another process has it
			if err == nil {
				results[i], err = Start(t.Context(), own, self(), job)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	fresh := 0
	for _, r := range results {
		if r.Run != results[0].Run {
			t.Errorf("runs %s and %s", r.Run, results[0].Run)
		}
		if !r.Attached {
			fresh++
		}
	}
	if fresh != 1 {
		t.Errorf("%d starts, want one and five that attach", fresh)
	}
	if ended := finish(t, store, results[0].Run); ended.Attempts != 1 || ended.State != track.Finished {
		t.Errorf("%d attempts, %s", ended.Attempts, ended.State)
	}
	if runs, err := store.Runs(); err != nil || len(runs) != 2 {
		t.Errorf("%d runs (%v), want a job and its stage", len(runs), err)
	}
	if other := start(t, store, counting{Steps: 1, Name: "other"}.job()); other.Attached || other.Run == results[0].Run {
		t.Errorf("another job: %+v", other)
	}
	again := start(t, store, job)
	if again.Attached || again.Resumed || again.Run == results[0].Run {
		t.Errorf("after the end: %+v, want a new run", again)
	}
	if ended := finish(t, store, again.Run); ended.State != track.Finished || !ended.Uses[0].Cached {
		t.Errorf("%+v, want an answer from the store", ended)
	}
}

func TestStopAndResume(t *testing.T) {
	store := openStore(t)
	job := counting{Steps: 200}.job()
	started := start(t, store, job)
	awaitText(t, store, started.Run, "counted some")
	stopped, err := Stop(t.Context(), store, started.Run, 10*time.Second)
	if err != nil || stopped.State != track.Interrupted {
		t.Fatalf("%s, %v", stopped.State, err)
	}
	if err := Outcome(store, stopped); err == nil || !strings.Contains(err.Error(), "noisebook exec "+started.Run) {
		t.Errorf("%v, want how to resume it", err)
	}
	if again, err := Stop(t.Context(), store, started.Run, time.Second); err != nil || again.State != track.Interrupted {
		t.Errorf("stopped twice: %s, %v", again.State, err)
	}
	resumed := start(t, store, job)
	if !resumed.Resumed || resumed.Run != started.Run {
		t.Errorf("%+v, want run %s resumed", resumed, started.Run)
	}
	ended := finish(t, store, started.Run)
	if ended.State != track.Finished || ended.Attempts != 2 || Outcome(store, ended) != nil {
		t.Errorf("%s after %d attempts: %s", ended.State, ended.Attempts, ended.Error)
	}
	var from []int
	log := text(t, store, started.Run)
	for line := range strings.Lines(log) {
		first := 0
		if n, _ := fmt.Sscanf(line, "counting from %d", &first); n == 1 {
			from = append(from, first)
		}
	}
	if len(from) != 2 || from[0] != 0 || from[1] <= countedSome {
		t.Errorf("it counted from %v and did not go on from its checkpoint: %s", from, log)
	}
}

func TestExecuteResumes(t *testing.T) {
	store := openStore(t)
	run, err := Create(store, counting{Steps: 50}.job())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*pause)
	defer cancel()
	if err := Execute(ctx, store, self(), run); err != nil {
		t.Fatal(err)
	}
	if now, _ := store.Run(run); now.State != track.Interrupted {
		t.Fatalf("after its context's end: %s; %s", now.State, text(t, store, run))
	}
	if err := Execute(t.Context(), store, self(), run); err != nil {
		t.Fatal(err)
	}
	if now, _ := store.Run(run); now.State != track.Finished || now.Attempts != 2 {
		t.Errorf("%s after %d attempts", now.State, now.Attempts)
	}
}

func TestStubbornJobIsKilled(t *testing.T) {
	store := openStore(t)
	started := start(t, store, counting{Steps: 3000, Kind: "stubborn"}.job())
	awaitText(t, store, started.Run, "counting from 0")
	after, err := Stop(t.Context(), store, started.Run, 200*time.Millisecond)
	if !errors.Is(err, ErrKilled) || after.State != track.Crashed {
		t.Errorf("%s, %v", after.State, err)
	}
	if err := Outcome(store, after); err == nil || !strings.Contains(err.Error(), "counting from 0") {
		t.Errorf("%v, want the end of its output", err)
	}
}

// seen notes what an observer hears.
type seen struct{ lines []string }

func (s *seen) StageStarted(e track.StageEvent) { s.lines = append(s.lines, "started "+e.Stage) }
func (s *seen) StageProgress(e track.StageEvent, done, total int, values map[string]float64) {
	if values["loss"] == 1/float64(done) {
		s.lines = append(s.lines, fmt.Sprintf("progress of %d", total))
	}
}
func (s *seen) StageFinished(e track.StageEvent, err error) {
	switch {
	case err != nil:
		s.lines = append(s.lines, "failed: "+err.Error())
	case e.Cached:
		s.lines = append(s.lines, "cached "+e.Stage)
	case e.Duration > 0:
		s.lines = append(s.lines, "computed "+e.Stage)
	}
}

func TestFollow(t *testing.T) {
	store := openStore(t)
	started := start(t, store, counting{Steps: 120}.job())
	ctx, cancel := context.WithTimeout(t.Context(), 20*pause)
	defer cancel()
	if now, err := Follow(ctx, store, started.Run, &seen{}); !errors.Is(err, context.DeadlineExceeded) || now.State != track.Running {
		t.Errorf("%s, %v: want to stop following alone", now.State, err)
	}
	var s seen
	if _, err := Follow(t.Context(), store, started.Run, &s); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(slices.Compact(s.lines), ", "); got != "started count, progress of 120, computed count" {
		t.Errorf("heard %s", got)
	}
	if _, err := os.Stat(progressPath(store, started.Run)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the progress is still there: %v", err)
	}

	again := start(t, store, counting{Steps: 120}.job())
	s = seen{}
	if _, err := Follow(t.Context(), store, again.Run, &s); err != nil || strings.Join(s.lines, ", ") != "cached count" {
		t.Errorf("of a cached job heard %q, %v", s.lines, err)
	}
}

func TestFollowFailure(t *testing.T) {
	store := openStore(t)
	started := start(t, store, counting{Steps: 3, Kind: "failing"}.job())
	var s seen
	run, err := Follow(t.Context(), store, started.Run, &s)
	if err != nil || run.State != track.Failed {
		t.Fatalf("%s, %v", run.State, err)
	}
	if last := s.lines[len(s.lines)-1]; last != "failed: the count is wrong" {
		t.Errorf("heard %q", s.lines)
	}
	if err := Outcome(store, run); err == nil || !strings.Contains(err.Error(), "the count is wrong") {
		t.Error(err)
	}
	if again := start(t, store, counting{Steps: 3, Kind: "failing"}.job()); again.Run == started.Run {
		t.Error("a failed job was resumed, want a new run")
	}
}

func TestJobThatCannotBegin(t *testing.T) {
	store := openStore(t)
	broken := Job{Name: "test/broken", Args: []string{"broken"}}
	_, err := Start(t.Context(), store, self(), broken)
	if err == nil || !strings.Contains(err.Error(), "did not begin") || !strings.Contains(err.Error(), "unknown command broken") {
		t.Errorf("%v, want why", err)
	}
	_, err = Start(t.Context(), store, Program{Path: filepath.Join(t.TempDir(), "noisebook")}, broken)
	if err == nil || !strings.Contains(err.Error(), "make build") {
		t.Errorf("%v, want what to do", err)
	}
	if runs, err := store.Runs(); err != nil || len(runs) != 1 || runs[0].State != track.Pending {
		t.Errorf("%d runs, %v: want one that waits", len(runs), err)
	}
}

func TestOpen(t *testing.T) {
	store := openStore(t)
	c := counting{Steps: 1}
	run := func() (opened *Opened, uses []track.Use) {
		t.Helper()
		own, err := track.Open(store.Dir())
		if err != nil {
			t.Fatal(err)
		}
		if opened, err = Open(t.Context(), own, c.job()); err != nil {
			t.Fatal(err)
		}
		reporter := NewReporter(own, opened.Recording)
		own.SetParent(opened.ID())
		own.Observe(reporter)
		if err := c.do(t.Context(), own); err != nil {
			t.Fatal(err)
		}
		return opened, reporter.Uses()
	}
	first, uses := run()
	if _, redundant := first.Redundant(uses); redundant {
		t.Error("the first job tells nothing new")
	}
	var running *RunningError
	if _, err := Open(t.Context(), store, c.job()); !errors.As(err, &running) || running.Run != first.ID() {
		t.Errorf("%v, want that run %s is alive", err, first.ID())
	}
	if attached := start(t, store, c.job()); !attached.Attached || attached.Run != first.ID() {
		t.Errorf("%+v, want a start that attaches", attached)
	}
	if err := first.End(nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		second, uses := run()
		if previous, redundant := second.Redundant(uses); !redundant || previous != first.ID() {
			t.Errorf("an answer from the store: previous %q, redundant %v", previous, redundant)
		}
		if err := second.Discard(); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Run(second.ID()); err == nil {
			t.Error("the discarded run is still there")
		}
	}
	store.Recompute()
	third, _ := run()
	_ = third.End(errors.New("broken"))
	fourth, uses := run()
	if _, redundant := fourth.Redundant(uses); redundant {
		t.Error("redundant after a failure")
	}
	if err := fourth.End(nil); err != nil {
		t.Fatal(err)
	}
}
