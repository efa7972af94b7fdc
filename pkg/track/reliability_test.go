package track

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// What the processes of these tests do, by the value of workVariable.
var workers = map[string]func(dir string) error{
	"log until killed": logUntilKilled,
	"attach":           attachAndLog,
	"many runs":        logManyRuns,
	"small files":      logToSmallFiles,
	"small stage":      stageWithSmallFiles,
}

// Arguments of the processes.
const (
	runVariable  = "NOISEBOOK_TRACK_TEST_RUN"
	fromVariable = "NOISEBOOK_TRACK_TEST_FROM"
	liftVariable = "NOISEBOOK_TRACK_TEST_LIFT"
)

// logUntilKilled goes on with a run from a step and says of each flush which
// step it made durable.
func logUntilKilled(dir string) error {
	store, err := Open(dir)
	if err != nil {
		return err
	}
	step, err := strconv.Atoi(os.Getenv(fromVariable))
	if err != nil {
		return err
	}
	r, err := store.Resume(context.Background(), os.Getenv(runVariable))
	if err != nil {
		return err
	}
	for {
		for range 1 + rand.IntN(200) {
			r.LogValue("x", step, float64(step)/3)
			step++
		}
		r.Param("acknowledged", step)
		if err := r.Flush(); err != nil {
			return err
		}
		fmt.Println(step)
	}
}

// TestKilledAtRandomMoments kills processes that log, each after a random
// time, and has it followed by another attempt of the same run, ten in a row. Nothing that
// a flush acknowledged is ever lost and no journal is damaged but at its end.
// NOISEBOOK_KILLS sets how many are killed.
func TestKilledAtRandomMoments(t *testing.T) {
	kills := 60
	if text := os.Getenv("NOISEBOOK_KILLS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal("NOISEBOOK_KILLS: ", err)
		}
	}
	store := openTemp(t)
	const lanes = 4
	var group sync.WaitGroup
	var mu sync.Mutex
	productive, acknowledged := 0, 0
	for lane := range lanes {
		group.Go(func() {
			id, durable := "", 0
			for life := range (kills + lanes - 1 - lane) / lanes {
				if life%10 == 0 {
					var err error
					if id, err = store.Create(StartOptions{Name: "killed"}); err != nil {
						t.Error(err)
						return
					}
					durable = 0
				}
				before := durable
				durable = killOne(t, store, id, durable)
				mu.Lock()
				if durable > before {
					productive++
				}
				acknowledged += durable - before
				mu.Unlock()
			}
		})
	}
	group.Wait()
	t.Logf("%d processes killed, %d of them after a flush; all %d acknowledged events are there", kills, productive, acknowledged)
	if productive < kills/3 {
		t.Errorf("only %d of %d processes lived long enough to say anything", productive, kills)
	}
}

// killOne starts a process that continues the run at step durable, kills it
// and checks the run. It returns the step that is durable now.
func killOne(t *testing.T, store *Store, id string, durable int) int {
	cmd := worker(t, store.Dir(), workVariable+"=log until killed", runVariable+"="+id, fmt.Sprint(fromVariable, "=", durable))
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	pipe, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Error(err)
		return durable
	}
	lines := bufio.NewScanner(pipe)
	kill := func() { _ = cmd.Process.Kill() }
	if rand.IntN(3) == 0 { // also while it starts
		time.AfterFunc(time.Duration(rand.IntN(60))*time.Millisecond, kill)
	} else if lines.Scan() {
		durable, _ = strconv.Atoi(lines.Text())
		time.AfterFunc(time.Duration(rand.IntN(40000))*time.Microsecond, kill)
	}
	for lines.Scan() {
		durable, _ = strconv.Atoi(lines.Text())
	}
	if err := cmd.Wait(); !killed(err) {
		t.Errorf("a process ended by itself: %v: %s", err, &complaint)
	}
	run, err := store.Run(id)
	if err != nil {
		t.Error(err)
		return durable
	}
	if run.Attempts == 0 { // killed before it began
		return durable
	}
	if run.State != Crashed && machineID() != "" {
		t.Errorf("run %s is %s after its process was killed", id, run.State)
	}
	series, err := run.Metrics()
	points := series["x"]
	if err != nil || len(points) < durable {
		t.Errorf("%d points, %d were acknowledged, %v", len(points), durable, err)
	}
	for i, p := range points {
		if p.Step != i || p.Value != Number(i)/3 {
			t.Errorf("point %d is %+v", i, p)
			break
		}
	}
	if said, _ := run.Params["acknowledged"].(int64); said < int64(durable) {
		t.Errorf("the param of the last flush says %d, want at least %d", said, durable)
	}
	if journal, err := run.Journal(); err != nil || journal.Skipped > 0 {
		t.Errorf("%d damaged lines, %v", journal.Skipped, err)
	}
	return durable
}

