package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"noisebook/pkg/track"
)

// LockFlag is the flag by which a detached process learns the number of the open
// file that holds the lock of its start.
const LockFlag = "start-lock"

// Program is the noisebook command that executes jobs.
type Program struct {
	Path   string // of the executable
	Folder string // where it runs: the module's root
}

// Started says what [Start] did.
type Started struct {
	Run      string `json:"run"`
	Attached bool   `json:"attached"` // the same job was at work already
	Resumed  bool   `json:"resumed"`  // it goes on from its last checkpoint
}

// Start runs a job in a process of its own that outlives this one, its terminal
// and its kernel, and returns when the job has begun. The same job that is at
// work already is left alone.
func Start(ctx context.Context, store *track.Store, program Program, job Job) (Started, error) {
	c, err := claimRun(ctx, store, job)
	if err != nil {
		return Started{}, err
	}
	defer c.lock.Close()
	started := Started{Run: c.run, Attached: c.alive, Resumed: c.resumed && !c.alive}
	if c.alive {
		return started, nil
	}
	return started, detach(ctx, store, program, c.run, c.lock)
}

// Detach starts or resumes a run that exists, such as a sweep, in a process of
// its own, and returns when it has begun.
func Detach(ctx context.Context, store *track.Store, program Program, run string) error {
	return detach(ctx, store, program, run, nil)
}

func detach(ctx context.Context, store *track.Store, program Program, run string, lock *os.File) error {
	before, err := store.Run(run)
	if err != nil {
		return err
	}
	command, err := program.command(store, run, lock)
	if err != nil {
		return err
	}
	// A session of its own: no terminal, no signals for this process's group.
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := startLogged(store, run, command); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	for {
		now, err := store.Run(run)
		if err == nil && now.Attempts > before.Attempts {
			return nil
		}
		select {
		case err := <-ended:
			if now, readErr := store.Run(run); readErr == nil && now.Attempts > before.Attempts {
				return nil // it was quick
			}
			if err == nil {
				err = errors.New("it ended")
			}
			return fmt.Errorf("run %s did not begin: %w; %s", run, err, logTail(store, run))
		case <-ctx.Done():
			return fmt.Errorf("stopped waiting for run %s, which goes on: %w", run, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Execute runs a job in a process of its own until it ends; when ctx is
// cancelled the process is asked to stop and waited for. What became of the job
// is in the store; an error says that it could not even begin.
func Execute(ctx context.Context, store *track.Store, program Program, run string) error {
	before, err := store.Run(run)
	if err != nil {
		return err
	}
	command, err := program.command(store, run, nil)
	if err != nil {
		return err
	}
	// A group of its own: an interrupt from the terminal reaches it once, from us.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := startLogged(store, run, command); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = signalGroup(command.Process.Pid, syscall.SIGTERM) })
	defer stop()
	waited := command.Wait()
	after, err := store.Run(run)
	if err == nil && after.Attempts == before.Attempts {
		err = fmt.Errorf("run %s did not begin: %w; %s", run, errors.Join(waited, ctx.Err()), logTail(store, run))
	}
	return err
}

// command is `noisebook exec RUN` with an environment that fits a process
// outside of this one's notebook.
func (p Program) command(store *track.Store, run string, lock *os.File) (*exec.Cmd, error) {
	path, err := exec.LookPath(p.Path)
	if err != nil {
		return nil, fmt.Errorf("no noisebook command at %s: run `make build` in the repository", p.Path)
	}
	command := exec.Command(path, "exec", run)
	command.Dir = p.Folder
	if lock != nil {
		const first = 3 // of ExtraFiles
		command.Args = append(command.Args, "--"+LockFlag, strconv.Itoa(first))
		command.ExtraFiles = []*os.File{lock}
	}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "GONB_PIPE") { // pipes of a cell that ends before the job
			command.Env = append(command.Env, variable)
		}
	}
	command.Env = append(command.Env, "NOISEBOOK_STORE="+store.Dir())
	return command, nil
}

func startLogged(store *track.Store, run string, command *exec.Cmd) error {
	log, err := os.OpenFile(Log(store, run), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	command.Stdout, command.Stderr = log, log
	return command.Start()
}

// Release lets go of the lock of a start that this process inherited, so that
// others see the run instead.
func Release(file int) error {
	if file <= 2 {
		return fmt.Errorf("--%s %d is no inherited file", LockFlag, file)
	}
	return os.NewFile(uintptr(file), LockFlag).Close()
}

// signalGroup signals a process with its group when it leads one.
func signalGroup(process int, signal syscall.Signal) error {
	if group, err := syscall.Getpgid(process); err == nil && group == process {
		return syscall.Kill(-process, signal)
	}
	return syscall.Kill(process, signal)
}
