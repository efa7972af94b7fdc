package sweep

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"noisebook/pkg/config"
)

var testKeys = []config.Key{
	{Path: "train.lr", Type: "number", Value: "0.001"},
	{Path: "train.steps", Type: "whole number", Value: "100"},
	{Path: "train.seed", Type: "uint64", Value: "7"},
	{Path: "reference.seed", Type: "uint64", Value: "1"},
	{Path: "alphas", Type: "list of number", Value: "0,100"},
	{Path: "method", Type: "string", Value: "ancestral"},
}

func TestParseAxis(t *testing.T) {
	for _, test := range []struct {
		text string
		want Axis
	}{
		{"train.lr=1e-4,3e-4", Axis{Key: "train.lr", Values: []string{"1e-4", "3e-4"}}},
		{"train.lr=1e-4", Axis{Key: "train.lr", Values: []string{"1e-4"}}},
		{"train.lr = 1e-4; 3e-4", Axis{Key: "train.lr", Values: []string{"1e-4", "3e-4"}}},
		{"alphas=0,10", Axis{Key: "alphas", Values: []string{"0,10"}}},
		{"alphas=0,10;0,100;", Axis{Key: "alphas", Values: []string{"0,10", "0,100", ""}}},
		{"method=ddim,ancestral", Axis{Key: "method", Values: []string{"ddim", "ancestral"}}},
		{"unknown=1,2", Axis{Key: "unknown", Values: []string{"1", "2"}}}, // the config's own error names the nearest key
		{"train.lr=loguniform(1e-5, 1e-3)", Axis{Key: "train.lr", Range: &Range{LogUniform, 1e-5, 1e-3}}},
		{"train.lr=uniform(-1,1)", Axis{Key: "train.lr", Range: &Range{Uniform, -1, 1}}},
		{"train.steps=int(1,6)", Axis{Key: "train.steps", Range: &Range{Integer, 1, 6}}},
	} {
		if got, err := ParseAxis(test.text, testKeys); err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %+v, %v; want %+v", test.text, got, err, test.want)
		}
	}
	for text, want := range map[string]string{
		"train.lr":                   "key=values",
		"=1":                         "key=values",
		"train.lr=1,1":               "twice",
		"train.lr=normal(0,1)":       "uniform(low,high)",
		"train.lr=uniform(1,0)":      "below",
		"train.lr=uniform(a,1)":      "numbers",
		"train.lr=uniform(0,Inf)":    "below",
		"train.lr=loguniform(0,1)":   "above 0",
		"train.steps=int(1.5,2)":     "whole",
		"train.steps=uniform(NaN,2)": "below",
	} {
		if _, err := ParseAxis(text, testKeys); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func FuzzParseAxis(f *testing.F) {
	for _, text := range []string{"train.lr=1,2", "alphas=0,1;2", "train.lr=loguniform(1e-5,1e-3)", "train.steps=int(1,9)", "=", "a=;"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		axis, err := ParseAxis(text, testKeys)
		if err != nil {
			return
		}
		members, err := Question{Axes: []Axis{axis}, Random: 1, Seeds: 1}.Members(testKeys)
		if err != nil || len(members) != 1 || !strings.HasPrefix(members[0].Setting[0], axis.Key+"=") {
			t.Errorf("%q: %v, %v", text, members, err)
		}
		if r := axis.Range; r != nil {
			_, value, _ := strings.Cut(members[0].Setting[0], "=")
			if x, err := strconv.ParseFloat(value, 64); err != nil || x < math.Floor(r.Low) || x > math.Ceil(r.High) {
				t.Errorf("%q drew %s", text, value)
			}
		}
	})
}

func axes(t *testing.T, texts ...string) []Axis {
	t.Helper()
	var all []Axis
	for _, text := range texts {
		axis, err := ParseAxis(text, testKeys)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, axis)
	}
	return all
}

