package track

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The test binary runs itself as the processes that share a store.
const (
	workerVariable = "NOISEBOOK_TRACK_TEST_STORE"
	workVariable   = "NOISEBOOK_TRACK_TEST_WORK" // one of workers; else a stage that counts
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(workerVariable); dir != "" {
		run := work
		if other, ok := workers[os.Getenv(workVariable)]; ok {
			run = other
		}
		if err := run(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// countStage counts to its config, a checkpoint and a metric a step, and
// leaves a mark beside the store for each start.
func countStage(dir string, pause time.Duration) Stage[int, int] {
	return Stage[int, int]{Name: "count", Version: 1, Run: func(ctx context.Context, job *Job, steps int) (int, error) {
		mark, err := os.CreateTemp(filepath.Dir(dir), "start-*")
		if err != nil {
			return 0, err
		}
		mark.Close()
		checkpoint := filepath.Join(job.Scratch(), "step")
		first := 0
		if text, err := os.ReadFile(checkpoint); err == nil {
			if first, err = strconv.Atoi(string(text)); err != nil {
				return 0, err
			}
		}
		fmt.Printf("from %d\n", first)
		for step := first; step < steps; step++ {
			time.Sleep(pause)
			job.Log(step, map[string]float64{"step": float64(step)})
			if err := job.Flush(); err != nil {
				return 0, err
			}
			if err := writeFile(checkpoint, []byte(strconv.Itoa(step+1))); err != nil {
				return 0, err
			}
			fmt.Printf("step %d\n", step)
		}
		return steps, ctx.Err()
	}}
}

func work(dir string) error {
	store, err := Open(dir)
	if err != nil {
		return err
	}
	result, err := Do(context.Background(), store, countStage(dir, 10*time.Millisecond), 40)
	if err != nil {
		return err
	}
	fmt.Printf("result %d cached %v\n", result.Value, result.Cached)
	return nil
}

func worker(t *testing.T, dir string, variables ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^$")
	cmd.Env = append(append(os.Environ(), workerVariable+"="+dir), variables...)
	return cmd
}

func TestTwoProcessesComputeOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	var group sync.WaitGroup
	outputs := make([]string, 3)
	for i := range outputs {
		cmd := worker(t, dir)
		group.Go(func() {
			out, err := cmd.CombinedOutput()
			outputs[i] = string(out)
			if err != nil {
				t.Errorf("process %d: %v: %s", i, err, out)
			}
		})
	}
	group.Wait()
	starts, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), "start-*"))
	if len(starts) != 1 {
		t.Errorf("computed %d times, want once", len(starts))
	}
	cached := 0
	for _, out := range outputs {
		cached += strings.Count(out, "result 40 cached true")
	}
	if cached != 2 {
		t.Errorf("%d of 3 answers from the store, want 2: %q", cached, outputs)
	}
}

func TestKilledProcessIsResumed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	cmd := worker(t, dir)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		if lines.Text() == "step 10" {
			break
		}
	}
	store, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	runs, err := store.Runs() // read while it is written
	if err != nil || len(runs) != 1 || runs[0].State != Running || runs[0].Last["step"].Step < 10 {
		t.Fatalf("while running: %+v, %v", runs, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	killed := runs[0].ID
	run, err := store.Run(killed)
	if err != nil {
		t.Fatal(err)
	}
	if machineID() != "" && run.State != Crashed {
		t.Errorf("after kill -9: %s, want crashed", run.State)
	}

	out, err := worker(t, dir).CombinedOutput()
	if err != nil {
		t.Fatalf("rerun: %v: %s", err, out)
	}
	var first int
	if _, err := fmt.Sscanf(string(out), "from %d", &first); err != nil || first < 11 {
		t.Errorf("rerun started from %d, want at least 11 (%v)", first, err)
	}
	run, err = store.Run(killed)
	if err != nil || run.State != Finished || run.Attempts != 2 {
		t.Fatalf("the rerun did not finish the killed run: %+v, %v", run, err)
	}
	journal, err := run.Journal()
	if err != nil {
		t.Fatal(err)
	}
	points := journal.Metrics()["step"]
	if len(points) != 40 {
		t.Fatalf("%d of 40 flushed points are there", len(points))
	}
	for i, p := range points {
		if p.Step != i {
			t.Errorf("point %d is of step %d", i, p.Step)
		}
	}
}

// TestRepeatedKills kills the worker at random moments until it has finished.
// The store is readable after each kill and no acknowledged event is lost.
func TestRepeatedKills(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	finished, kills := false, 0
	for attempt := 0; !finished && attempt < 30; attempt++ {
		cmd := worker(t, dir)
		out := &strings.Builder{}
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		killer := time.AfterFunc(time.Duration(50+rand.IntN(400))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		if err := cmd.Wait(); err != nil {
			kills++
			if !killed(err) {
				t.Fatalf("attempt %d failed by itself: %v: %s", attempt, err, out)
			}
		} else {
			finished = true
		}
		killer.Stop()
		store, err := Open(dir)
		if err != nil {
			t.Fatalf("after kill %d: %v", kills, err)
		}
		runs, err := store.Runs()
		if err != nil {
			t.Fatal(err)
		}
		for _, run := range runs {
			if run.State == Unreadable {
				t.Errorf("after kill %d: %s", kills, run.Error)
			}
			if journal, err := run.Journal(); err != nil || journal.Skipped > 0 {
				t.Errorf("after kill %d: %d damaged lines, %v", kills, journal.Skipped, err)
			}
		}
	}
	if !finished {
		out, err := worker(t, dir).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	store, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	result, err := Latest[int](store, "count", nil)
	if err != nil || result.Value != 40 {
		t.Fatalf("%+v, %v", result, err)
	}
	run, err := store.Run(result.Run)
	if err != nil {
		t.Fatal(err)
	}
	journal, err := run.Journal()
	if err != nil {
		t.Fatal(err)
	}
	if points := journal.Metrics()["step"]; len(points) != 40 {
		t.Errorf("%d of 40 points after %d kills", len(points), kills)
	}
	t.Logf("finished after %d kills and %d attempts", kills, run.Attempts)
}

func killed(err error) bool {
	exit := (*exec.ExitError)(nil)
	return errors.As(err, &exit) && exit.ExitCode() == -1
}

func TestWaiterTakesOverFromAKilledProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	first := worker(t, dir)
	pipe, err := first.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	if lines := bufio.NewScanner(pipe); !lines.Scan() { // it holds the key
		t.Fatal("the first process says nothing")
	}
	second := worker(t, dir)
	out := &strings.Builder{}
	second.Stdout, second.Stderr = out, out
	if err := second.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(150 * time.Millisecond)
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	if err := second.Wait(); err != nil || !strings.Contains(out.String(), "result 40 cached false") {
		t.Errorf("the waiting process: %v: %s", err, out)
	}
}

func TestWaitingForAKeyEndsWithItsContext(t *testing.T) {
	store := openTemp(t)
	started, release := make(chan struct{}), make(chan struct{})
	stage := Stage[int, int]{Name: "slow", Run: func(context.Context, *Job, int) (int, error) {
		close(started)
		<-release
		return 1, nil
	}}
	done := make(chan error)
	go func() {
		_, err := Do(context.Background(), store, stage, 0)
		done <- err
	}()
	<-started
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Do(ctx, store, stage, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting returned %v", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
