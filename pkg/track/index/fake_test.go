package index

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"noisebook/pkg/track"
)

// fake writes a store's files as processes would that log, are killed, resume
// and attach, but one write at a time and cut wherever the test wants.
type fake struct {
	t      testing.TB
	store  *track.Store
	random *rand.Rand
	clock  time.Time // of folders that were left alone; each has its own
	runs   []*fakeRun
}

type fakeRun struct {
	id       string
	dir      string
	attempts int
	steps    int
	attempt  *fakeWriter   // nil when no process works on the run
	attached []*fakeWriter // those that have not left
}

// fakeWriter is a process's journal.
type fakeWriter struct {
	path string
	rest []byte // of a line that is only written in part
	last map[string]track.Point
}

func newFake(t testing.TB, seed uint64) *fake {
	t.Helper()
	store, err := track.Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	return &fake{t: t, store: store, random: rand.New(rand.NewPCG(seed, 7)), clock: time.Now().Add(-30 * 24 * time.Hour)}
}

func (f *fake) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fake) newRun() *fakeRun {
	kinds := []track.Kind{track.KindRun, track.KindJob, track.KindSweep}
	id, err := f.store.Create(track.StartOptions{
		Name: fmt.Sprintf("joint/run-%d", len(f.runs)), Kind: kinds[f.random.IntN(3)],
		Config: map[string]any{"lr": f.random.Float64(), "seed": int64(1)<<60 + 1, "list": []int{1, 2}},
		Tags:   map[string]string{"first": "yes"},
	})
	f.must(err)
	r := &fakeRun{id: id, dir: f.store.RunDir(id)}
	f.runs = append(f.runs, r)
	return r
}

// writer starts the journal of a process that is not of this machine.
func (f *fake) writer(r *fakeRun, name string, kind track.EventType) *fakeWriter {
	w := &fakeWriter{path: filepath.Join(r.dir, fmt.Sprintf("journal-%s-%06d.jsonl", name, f.random.IntN(1e6))), last: map[string]track.Point{}}
	w.event(f, track.Event{Type: kind, Attempt: &track.Attempt{Number: r.attempts, Process: 1, Machine: "elsewhere"}})
	return w
}

// event appends a line; sometimes its end comes only with the next one.
func (w *fakeWriter) event(f *fake, e track.Event) {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	line, err := json.Marshal(e)
	f.must(err)
	data := append(w.rest, append(line, '\n')...)
	w.rest = nil
	if f.random.IntN(4) == 0 {
		cut := len(data) - f.random.IntN(min(len(data), 60))
		w.rest = bytes.Clone(data[cut:])
		data = data[:cut]
	}
	w.write(f, data)
}

func (w *fakeWriter) write(f *fake, data []byte) {
	file, err := os.OpenFile(w.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	f.must(err)
	_, err = file.Write(data)
	f.must(err)
	f.must(file.Close())
}

// act does one random thing to the store.
func (f *fake) act() {
	if len(f.runs) == 0 || f.random.IntN(25) == 0 {
		f.newRun()
		return
	}
	r := f.runs[f.random.IntN(len(f.runs))]
	if r.attempt == nil && f.random.IntN(2) == 0 {
		r.attempts++
		if r.attempts > 1 && r.steps > 0 {
			r.steps -= f.random.IntN(min(r.steps, 4) + 1) // resumed from a checkpoint
		}
		r.attempt = f.writer(r, fmt.Sprintf("%03d", r.attempts), track.EventAttempt)
		return
	}
	switch f.random.IntN(12) {
	case 0:
		r.attached = append(r.attached, f.writer(r, "a", track.EventAttach))
	case 1: // leave alone for a while
		f.clock = f.clock.Add(time.Minute)
		f.must(os.Chtimes(r.dir, f.clock, f.clock))
	case 2:
		if r.attempt != nil {
			states := []track.State{track.Finished, track.Failed, track.Interrupted}
			state := states[f.random.IntN(3)]
			end := track.Event{Type: track.EventState, State: state, Last: r.attempt.last}
			if state != track.Finished {
				end.Error = "because"
			}
			r.attempt.event(f, end)
			r.attempt.write(f, r.attempt.rest)
		}
		r.attempt = nil
	case 3: // killed, perhaps in the middle of a line
		r.attempt = nil
	case 4:
		if n := len(r.attached); n > 0 {
			w := r.attached[n-1]
			if f.random.IntN(2) == 0 {
				w.event(f, track.Event{Type: track.EventDetach, Last: w.last})
				w.write(f, w.rest)
			}
			r.attached = r.attached[:n-1]
		}
	default:
		writers := r.attached
		if r.attempt != nil {
			writers = append([]*fakeWriter{r.attempt}, writers...)
		}
		if len(writers) > 0 {
			f.log(r, writers[f.random.IntN(len(writers))])
		}
	}
}

func (f *fake) log(r *fakeRun, w *fakeWriter) {
	switch f.random.IntN(10) {
	case 0:
		w.event(f, track.Event{Type: track.EventTag, Tags: map[string]string{"note": fmt.Sprint(f.random.IntN(9))}})
	case 1:
		w.event(f, track.Event{Type: track.EventTag, Tags: map[string]string{[]string{"note", "first"}[f.random.IntN(2)]: ""}})
	case 2:
		w.event(f, track.Event{Type: track.EventParam, Params: track.Params{"found": f.random.IntN(9)}})
	case 3:
		w.event(f, track.Event{Type: track.EventNote, Text: "hello"})
	case 4: // between lines: what follows a cut line in its file is its rest
		w.write(f, append(w.rest, "\x00 damage \xff\n"...))
		w.rest = nil
	default:
		values := map[string]track.Number{}
		for _, name := range []string{"loss", "fid", "val/loss"} {
			if f.random.IntN(3) > 0 {
				value := track.Number(f.random.IntN(20))
				switch f.random.IntN(20) {
				case 0:
					value = track.Number(math.NaN())
				case 1:
					value = track.Number(math.Inf(1 - 2*f.random.IntN(2)))
				}
				values[name] = value
				w.last[name] = track.Point{Step: r.steps, Value: value}
			}
		}
		w.event(f, track.Event{Type: track.EventMetric, Step: r.steps, Values: values})
		switch f.random.IntN(8) {
		case 0:
			r.steps = max(0, r.steps-2) // an odd program
		case 1: // the same step again
		default:
			r.steps++
		}
	}
}