const eventsEach = 20000

func attachAndLog(dir string) error {
	store, err := Open(dir)
	if err != nil {
		return err
	}
	r, err := store.Attach(os.Getenv(runVariable))
	if err != nil {
		return err
	}
	for step := range eventsEach {
		r.LogValue(os.Getenv(fromVariable), step, float64(step))
	}
	return r.End(nil)
}

func TestManyProcessesLogToOneRun(t *testing.T) {
	store := openTemp(t)
	r := start(t, store, StartOptions{})
	var group sync.WaitGroup
	const processes = 8
	for i := range processes {
		cmd := worker(t, store.Dir(), workVariable+"=attach", runVariable+"="+r.ID(), fmt.Sprint(fromVariable, "=w", i))
		group.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("process %d: %v: %s", i, err, out)
			}
		})
	}
	group.Wait()
	end(t, r, nil)
	run := readBack(t, store, r.ID())
	if run.State != Finished || run.Dropped != 0 {
		t.Errorf("%s, %d dropped", run.State, run.Dropped)
	}
	series, err := run.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	for i := range processes {
		points := series[fmt.Sprint("w", i)]
		if len(points) != eventsEach {
			t.Errorf("process %d: %d points of %d", i, len(points), eventsEach)
		}
		for step, p := range points {
			if p.Step != step || p.Value != Number(step) {
				t.Fatalf("process %d: point %d is %+v", i, step, p)
			}
		}
	}
}

const runsEach, pointsEach = 8, 500

func logManyRuns(dir string) error {
	store, err := Open(dir)
	if err != nil {
		return err
	}
	errs := make([]error, runsEach)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() {
			r, err := store.Start(context.Background(), StartOptions{Name: "one of many"})
			if err != nil {
				errs[i] = err
				return
			}
			for step := range pointsEach {
				r.LogValue("x", step, float64(step))
			}
			errs[i] = r.End(nil)
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

func TestManyRunsAtOnce(t *testing.T) {
	store := openTemp(t)
	var group sync.WaitGroup
	const processes = 8
	for i := range processes {
		cmd := worker(t, store.Dir(), workVariable+"=many runs")
		group.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("process %d: %v: %s", i, err, out)
			}
		})
	}
	group.Wait()
	runs, err := store.Runs()
	if err != nil || len(runs) != processes*runsEach {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	for _, run := range runs {
		if curve, err := run.Curve("x"); err != nil || len(curve) != pointsEach || run.State != Finished {
			t.Errorf("run %s: %s, %d points, %v", run.ID, run.State, len(curve), err)
		}
	}
}