func TestGrid(t *testing.T) {
	q := Question{Axes: axes(t, "alphas=0;0,10", "train.lr=1,2", "train.steps=5"), Seeds: 2, SeedKeys: DefaultSeedKeys(testKeys)}
	members, err := q.Members(testKeys)
	if err != nil {
		t.Fatal(err)
	}
	if len(members) != 8 {
		t.Fatalf("%d members, want 2 × 2 × 1 × 2", len(members))
	}
	if got, want := fmt.Sprint(members[3].Overrides()), "[alphas=0 train.lr=2 train.steps=5 train.seed=8]"; got != want {
		t.Errorf("member 3 is %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(members[4].Overrides()), "[alphas=0,10 train.lr=1 train.steps=5 train.seed=7]"; got != want {
		t.Errorf("member 4 is %s, want %s", got, want)
	}
}

func TestRandomIsRepeatableAndDifferent(t *testing.T) {
	q := Question{Axes: axes(t, "train.lr=loguniform(1e-5,1e-3)", "train.steps=uniform(1,9)", "method=a,b"), Random: 50, Seeds: 1, Draw: 3}
	members, err := q.Members(testKeys)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := q.Members(testKeys)
	if !reflect.DeepEqual(members, again) {
		t.Error("the same seed draws other settings")
	}
	seen, below := map[string]bool{}, 0
	for _, m := range members {
		id := strings.Join(m.Setting, " ")
		if seen[id] {
			t.Errorf("%s is there twice", id)
		}
		seen[id] = true
		var rate float64
		var steps int
		if _, err := fmt.Sscanf(id, "train.lr=%g train.steps=%d", &rate, &steps); err != nil || rate < 1e-5 || rate > 1e-3 || steps < 1 || steps > 9 {
			t.Errorf("%s: %v", id, err)
		}
		if rate < 1e-4 {
			below++
		}
	}
	if below < 10 || below > 40 { // half, within five standard deviations
		t.Errorf("%d of 50 rates lie in the lower decade", below)
	}
	q.Draw = 4
	if other, _ := q.Members(testKeys); reflect.DeepEqual(members, other) {
		t.Error("another seed draws the same settings")
	}
}

func TestList(t *testing.T) {
	list, err := ReadList(strings.NewReader("# tried by hand\ntrain.lr, alphas\n1e-4,\"0,10\"\n1e-3, 5\n"))
	if err != nil {
		t.Fatal(err)
	}
	members, err := Question{List: list, Axes: axes(t, "train.steps=1,2"), Seeds: 1}.Members(testKeys)
	if err != nil || len(members) != 4 || strings.Join(members[1].Setting, " ") != "train.lr=1e-4 alphas=0,10 train.steps=2" {
		t.Errorf("%v, %v", members, err)
	}
	for text, want := range map[string]string{
		"":                "header",
		"a,b\n":           "at least one row",
		"a,a\n1,2\n":      "twice",
		"a,b\n1\n":        "wrong number of fields",
		"a,b\n1,2\n1,2\n": "rows 1 and 2",
		"a,\"b\n1,2\n":    "quote",
	} {
		if _, err := ReadList(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestQuestionsThatCannotBeAnswered(t *testing.T) {
	seed := []string{"train.seed"}
	for want, q := range map[string]Question{
		"--random":         {Axes: axes(t, "train.lr=uniform(0,1)"), Seeds: 1},
		"given twice":      {Axes: axes(t, "train.lr=1", "train.lr=2"), Seeds: 1},
		"in the list":      {Axes: axes(t, "train.lr=1"), List: [][]string{{"train.lr=2"}}, Seeds: 1},
		"at least one":     {Seeds: 0},
		"no key":           {Seeds: 2},
		"no such key":      {Seeds: 2, SeedKeys: []string{"seed"}},
		"no seed":          {Seeds: 2, SeedKeys: []string{"method"}},
		"--set and by":     {Axes: axes(t, "train.seed=1,2"), Seeds: 2, SeedKeys: seed},
		"only 2 different": {Axes: axes(t, "train.lr=1,2"), Random: 3, Seeds: 1},
		"more than 10000":  {Seeds: 10_001, SeedKeys: seed},
	} {
		if members, err := q.Members(testKeys); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %d members, %v", want, len(members), err)
		}
	}
}
