package compare

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"noisebook/pkg/figure"
	"noisebook/pkg/table"
	"noisebook/pkg/track"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func openStore(t testing.TB) *track.Store {
	t.Helper()
	store, err := track.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// settingsOf are the config of the runs below.
type settingsOf struct {
	LR    float64 `json:"lr"`
	Steps int     `json:"steps"`
	Layer struct {
		Norm string `json:"norm"`
	} `json:"layer"`
}

// record makes a finished run; its loss falls to final.
func record(t testing.TB, store *track.Store, o track.StartOptions, final float64, extra func(*track.Recording)) track.Run {
	t.Helper()
	r, err := store.Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	for step := range 10 {
		r.Log(step, map[string]float64{"loss": final + 9 - float64(step), "system/cpu": final})
	}
	r.Log(9, map[string]float64{"accuracy": 1 / (1 + final), "constant": 3})
	if extra != nil {
		extra(r)
	}
	if err := r.End(nil); err != nil {
		t.Fatal(err)
	}
	run, err := store.Run(r.ID())
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func three(t testing.TB, store *track.Store) []track.Run {
	var runs []track.Run
	for i, final := range []float64{2, 1.5, 0} {
		config := settingsOf{LR: math.Pow(10, float64(i-3)), Steps: 100}
		config.Layer.Norm = "group"
		runs = append(runs, record(t, store, track.StartOptions{Name: "train", Config: config, Tags: map[string]string{"who": "me"}}, final, func(r *track.Recording) {
			r.Dataset(track.Dataset{Name: "digits", Split: "train", Checksum: strings.Repeat(string(rune('a'+i/2)), 64)})
			r.SetEnvironment("device", []string{"cpu", "cpu", "gpu"}[i])
			if i == 1 {
				r.Param("note", "with a note")
				r.Log(9, map[string]float64{"fid": 12})
			}
		}))
	}
	return runs
}

var clock = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d`)

// plain replaces ids and times by words of their own length, which keeps the grid.
func plain(text string, runs []track.Run) string {
	for i, r := range runs {
		text = strings.ReplaceAll(text, r.ID, strings.Repeat(string(rune('A'+i)), len(r.ID)))
	}
	return clock.ReplaceAllString(text, "YYYY-MM-DD HH:MM")
}

func TestText(t *testing.T) {
	store := openStore(t)
	runs := three(t, store)
	sweep := record(t, store, track.StartOptions{Name: "a sweep", Kind: track.KindSweep}, 0, nil)
	var members []track.Run
	for i := range 6 {
		members = append(members, record(t, store, track.StartOptions{
			Name: "member", Kind: track.KindJob, Parent: sweep.ID, Config: settingsOf{LR: float64(i/2 + 1), Steps: 10 * (i % 2)},
		}, float64(i), nil))
	}
	for name, c := range map[string]struct {
		runs  []track.Run
		named []track.Run
		o     Options
	}{
		"three":  {runs, runs, Options{}},
		"metric": {runs[:2], runs, Options{Metrics: []string{"constant", "loss"}}},
		"all":    {runs[:2], runs, Options{All: true}},
		"self":   {[]track.Run{runs[0], runs[0]}, runs, Options{}},
		"sweep":  {[]track.Run{sweep}, members, Options{}},
	} {
		t.Run(name, func(t *testing.T) {
			comparison, err := New(store, c.runs, c.o)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range []*Section{&comparison.Code, &comparison.Environment} { // of this machine
				s.Facts = slices.DeleteFunc(s.Facts, func(f Fact) bool { return !f.Differs })
				s.Same = 0
			}
			for i := range comparison.Runs {
				comparison.Runs[i].Duration = time.Duration(i+1) * time.Minute
			}
			var out bytes.Buffer
			if err := comparison.WriteText(&out); err != nil {
				t.Fatal(err)
			}
			got, path := plain(out.String(), c.named), filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// Whatever a run holds, NaN too, against itself nothing differs.
func TestARunEqualsItself(t *testing.T) {
	store := openStore(t)
	for i, final := range []float64{0, -3, math.NaN(), math.Inf(1), 1e300} {
		run := record(t, store, track.StartOptions{Name: "x", Config: map[string]any{"a": []any{1, "b", nil}, "i": i}}, final, func(r *track.Recording) {
			r.Param("whole", 3)
			r.Param("undefined", math.NaN())
		})
		for _, all := range []bool{false, true} {
			c, err := New(store, []track.Run{run, run}, Options{All: all})
			if err != nil {
				t.Fatal(err)
			}
			if c.Differ() {
				t.Errorf("a run with final loss %g differs from itself: %+v", final, c)
			}
			if _, err := c.Curves(CurveOptions{}, "loss"); err != nil && !math.IsNaN(final) && !math.IsInf(final, 0) {
				t.Error(err)
			}
		}
	}
}

func TestDeltas(t *testing.T) {
	for _, c := range []struct {
		from, to           float64
		absolute, relative float64 // NaN: none
	}{
		{2, 3, 1, 0.5}, {-2, -3, -1, -0.5}, {0, 1, 1, math.NaN()}, {0, 0, 0, math.NaN()}, {5, 5, 0, 0}, {math.Inf(1), 1, math.Inf(-1), math.NaN()},
	} {
		d := deltaOf(track.Number(c.from), track.Number(c.to))
		if float64(d.Absolute) != c.absolute || (d.Relative == nil) != math.IsNaN(c.relative) || d.Relative != nil && float64(*d.Relative) != c.relative {
			t.Errorf("from %g to %g: %+v", c.from, c.to, d)
		}
	}
}

func TestBest(t *testing.T) {
	points := []track.Point{{Step: 1, Value: track.Number(math.NaN())}, {Step: 2, Value: 4}, {Step: 3, Value: 9}, {Step: 4, Value: 5}}
	if v := valuesOf(points, false); v.Best != 4 || v.BestStep != 2 || v.Last != 5 || v.Points != 4 {
		t.Errorf("lower is better: %+v", v)
	}
	if v := valuesOf(points, true); v.Best != 9 || v.BestStep != 3 {
		t.Errorf("higher is better: %+v", v)
	}
}

type trainConfig struct {
	Rate float64 `json:"rate"`
}

// A job's stage counts with its curve when it was asked for once, and with a value
// a call when several times; so does the dataset that it used.
func TestStagesOfJobs(t *testing.T) {
	store := openStore(t)
	ask := func(rate float64, scores int) track.Run {
		job, err := store.Start(context.Background(), track.StartOptions{Kind: track.KindJob, Name: "paper/table"})
		if err != nil {
			t.Fatal(err)
		}
		store.SetParent(job.ID())
		defer store.SetParent("")
		stage := track.Stage[trainConfig, int]{Name: "paper/train", Version: 1, Run: func(_ context.Context, j *track.Job, c trainConfig) (int, error) {
			j.Dataset(track.Dataset{Name: "digits", Checksum: strings.Repeat("d", 64)})
			for step := range 5 {
				j.LogValue("loss", step, c.Rate*float64(step))
			}
			return 0, nil
		}}
		score := stage
		score.Name = "paper/score"
		if _, err := track.Do(context.Background(), store, stage, trainConfig{rate}); err != nil {
			t.Fatal(err)
		}
		for i := range scores {
			if _, err := track.Do(context.Background(), store, score, trainConfig{float64(i)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := job.End(nil); err != nil {
			t.Fatal(err)
		}
		run, err := store.Run(job.ID())
		if err != nil {
			t.Fatal(err)
		}
		return run
	}
	a, b := ask(1, 3), ask(2, 3)
	c, err := New(store, []track.Run{a, b}, Options{All: true})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, m := range c.Metrics {
		got[m.Name] = fmt.Sprint(m.Values[0].Points, m.Values[0].Last, m.Values[1].Last)
	}
	if got["paper/train.loss"] != "5 4 8" || got["paper/score.loss"] != "3 8 8" {
		t.Errorf("metrics are %v", got)
	}
	if shared := c.Shared(); !slices.Contains(shared, "paper/train.loss") {
		t.Errorf("no curve of the stage among %v", shared)
	}
	if len(c.Data.Facts) != 1 || c.Data.Facts[0].Name != "digits" {
		t.Errorf("data %+v", c.Data)
	}
	for _, f := range c.Inputs.Facts {
		if f.Differs != (f.Name == "paper/train") {
			t.Errorf("input %+v", f)
		}
	}
}

func TestRefuses(t *testing.T) {
	store := openStore(t)
	run := record(t, store, track.StartOptions{Name: "x"}, 1, nil)
	empty := record(t, store, track.StartOptions{Name: "s", Kind: track.KindSweep}, 1, nil)
	for name, c := range map[string]struct {
		call func() error
		want string
	}{
		"one run":        {func() error { _, err := Runs(store, run.ID); return err }, "two or more runs"},
		"unknown run":    {func() error { _, err := Runs(store, run.ID, "zzzz"); return err }, "zzzz"},
		"empty sweep":    {func() error { _, err := Runs(store, empty.ID); return err }, "has no member"},
		"unknown metric": {func() error { _, err := New(store, []track.Run{run, run}, Options{Metrics: []string{"x"}}); return err }, "there are accuracy"},
		"no settings": {func() error {
			c, err := Runs(store, run.ID, run.ID)
			if err != nil {
				return err
			}
			_, err = c.Parallel()
			return err
		}, "that differ"},
	} {
		if err := c.call(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPartsAndJSON(t *testing.T) {
	store := openStore(t)
	runs := three(t, store)
	c, err := New(store, append(runs, runs...), Options{})
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, part := range c.Parts() {
		switch part.(type) {
		case table.Captioned:
			count["tables"]++
		case *figure.Figure:
			count["figures"]++
		default:
			t.Errorf("part %v", part)
		}
	}
	if count["figures"] != 2 || count["tables"] < 3 { // parallel coordinates and the loss
		t.Errorf("%v", count)
	}
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var back Comparison
	if err := json.Unmarshal(data, &back); err != nil || len(back.Runs) != 6 || back.Runs[0].ID != runs[0].ID {
		t.Errorf("%v: %s", err, data)
	}
	if _, err := c.Curves(CurveOptions{Log: true, Time: true}, "loss", "accuracy"); err != nil {
		t.Error(err)
	}
}
