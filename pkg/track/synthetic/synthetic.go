// Package synthetic makes stores of many runs, for tests and benchmarks of what
// reads them. It writes a store's files itself: through package track each run
// would wait for the disk several times.
package synthetic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"noisebook/pkg/track"
)

// Options say how large a store is.
type Options struct {
	Runs   int
	Points int    // of each metric of each run
	Seed   uint64 // of everything random
}

// metrics are those of every run, in the order in which package track writes them.
var metrics = []string{"accuracy", "fid", "grad_norm", "loss", "lr", "val/loss"}

// Write fills an empty folder with a store of finished and failed stages, jobs
// and free runs, the oldest of which started so many minutes ago. Run i has the id
// returned by [ID].
func Write(dir string, o Options) error {
	if err := os.MkdirAll(filepath.Join(dir, "objects"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "store.json"), []byte("{\"format\":2}\n"), 0o644); err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(o.Seed, 1))
	now := time.Now().Truncate(time.Millisecond).UTC()
	for i := range o.Runs {
		started := now.Add(-time.Duration(o.Runs-i) * time.Minute)
		if err := writeRun(dir, i, o.Points, started, random); err != nil {
			return err
		}
	}
	return nil
}

// ID is the id of the i-th run.
func ID(i int) string { return fmt.Sprintf("s%09d", i) }

// identity is a run.json.
type identity struct {
	Format     int               `json:"format"`
	ID         string            `json:"id"`
	Kind       track.Kind        `json:"kind"`
	Name       string            `json:"name,omitempty"`
	Stage      string            `json:"stage,omitempty"`
	Version    int               `json:"version,omitempty"`
	Key        string            `json:"key,omitempty"`
	Config     any               `json:"config"`
	Tags       map[string]string `json:"tags,omitempty"`
	Started    time.Time         `json:"started"`
	Provenance track.Provenance  `json:"provenance"`
}

func writeRun(store string, i, points int, started time.Time, random *rand.Rand) error {
	paper := []string{"joint", "drl", "da"}[i%3]
	run := identity{
		Format: 2, ID: ID(i), Kind: []track.Kind{track.KindStage, track.KindStage, track.KindJob, track.KindRun}[i%4], Started: started,
		Config: map[string]any{
			"train": map[string]any{"lr": math.Pow(10, -2-3*random.Float64()), "steps": 1000 * (1 + i%5), "batch": 128},
			"model": map[string]any{"channels": []int{32, 64, 128}, "dropout": 0.1, "attention": i%2 == 0},
			"alpha": []int{0, 10, 100}[i%3], "seed": i % 10, "tier": "quick", "dataset": "fashion-mnist",
		},
		Provenance: track.Provenance{Commit: fmt.Sprintf("%040x", 7+i/100), Go: "go1.26", Platform: "linux/amd64", Host: "laptop", Command: []string{"noisebook", "run"}},
	}
	if run.Kind == track.KindStage {
		run.Stage, run.Version, run.Key = paper+"/train", 1, fmt.Sprintf("%064x", i)
	} else {
		run.Name = paper + "/alpha-sweep"
	}
	if i%5 == 0 {
		run.Tags = map[string]string{"note": "ablation " + strconv.Itoa(i%7)}
	}
	data, err := json.MarshalIndent(run, "", "  ")
	if err != nil {
		return err
	}
	dir := filepath.Join(store, "runs", run.ID)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "run.json"), data, 0o644); err != nil {
		return err
	}
	journal, err := journalOf(i, points, started, random)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "journal-001-synthe.jsonl"), journal, 0o644)
}

func journalOf(i, points int, started time.Time, random *rand.Rand) ([]byte, error) {
	var journal bytes.Buffer
	lines := json.NewEncoder(&journal)
	if err := lines.Encode(track.Event{Time: started, Type: track.EventAttempt, Attempt: &track.Attempt{Number: 1, Process: 1, Machine: "elsewhere"}}); err != nil {
		return nil, err
	}
	now := started
	last := map[string]track.Point{}
	level := random.Float64() * 10
	for step := range points {
		now = now.Add(10 * time.Millisecond)
		decay := 1 / (1 + float64(step)/10)
		values := []float64{1 - 0.9*decay, 5 + 40*random.Float64()*decay, random.ExpFloat64(), level * decay, 1e-3 * decay, level*decay + 0.1}
		journal.WriteString(`{"t":"`)
		journal.WriteString(now.Format(time.RFC3339Nano))
		fmt.Fprintf(&journal, `","type":"metric","step":%d,"values":{`, step)
		for k, name := range metrics {
			if k > 0 {
				journal.WriteByte(',')
			}
			value, err := track.Number(values[k]).MarshalJSON()
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&journal, "%q:%s", name, value)
			last[name] = track.Point{Step: step, Value: track.Number(values[k])}
		}
		journal.WriteString("}}\n")
	}
	end := track.Event{Time: now, Type: track.EventState, State: track.Finished, Last: last}
	if i%17 == 0 {
		end.State, end.Error = track.Failed, "loss is NaN at step "+strconv.Itoa(points)
	}
	err := lines.Encode(end)
	return journal.Bytes(), err
}
