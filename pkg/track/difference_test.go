package track

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
)

func TestDiffConfigs(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"equal":            {`{"a": 1, "b": [1, 2]}`, `{"b": [1,2], "a": 1}`, ""},
		"value":            {`{"a": 1}`, `{"a": 2}`, "a 1 → 2"},
		"nested":           {`{"train": {"lr": 0.1, "steps": 5}}`, `{"train": {"lr": 0.01, "steps": 5}}`, "train.lr 0.1 → 0.01"},
		"new":              {`{}`, `{"a": "x"}`, `a is new: "x"`},
		"gone":             {`{"a": true}`, `{}`, "a is gone: true"},
		"to null":          {`{"a": 1}`, `{"a": null}`, "a 1 → null"},
		"list is one":      {`{"a": [0, 10]}`, `{"a": [0, 10, 100]}`, "a [0,10] → [0,10,100]"},
		"list of objects":  {`{"a": [{"b": 1}, {"b": 2}]}`, `{"a": [{"b": 1}, {"b": 3}]}`, "a.1.b 2 → 3"},
		"longer objects":   {`{"a": [{"b": 1}]}`, `{"a": [{"b": 1}, {}]}`, `a [{"b":1}] → [{"b":1},{}]`},
		"other type":       {`{"a": {"b": 1}}`, `{"a": 1}`, `a {"b":1} → 1`},
		"scalar":           {`1`, `2`, "config 1 → 2"},
		"large integers":   {`{"a": 9007199254740993}`, `{"a": 9007199254740992}`, "a 9007199254740993 → 9007199254740992"},
		"in order of path": {`{"b": 1, "a": 1}`, `{"b": 2, "a": 2}`, "a 1 → 2, b 1 → 2"},
		"none before":      {``, `{"a": 1}`, `config is new: {"a":1}`},
		"many": {`{"a": 1, "b": 1, "c": 1, "d": 1, "e": 1}`, `{"a": 2, "b": 2, "c": 2, "d": 2, "e": 2}`,
			"a 1 → 2, b 1 → 2, c 1 → 2; 2 more"},
		"long": {`{"a": "` + strings.Repeat("x", 100) + `"}`, `{"a": ""}`, `a "xxxxxxxxxx…xxxxxxxxxxx" → ""`},
	} {
		d := Difference{SameKey: true, Config: diffConfigs(json.RawMessage(c.old), json.RawMessage(c.new))}
		if got := d.Reason(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

type whyConfig struct {
	Seed  int     `json:"seed"`
	Train whyPart `json:"train"`
}

type whyPart struct {
	Steps int     `json:"steps"`
	Rate  float64 `json:"lr"`
}

func whyStage(name string, version int) Stage[whyConfig, string] {
	return Stage[whyConfig, string]{Name: name, Version: version, Run: func(_ context.Context, _ *Job, c whyConfig) (string, error) {
		return fmt.Sprint(name, c), nil
	}}
}

// chain trains, samples from the training and scores the samples.
func chain(t *testing.T, store *Store, train, score whyConfig, version int) (trained, sampled, scored Result[string]) {
	t.Helper()
	trained, err := Do(t.Context(), store, whyStage("train", version), train)
	if err != nil {
		t.Fatal(err)
	}
	sample := whyStage("sample", 1)
	sample.Run = func(context.Context, *Job, whyConfig) (string, error) { return "of " + trained.Value, nil }
	if sampled, err = Do(t.Context(), store, sample, whyConfig{}, trained, DatasetInput(Dataset{Name: "digits", Checksum: "d1"})); err != nil {
		t.Fatal(err)
	}
	if scored, err = Do(t.Context(), store, whyStage("score", 1), score, sampled); err != nil {
		t.Fatal(err)
	}
	return trained, sampled, scored
}

func TestWhy(t *testing.T) {
	store := openTemp(t)
	_, _, first := chain(t, store, whyConfig{Seed: 1}, whyConfig{}, 1)
	_, _, second := chain(t, store, whyConfig{Seed: 2, Train: whyPart{Steps: 5}}, whyConfig{}, 1)
	trained, _, third := chain(t, store, whyConfig{Seed: 2, Train: whyPart{Steps: 5}}, whyConfig{Seed: 7}, 2)
	for name, c := range map[string]struct{ run, other, want string }{
		"through two inputs":   {second.Run, first.Run, "train: seed 1 → 2, train.steps 0 → 5"},
		"the last by default":  {second.Run[:9], "", "train: seed 1 → 2, train.steps 0 → 5"},
		"the other way":        {first.Run, second.Run, "train: seed 2 → 1, train.steps 5 → 0"},
		"equal content":        {third.Run, "", "seed 0 → 7"},
		"version":              {trained.Run, "", "version 1 → 2"},
		"version and the rest": {trained.Run, "train of the first", "version 1 → 2, seed 1 → 2, train.steps 0 → 5"},
	} {
		if c.other == "train of the first" {
			c.other = inputRun(t, store, inputRun(t, store, first.Run))
		}
		d, err := store.Why(c.run, c.other)
		if err != nil || d.Reason() != c.want {
			t.Errorf("%s: %q, %v, want %q", name, d.Reason(), err, c.want)
		}
	}

	d, err := store.Why(second.Run, "")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := d.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"score: run " + second.Run + " against run " + first.Run + "\n", "  input    sample ", "    input    train ", "      config   seed 1 → 2\n", "      config   train.steps 0 → 5\n"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, text.String())
		}
	}
	for name, c := range map[string]struct{ run, other, want string }{
		"first":        {first.Run, "", "the first of stage score"},
		"other stage":  {first.Run, trained.Run, "compare runs of one stage"},
		"itself":       {first.Run, first.Run, "with itself"},
		"none":         {"nothing", "", "no run"},
		"none besides": {first.Run, "nothing", "no run"},
	} {
		if _, err := store.Why(c.run, c.other); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func inputRun(t *testing.T, store *Store, id string) string {
	t.Helper()
	run, err := store.Run(id)
	if err != nil {
		t.Fatal(err)
	}
	return run.Inputs[0].Run
}

func TestWhyWithRunsThatAreGone(t *testing.T) {
	store := openTemp(t)
	_, _, first := chain(t, store, whyConfig{Seed: 1}, whyConfig{}, 1)
	_, _, second := chain(t, store, whyConfig{Seed: 2}, whyConfig{}, 1)
	made := inputRun(t, store, first.Run)
	if err := store.Trash(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	if d, err := store.Why(second.Run, ""); err != nil || d.Reason() != "train: seed 1 → 2" {
		t.Errorf("an input's run is in the trash: %q, %v", d.Reason(), err)
	}
	if err := os.RemoveAll(store.trashDir(made)); err != nil {
		t.Fatal(err)
	}
	d, err := store.Why(second.Run, "")
	if err != nil || d.Reason() != "input sample changed" || !strings.Contains(d.Inputs[0].Note, made) {
		t.Errorf("an input's run is gone: %+v, %v", d, err)
	}
}

func TestWhyOfTheSameKey(t *testing.T) {
	store := openTemp(t)
	var calls atomic.Int32
	first, err := Do(t.Context(), store, sumStage(&calls), sumConfig{A: 1})
	if err != nil {
		t.Fatal(err)
	}
	store.Recompute()
	second, err := Do(t.Context(), store, sumStage(&calls), sumConfig{A: 1})
	if err != nil {
		t.Fatal(err)
	}
	d, err := store.Why(second.Run, "")
	if err != nil || !d.SameKey || d.Reason() != "" || d.Old != first.Run {
		t.Errorf("%+v, %v", d, err)
	}
	var text strings.Builder
	_ = d.WriteText(&text)
	if !strings.Contains(text.String(), "the key is the same: it was computed twice by the same code") {
		t.Error(text.String())
	}
	older, newer := runFile{Stage: "s", Key: "k"}, runFile{Stage: "s", Key: "k"}
	older.Provenance.CodeHash, newer.Provenance.CodeHash = "a", "b"
	text.Reset()
	_ = store.difference(older, newer, 1).WriteText(&text)
	if !strings.Contains(text.String(), "the code changed between") {
		t.Error(text.String())
	}
}

// A cause that several inputs share is named once.
func TestACauseIsNamedOnce(t *testing.T) {
	cause := Difference{Stage: "train", Old: "t1", New: "t2", Config: diffConfigs(json.RawMessage(`{"seed":1}`), json.RawMessage(`{"seed":2}`))}
	through := func(n int) Difference {
		return Difference{Stage: "sample", Old: fmt.Sprint("s", n), New: fmt.Sprint("r", n), Inputs: []InputChange{{Name: "train", Old: &InputRef{}, New: &InputRef{}, Why: &cause}}}
	}
	first, second := through(1), through(2)
	again := Difference{Stage: "data", Old: "d1", New: "d2", SameKey: true}
	d := Difference{Stage: "score", Old: "a", New: "b", Inputs: []InputChange{
		{Name: "sample", Old: &InputRef{}, New: &InputRef{}, Why: &first}, {Name: "sample", Old: &InputRef{}, New: &InputRef{}, Why: &second},
		{Name: "data", Old: &InputRef{}, New: &InputRef{}, Why: &again},
	}}
	if got, want := d.Reason(), "train: seed 1 → 2; data was recomputed"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	var text strings.Builder
	if err := d.WriteText(&text); err != nil || strings.Count(text.String(), "seed 1 → 2") != 1 || strings.Count(text.String(), "as above") != 1 || !strings.Contains(text.String(), "recomputed, with another result") {
		t.Error(text.String(), err)
	}
}

func TestInputsAddedRemovedAndReordered(t *testing.T) {
	store := openTemp(t)
	in := func(names ...string) runFile {
		file := runFile{Stage: "s", Key: strings.Join(names, "+")}
		for _, name := range names {
			file.Inputs = append(file.Inputs, InputRef{Name: name[:1], Hash: name})
		}
		return file
	}
	for name, c := range map[string]struct {
		old, new runFile
		want     string
	}{
		"new":        {in("a"), in("a", "b"), "input b is new"},
		"gone":       {in("a", "b"), in("b"), "input a is gone"},
		"order":      {in("a", "b"), in("b", "a"), "the inputs' order"},
		"of a name":  {in("a1", "a2"), in("a1", "a3"), "input a changed"},
		"fewer of a": {in("a1", "a2"), in("a1"), "input a is gone"},
	} {
		d := store.difference(c.old, c.new, 1)
		if got := d.Reason(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		var text strings.Builder
		if err := d.WriteText(&text); err != nil || strings.Count(text.String(), "\n") != 2 {
			t.Errorf("%s: %q, %v", name, text.String(), err)
		}
	}
}

func TestAComputedStageSaysWhatChanged(t *testing.T) {
	store := openTemp(t)
	heard := &recorder{}
	store.Observe(heard)
	first, _, _ := chain(t, store, whyConfig{Seed: 1}, whyConfig{}, 1)
	_, sampled, _ := chain(t, store, whyConfig{Seed: 2}, whyConfig{}, 1)
	if len(heard.finished) != 6 {
		t.Fatalf("%d stages finished", len(heard.finished))
	}
	for i, want := range map[int]string{
		0: "", 3: "seed 1 → 2 since run " + first.Run, 5: "train: seed 1 → 2 since run " + heard.finished[2].Run,
	} {
		e := heard.finished[i]
		if e.Reason != want || want != "" && !strings.Contains(e.String(), "; "+want+")") {
			t.Errorf("event %d: %q in %q, want %q", i, e.Reason, e, want)
		}
	}
	if e := heard.started[4]; !strings.HasSuffix(e.String(), "(run "+sampled.Run+"; "+e.Reason+")") || e.Reason == "" {
		t.Errorf("%q", e)
	}
}
