package sweep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"noisebook/pkg/launch"
	"noisebook/pkg/track"
)

// executor measures the square of a member's x plus its seed, in this process.
type executor struct {
	mu       sync.Mutex
	executed []string
	peak     int
	now      int
	refuse   string // the name of the member that cannot begin
	meet     chan struct{}
}

func (e *executor) Execute(ctx context.Context, store *track.Store, id string) error {
	e.mu.Lock()
	e.now++
	e.peak = max(e.peak, e.now)
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		e.now--
		e.mu.Unlock()
	}()
	run, err := store.Run(id)
	if err != nil {
		return err
	}
	if run.Name == e.refuse {
		return errors.New("no room")
	}
	recording, err := store.Resume(ctx, id)
	if err != nil {
		return err
	}
	e.mu.Lock()
	e.executed = append(e.executed, run.Name)
	e.mu.Unlock()
	if e.meet != nil {
		select { // two at a time: each waits for another
		case e.meet <- struct{}{}:
		case <-e.meet:
		}
	}
	var x, seed float64
	if _, err := fmt.Sscanf(run.Name, "x=%g s=%g", &x, &seed); err != nil {
		return err
	}
	if x < 0 {
		return recording.End(errors.New("x is below 0"))
	}
	recording.Log(0, map[string]float64{"square": x*x + seed, "same": 7, "system/cpu": seed})
	recording.Log(0, map[string]float64{"curve": 1})
	recording.Log(1, map[string]float64{"curve": 3})
	return recording.End(nil)
}

func planned(xs ...float64) (members []Member, jobs []launch.Job) {
	for _, x := range xs {
		for seed := range 2 {
			m := Member{Setting: []string{fmt.Sprintf("x=%g", x)}, Seed: []string{fmt.Sprintf("s=%d", 2*seed)}}
			members = append(members, m)
			jobs = append(jobs, launch.Job{Name: strings.Join(m.Overrides(), " "), Args: m.Overrides()})
		}
	}
	return members, jobs
}

func sweepRun(t *testing.T) (*track.Store, string) {
	t.Helper()
	store, err := track.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	id, err := store.Create(track.StartOptions{Kind: track.KindSweep})
	if err != nil {
		t.Fatal(err)
	}
	return store, id
}

func TestRunKeepsWhatFinished(t *testing.T) {
	store, id := sweepRun(t)
	members, jobs := planned(1, -1, 3)
	e := &executor{refuse: "x=3 s=2", meet: nil}
	var last Status
	results, err := Run(t.Context(), store, id, members, jobs, Options{Executor: e, Report: func(s Status) { last = s }})
	if err != nil || last != (Status{Total: 6, Finished: 3, Failed: 3}) {
		t.Fatalf("%+v, %v", last, err)
	}
	if got := results[2].Problem() + "; " + results[5].Problem(); got != "x is below 0; no room" {
		t.Errorf("problems: %s", got)
	}
	e.refuse, e.executed = "", nil
	if _, err = Run(t.Context(), store, id, members, jobs, Options{Executor: e}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(e.executed, ", "); got != "x=-1 s=0, x=-1 s=2, x=3 s=2" {
		t.Errorf("resumed %s, want what had failed or not begun", got)
	}
	if children, err := store.Children(id); err != nil || len(children) != 6 {
		t.Errorf("%d children, %v", len(children), err)
	}
}

func TestRunInParallel(t *testing.T) {
	store, id := sweepRun(t)
	members, jobs := planned(1, 2, 3)
	e := &executor{meet: make(chan struct{})}
	if _, err := Run(t.Context(), store, id, members, jobs, Options{Executor: e, Parallel: 2}); err != nil || e.peak != 2 || len(e.executed) != 6 {
		t.Errorf("%d at a time, %d in all, %v", e.peak, len(e.executed), err)
	}
}

func TestRunStopsWithItsContext(t *testing.T) {
	store, id := sweepRun(t)
	members, jobs := planned(1, 2)
	ctx, cancel := context.WithCancel(t.Context())
	stopping := InProcess(func(context.Context, *track.Store, string) error {
		cancel()
		return ctx.Err()
	})
	results, err := Run(ctx, store, id, members, jobs, Options{Executor: stopping})
	if !errors.Is(err, context.Canceled) || results[3].Run.ID != "" || results[3].Problem() != "not started" {
		t.Errorf("%+v, %v", results[3], err)
	}
}

func TestSummary(t *testing.T) {
	store, id := sweepRun(t)
	members, jobs := planned(1, -1, 3)
	results, err := Run(t.Context(), store, id, members, jobs, Options{Executor: &executor{}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Summarise(results)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(s.Metrics, " "); got != "curve.mean same square" {
		t.Errorf("metrics %s", got)
	}
	settings := s.Settings()
	if got := strings.Join(settings.Columns, " "); got != "x runs curve.mean curve.mean_sd same same_sd square square_sd" {
		t.Errorf("columns %s", got)
	}
	want := [][]string{{"1", "2", "2", "0", "7", "0", "2"}, {"-1", "0", "", "", "", "", "", ""}, {"3", "2", "2", "0", "7", "0", "10"}}
	for i, row := range settings.Rows {
		if got := strings.Join(row[:len(want[i])], " "); got != strings.Join(want[i], " ") {
			t.Errorf("row %d is %s, want %v", i, got, want[i])
		}
	}
	if sd, err := settings.Where("x", 1); err != nil || sd.Rows[0][7] != fmt.Sprint(math.Sqrt2) {
		t.Errorf("of 1 and 3 the deviation is %v, want √2", sd.Rows)
	}
	if m := s.Members(); m.Len() != 6 || m.Rows[2][len(m.Columns)-1] != "x is below 0" || m.Rows[1][4] != "2" {
		t.Errorf("members %v %v", m.Columns, m.Rows)
	}
	var out bytes.Buffer
	if err := s.Print(&out); err != nil {
		t.Fatal(err)
	}
	if want := "x   runs  square\n1   2/2   2 ± 1.4\n-1  0/2   –\n3   2/2   10 ± 1.4\n"; out.String() != want {
		t.Errorf("prints\n%swant\n%s", &out, want)
	}
	out.Reset()
	if err := s.Print(&out, "same"); err != nil || !strings.Contains(out.String(), "7 ± 0") {
		t.Errorf("%s, %v", &out, err)
	}
	if err := s.Print(&out, "fid"); err == nil || !strings.Contains(err.Error(), "curve.mean, same, square") {
		t.Error(err)
	}
}