// limitFiles makes every file of this process end at some bytes, as a quota or
// a full disk does: a write beyond is cut short, then refused.
func limitFiles(bytes uint64) error {
	signal.Ignore(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	limit.Cur = min(bytes, limit.Max)
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
}

const smallFile = 100_000

// logToSmallFiles logs more than fits, notices it when it flushes, and ends
// after there is room again, or without.
func logToSmallFiles(dir string) error {
	store, err := Open(dir)
	if err != nil {
		return err
	}
	r, err := store.Start(context.Background(), StartOptions{})
	if err != nil {
		return err
	}
	if err := limitFiles(smallFile); err != nil {
		return err
	}
	for step := range 4000 {
		r.LogValue("x", step, float64(step))
		if step%1000 == 999 {
			fmt.Println("flush failed:", r.Flush() != nil)
		}
	}
	if os.Getenv(liftVariable) != "" {
		if err := limitFiles(1 << 40); err != nil {
			return err
		}
	}
	return r.End(nil)
}

func TestFilesThatCannotGrow(t *testing.T) {
	for _, lifted := range []bool{true, false} {
		t.Run(fmt.Sprintf("lifted=%v", lifted), func(t *testing.T) {
			store := openTemp(t)
			variables := []string{workVariable + "=small files"}
			if lifted {
				variables = append(variables, liftVariable+"=1")
			}
			cmd := worker(t, store.Dir(), variables...)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if (err == nil) != lifted {
				t.Errorf("exit %v: %s", err, &stderr)
			}
			if want := "flush failed: false\nflush failed: true\nflush failed: true\nflush failed: true\n"; string(out) != want {
				t.Errorf("output %q", out)
			}
			if n := strings.Count(stderr.String(), "warning:"); n != 1 {
				t.Errorf("%d warnings, want one: %s", n, &stderr)
			}
			runs, err := store.Runs()
			if err != nil || len(runs) != 1 {
				t.Fatalf("%d runs, %v", len(runs), err)
			}
			// Lines vary in length with the time they carry, so that now and
			// then the limit falls on the end of one.
			files, _, err := journalFiles(runs[0].dir)
			if err != nil || len(files) != 1 {
				t.Fatalf("journals %v, %v", files, err)
			}
			text, err := os.ReadFile(files[0])
			if err != nil || !lifted && len(text) != smallFile {
				t.Fatalf("%d bytes, %v", len(text), err)
			}
			cut := !lifted && text[smallFile-1] != '\n'
			journal, err := runs[0].Journal()
			if err != nil || journal.Skipped > 0 || journal.Cut != cut {
				t.Errorf("%d damaged lines, cut %v instead of %v, %v", journal.Skipped, journal.Cut, cut, err)
			}
			curve, err := runs[0].Curve("x")
			if err != nil || lifted && len(curve) != 4000 || len(curve) < 1000 {
				t.Errorf("%d points, %v", len(curve), err)
			}
			for i, p := range curve {
				if p.Step != i {
					t.Fatalf("point %d is %+v", i, p)
				}
			}
		})
	}
}

// trainStage logs far more than a small file holds and keeps a checkpoint.
var trainStage = Stage[int, int]{Name: "train", Version: 1, Run: func(_ context.Context, job *Job, steps int) (int, error) {
	checkpoint := filepath.Join(job.Scratch(), "checkpoint")
	first := 0
	if text, err := os.ReadFile(checkpoint); err == nil {
		if first, err = strconv.Atoi(string(text)); err != nil {
			return 0, err
		}
	}
	for step := first; step < steps; step++ {
		job.LogValue("loss", step, 1/float64(step+1))
		if step%1000 == 999 {
			_ = job.Flush() // as pkg/train's caller does: a failing store does not stop the training
			if err := writeFile(checkpoint, []byte(strconv.Itoa(step+1))); err != nil {
				return 0, err
			}
		}
	}
	fmt.Printf("from %d, ", first)
	return steps, nil
}}

func stageWithSmallFiles(dir string) error {
	store, err := Open(dir)
	if err != nil {
		return err
	}
	if err := limitFiles(smallFile); err != nil {
		return err
	}
	result, err := Do(context.Background(), store, trainStage, 5000)
	fmt.Printf("value %d", result.Value)
	return err
}

// TestTrainingOutlivesItsStore: a stage whose journal cannot be written goes on
// to its end, says so once and keeps its value and its checkpoint; the program
// fails, and the next call needs no training.
func TestTrainingOutlivesItsStore(t *testing.T) {
	store := openTemp(t)
	cmd := worker(t, store.Dir(), workVariable+"=small stage")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err == nil || string(out) != "from 0, value 5000" {
		t.Errorf("exit %v, output %q", err, out)
	}
	if text := stderr.String(); strings.Count(text, "warning:") != 1 || !strings.Contains(text, "the work goes on") || !strings.Contains(text, "stage train (run ") {
		t.Errorf("standard error %q", text)
	}
	checkpoints, _ := filepath.Glob(filepath.Join(store.Dir(), "keys", "*", "scratch", "checkpoint"))
	if len(checkpoints) != 1 {
		t.Fatalf("checkpoints %v", checkpoints)
	}
	if text, err := os.ReadFile(checkpoints[0]); err != nil || string(text) != "5000" {
		t.Errorf("the checkpoint says %q, %v", text, err)
	}
	result, err := Do(t.Context(), store, trainStage, 5000)
	if err != nil || result.Value != 5000 {
		t.Fatal(err)
	}
	run := readBack(t, store, result.Run)
	if run.Attempts != 2 || run.State != Finished {
		t.Errorf("%+v", run)
	}
}

// TestCurveOfDamagedJournals damages a run's journals at random and compares
// the fast reader with the plain one.
func TestCurveOfDamagedJournals(t *testing.T) {
	store := openTemp(t)
	id, err := store.Create(StartOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for attempt := range 3 {
		r, err := store.Resume(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		for step := attempt * 20; step < attempt*20+40; step++ {
			r.Log(step, map[string]float64{"a": float64(step), "b": float64(attempt)})
		}
		end(t, r, errors.New("again"))
	}
	a, err := store.Attach(id)
	if err != nil {
		t.Fatal(err)
	}
	for step := range 50 {
		a.LogValue("a", 2*step, -1)
	}
	end(t, a, nil)
	files, err := filepath.Glob(filepath.Join(store.RunDir(id), "journal-*"))
	if err != nil || len(files) != 4 {
		t.Fatal(files, err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range 120 {
		path := files[random.IntN(len(files))]
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// The first line stays: plain readers know by it whose events follow.
		first := bytes.IndexByte(whole, '\n') + 1
		damaged := bytes.Clone(whole[:first+random.IntN(len(whole)-first+1)])
		for range random.IntN(20) {
			if i := first + random.IntN(len(whole)); i < len(damaged) {
				damaged[i] = "\x00\n\"{}x9"[random.IntN(7)]
			}
		}
		overwrite(t, path, string(damaged))
		run := readBack(t, store, id)
		journal, err := run.Journal()
		if err != nil {
			t.Fatal(err)
		}
		fast, err := run.Metrics()
		if plain := journal.Metrics(); err != nil || !reflect.DeepEqual(fast, plain) {
			t.Fatalf("%v: fast reader %v\nplain reader %v\n%s", err, fast, plain, damaged)
		}
		overwrite(t, path, string(whole))
	}
}

// TestClockSetBack: what a later attempt says counts, whatever the clock said.
func TestClockSetBack(t *testing.T) {
	store := openTemp(t)
	id, err := store.Create(StartOptions{Tags: map[string]string{"day": "0"}})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	for attempt := 1; attempt <= 3; attempt++ {
		at = at.Add(-5 * time.Hour)
		var text []byte
		for _, e := range []Event{
			{Time: at, Type: EventAttempt, Attempt: &Attempt{Number: attempt, Process: 1, Machine: "another"}},
			{Time: at.Add(-time.Second), Type: EventTag, Tags: map[string]string{"day": fmt.Sprint(attempt)}},
			{Time: at.Add(-2 * time.Second), Type: EventMetric, Step: attempt, Values: map[string]Number{"x": Number(attempt)}},
			{Time: at.Add(-time.Hour), Type: EventState, State: Interrupted, Last: map[string]Point{"x": {Step: attempt, Value: Number(attempt)}}},
		}[:5-attempt] { // the second and third are killed
			text = newEncoder().event(text, &e)
		}
		overwriteNew(t, filepath.Join(store.RunDir(id), fmt.Sprintf("journal-%03d-x.jsonl", attempt)), string(text))
	}
	run := readBack(t, store, id)
	curve, err := run.Curve("x")
	if err != nil || len(curve) != 2 || run.Tags["day"] != "3" || run.Attempts != 3 || run.Duration() < 0 {
		t.Errorf("%+v, curve %v, %v", run, curve, err)
	}
}
