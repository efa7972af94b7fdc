package query

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"noisebook/pkg/track"
	"noisebook/pkg/track/index"
)

// sample is a store of three runs and a stage:
//
//	a  joint/sweep  finished  fid 30, 10, 20  lr 1e-3  note "baseline"
//	b  joint/sweep  failed    fid 5, NaN      lr 1e-5
//	c  drl/sweep    finished  acc 0.2, 0.9    no lr
//	d  joint/train  finished stage, no metrics
func sample(t testing.TB) *index.Index {
	t.Helper()
	store, err := track.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	start := func(name string, config any, tags map[string]string) *track.Recording {
		r, err := store.Start(t.Context(), track.StartOptions{Name: name, Kind: track.KindJob, Config: config, Tags: tags})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	a := start("joint/sweep", map[string]any{"train": map[string]any{"lr": 1e-3}, "channels": []int{8, 16}, "n": 3, "flip": true, "opt": "adam"}, map[string]string{"note": "baseline", "who": "a"})
	for step, v := range []float64{30, 10, 20} {
		a.Log(step*10, map[string]float64{"fid": v, "val/loss": v / 10})
	}
	b := start("joint/sweep", map[string]any{"train": map[string]any{"lr": 1e-5}, "n": 4, "opt": "sgd"}, map[string]string{"who": "b"})
	b.Log(0, map[string]float64{"fid": 5})
	b.Log(7, map[string]float64{"fid": math.NaN()})
	c := start("drl/sweep", map[string]any{"n": 5}, map[string]string{"who": "c"})
	c.LogValue("acc", 1, 0.2)
	c.LogValue("acc", 2, 0.9)
	for r, end := range map[*track.Recording]error{a: nil, b: errors.New("loss is NaN"), c: nil} {
		if err := r.End(end); err != nil {
			t.Fatal(err)
		}
	}
	stage := track.Stage[int, int]{Name: "joint/train", Version: 3, Run: func(_ context.Context, _ *track.Job, c int) (int, error) { return c, nil }}
	if _, err := track.Do(t.Context(), store, stage, 5); err != nil {
		t.Fatal(err)
	}
	x := index.Open(t.Context(), store, func(text string) { t.Error(text) })
	t.Cleanup(func() { _ = x.Close() })
	return x
}

// who names the runs of a result by their tag; the stage is d.
func who(r Result) string {
	var b strings.Builder
	for _, row := range r.Rows {
		if tag := row.Tags()["who"]; tag != "" {
			b.WriteString(tag)
		} else {
			b.WriteString("d")
		}
	}
	return b.String()
}

func TestFilters(t *testing.T) {
	x := sample(t)
	for filter, want := range map[string]string{
		``: "abcd",
		`paper == "joint" && metrics.fid.min < 20`:    "ab",
		`state == "failed"`:                           "b",
		`params.train.lr > 1e-4`:                      "a",
		`params["train.lr"] > 1e-4`:                   "a",
		`params.train["lr"] <= 1e-5`:                  "b",
		`tags.note`:                                   "a",
		`not tags.note`:                               "bcd",
		`!tags.note && kind == "job"`:                 "bc",
		`age < duration("24h")`:                       "abcd",
		`age < "24h" and age >= "0s"`:                 "abcd",
		`age > "1d"`:                                  "",
		`started > "2020-01-01"`:                      "abcd",
		`started < "2020-01-01 10:30"`:                "",
		`duration < "1h"`:                             "abcd",
		`kind == "stage"`:                             "d",
		`stage == "joint/train" && version == 3`:      "d",
		`name == "drl/sweep"`:                         "c",
		`name startsWith "joint"`:                     "ab",
		`error contains "NaN"`:                        "b",
		`tags.note contains "base"`:                   "a",
		`tags.note matches "^b.*e$"`:                  "a",
		`tags.note endsWith "line"`:                   "a",
		`tags.note == nil && kind == "job"`:           "bc",
		`params.train.lr != nil`:                      "ab",
		`params.train.lr != 0.001`:                    "b", // what is missing is not unequal either
		`params.n in [3, 5]`:                          "ac",
		`params.n not in [3, 5] && params.n != nil`:   "b",
		`16 in params.channels`:                       "a",
		`params.channels == [8, 16]`:                  "a",
		`params.channels[0] == 8`:                     "a",
		`params.flip`:                                 "a",
		`params.opt == "adam" || params.opt == "sgd"`: "ab",
		`params.opt > 3`:                              "", // text is not ordered against numbers
		`"note" in tags`:                              "a",
		`"train.lr" in params`:                        "ab",
		`"acc" in metrics`:                            "c",
		`metrics.fid`:                                 "a", // NaN is no yes
		`metrics.fid.last < 100`:                      "a",
		`metrics.fid.min < 100`:                       "ab",
		`metrics.fid.best == 10`:                      "a",
		`metrics.acc.best == 0.9`:                     "c",
		`metrics.fid.first == 30`:                     "a",
		`metrics.fid.max == 30`:                       "a",
		`metrics.fid.count >= 2`:                      "ab",
		`metrics.fid.best_step == 10`:                 "a",
		`metrics.fid.at(10) == 10`:                    "a",
		`metrics.fid.at(19) == 10`:                    "a",
		`metrics.fid.at(20) == 20`:                    "a",
		`metrics.fid.at(-1) < 100`:                    "",
		`metrics["val/loss"].min < 2`:                 "a",
		`metrics["val/loss"]["min"] < 2`:              "a",
		`metrics?.fid?.min < 20`:                      "ab",
		`metrics.fid.max - metrics.fid.min > 15`:      "a",
		`-metrics.fid.min < -7`:                       "a",
		`metrics.fid.min / params.n < 2`:              "b",
		`metrics.fid.min < metrics.acc.max`:           "", // no run has both
		`(metrics.fid.min ?? 1000) > 500`:             "cd",
		`lower(tags.note) == "baseline"`:              "a",
		`len(params.channels) == 2`:                   "a",
		`state in ["failed", "crashed"]`:              "b",
		`params.n > 3 ? tags.who == "b" : false`:      "b",
		`attempts == 1 && dropped == 0`:               "abcd",
		`id != "" && key != ""`:                       "d",
	} {
		result, err := Run(t.Context(), x, Query{Filter: filter, Sort: []string{`tags.who`}})
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		if got := who(result); got != want || result.Total != len(want) {
			t.Errorf("%s: %q (%d), want %q", filter, got, result.Total, want)
		}
	}
}

func TestErrorsSayWhatToWrite(t *testing.T) {
	for text, want := range map[string]string{
		`stat == "failed"`:         "did you mean state?",
		`metric.fid.min < 2`:       "did you mean metrics?",
		`param.lr < 2`:             "did you mean params?",
		`stage == joint`:           `text is written "joint"`,
		`paper ==`:                 "filter: paper ==: unexpected token",
		`state = "failed"`:         "equality is written ==",
		`metrics.fid.mn < 2`:       "did you mean min, or",
		`metrics.val.loss < 2`:     `metrics["val.loss"]`,
		`metrics.val/loss < 2`:     `metrics["val/loss"]`,
		`metrics.fid.at < 2`:       "at(1000)",
		`metrics.fid.at(1, 2) < 2`: "needs one step",
		`metrics[name] < 2`:        "fixed name",
		`params.lr.max() < 2`:      "no function",
		`age < "yesterday"`:        `"yesterday" is no duration: write 90s`,
		`started > "soon"`:         `"soon" is no time: write 2026-03-01`,
		`tags.note matches "("`:    "missing closing )",
		`attempts + "a" == 3`:      "mismatched types int and string",
		`"joint`:                   "literal not terminated",
	} {
		x := sample(t)
		_, err := Run(t.Context(), x, Query{Filter: text})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one line with %q", text, err, want)
		}
	}
	for _, q := range []Query{{Sort: []string{"metrics.fid.mni"}}, {Columns: []string{"tag.note"}}, {Sort: []string{"-"}}} {
		if err := Check(q); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

func TestSortColumnsLimit(t *testing.T) {
	x := sample(t)
	for sort, want := range map[string]string{
		`metrics.fid.min`:               "badc", // without fid last, the newest first
		`-metrics.fid.min`:              "abdc",
		`metrics.fid.last`:              "adcb", // NaN after all, with the missing
		`-metrics.fid.last`:             "adcb",
		`-params.n`:                     "cbad",
		`params.opt,-params.n`:          "abcd",
		`-started`:                      "dcba",
		`started`:                       "abcd",
		`paper, -metrics.fid.min`:       "cabd",
		`metrics["val/loss"].min, name`: "acbd",
	} {
		keys, err := Split(sort)
		if err != nil {
			t.Fatal(err)
		}
		result, err := Run(t.Context(), x, Query{Sort: keys})
		if err != nil {
			t.Errorf("%s: %v", sort, err)
			continue
		}
		got := who(result)
		if sort == `metrics.fid.last` || sort == `-metrics.fid.last` { // b, c and d tie
			got, want = got[:1], want[:1]
		}
		if got != want {
			t.Errorf("%s: %s, want %s", sort, got, want)
		}
	}
	columns := []string{"tags.who", "metrics.fid.min", "params.n * 2", "metrics.fid.at(10)", "duration", "params.channels"}
	result, err := Run(t.Context(), x, Query{Sort: []string{"tags.who"}, Columns: columns, Limit: 2})
	if err != nil || len(result.Rows) != 2 || result.Total != 4 || !slices.Equal(result.Columns, columns) {
		t.Fatalf("%+v, %v", result, err)
	}
	values := result.Rows[0].Values
	if _, isDuration := values[4].(time.Duration); !isDuration {
		t.Errorf("duration is %T", values[4])
	}
	values[4] = nil
	if got, want := fmt.Sprint(values), "[a 10 6 10 <nil> [8 16]]"; got != want {
		t.Errorf("columns %s, want %s", got, want)
	}
	if v := result.Rows[1].Values[5]; v != nil {
		t.Errorf("a missing list is %v", v)
	}
}

func TestKindStateStage(t *testing.T) {
	x := sample(t)
	for want, q := range map[string]Query{
		"d":   {Kinds: []track.Kind{track.KindStage}},
		"abc": {Kinds: []track.Kind{track.KindJob, track.KindSweep}},
		"b":   {States: []track.State{track.Failed, track.Crashed}},
		"":    {Stage: "joint/sample"},
	} {
		q.Sort = []string{"tags.who"}
		if result, err := Run(t.Context(), x, q); err != nil || who(result) != want {
			t.Errorf("%+v: %s, %v", q, who(result), err)
		}
	}
}

func TestSplit(t *testing.T) {
	for list, want := range map[string][]string{
		``:                    nil,
		`a`:                   {"a"},
		`a, -b.c`:             {"a", "-b.c"},
		`f(a, b), m["x,y"]`:   {"f(a, b)", `m["x,y"]`},
		`"a\",b",'c,d',[1,2]`: {`"a\",b"`, `'c,d'`, `[1,2]`},
		`a,`:                  {"a", ""},
	} {
		if got, err := Split(list); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v, want %q", list, got, err, want)
		}
	}
	for _, list := range []string{`m["x`, `f(a`, `a)`} {
		if got, err := Split(list); err == nil {
			t.Errorf("%s: %q", list, got)
		}
	}
}

// FuzzFilter holds that no text makes the compiler or an evaluation panic, and
// that every error is one line.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{`paper == "joint" && metrics.fid.min < 20`, `metrics.a.at(3)`, `params.x[0]?.y ?? 3`, `tags in params`, `-tags`, `let a = params.x; a > 3`} {
		f.Add(seed)
	}
	entry := &index.Entry{ID: "x"}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := newPlan(Query{Filter: text})
		if err == nil && p.filter != nil {
			_, err = evaluate([]*index.Entry{entry}, nil, time.Now(), p.filter, nil)
		}
		if err != nil && strings.Contains(err.Error(), "\n") && !strings.Contains(text, "\n") {
			t.Errorf("%q: %v", text, err)
		}
	})
}
