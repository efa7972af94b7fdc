package metric

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"testing"
)

func TestScoreText(t *testing.T) {
	score := Score{
		Name: "KID", Value: 0.125, N: map[string]int{"real": 40, "generated": 30},
		Settings: map[string]any{"seed": uint64(3), "features": 12}, Spread: &Spread{SD: 0.0625, Of: 20, Over: "subsets"},
	}.With(Interval{Low: 0.1, High: 0.2, Level: 0.95, Method: Percentile, Resamples: 500, Fixed: "the balls"})
	const want = "KID 0.125 ± 0.0625 (sd over 20 subsets) [0.1, 0.2] (95% percentile bootstrap, 500 resamples, fixed: the balls)" +
		" (n = 30 generated, 40 real; features 12, seed 3)"
	if got := score.String(); got != want {
		t.Errorf("text\n%s, want\n%s", got, want)
	}
	if got := (Score{Name: "FID"}).String(); got != "FID 0 (n = unknown)" {
		t.Errorf("text %s", got)
	}
}

func TestScoreJSON(t *testing.T) {
	for _, score := range []Score{
		{Name: "AUC", Value: 0.5, N: map[string]int{"positives": 3}, Settings: map[string]any{"weighted": false}, Notes: []string{"few"}},
		{Name: "KID", Value: -0.25, N: map[string]int{"real": 4}, Spread: &Spread{SD: 1, Of: 2, Over: "subsets"}, Interval: &Interval{Low: -1, High: 1, Level: 0.9, Method: Basic, Resamples: 7}},
	} {
		encoded, err := json.Marshal(score)
		if err != nil {
			t.Fatal(err)
		}
		var decoded Score
		if err := json.Unmarshal(encoded, &decoded); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(decoded, score) {
			t.Errorf("%s became %+v, want %+v", encoded, decoded, score)
		}
	}
	encoded, err := json.Marshal(Score{Name: "AUC", Value: math.NaN(), N: map[string]int{"samples": 2}})
	if err != nil {
		t.Fatal(err)
	}
	if string(encoded) != `{"name":"AUC","value":null,"n":{"samples":2}}` {
		t.Errorf("undefined: %s", encoded)
	}
	var decoded Score
	if err := json.Unmarshal(encoded, &decoded); err != nil || !math.IsNaN(decoded.Value) {
		t.Errorf("undefined: read as %v, %v", decoded.Value, err)
	}
}

func TestOverSeeds(t *testing.T) {
	score := func(value float64, seed uint64, n int) Score {
		return Score{Name: "KID", Value: value, N: map[string]int{"real": 50, "generated": n}, Settings: map[string]any{"features": 2, "seed": seed}}
	}
	got, err := OverSeeds([]Score{score(1, 0, 40), score(2, 1, 40), score(6, 2, 40)})
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "mean", got.Value, 3, 1e-15)
	wantNear(t, "sd", got.Spread.SD, math.Sqrt(7), 1e-15)
	if want := (map[string]int{"real": 50, "generated": 40}); !reflect.DeepEqual(got.N, want) || got.Spread.Of != 3 || len(got.Notes) != 0 {
		t.Errorf("n %v over %d seeds, notes %v", got.N, got.Spread.Of, got.Notes)
	}
	if want := (map[string]any{"features": 2}); !reflect.DeepEqual(got.Settings, want) {
		t.Errorf("settings %v, want %v", got.Settings, want)
	}
	if got, err = OverSeeds([]Score{score(1, 0, 40), score(2, 1, 38)}); err != nil {
		t.Fatal(err)
	}
	if want := (map[string]int{"real": 50}); !reflect.DeepEqual(got.N, want) || len(got.Notes) != 1 {
		t.Errorf("different n: %v, notes %v", got.N, got.Notes)
	}

	_, err = OverSeeds([]Score{score(1, 0, 40)})
	wantError(t, err, "at least 2")
	_, err = OverSeeds([]Score{score(1, 0, 40), {Name: "FID"}})
	wantError(t, err, "one metric")
	other := score(1, 0, 40)
	other.Settings["features"] = 3
	_, err = OverSeeds([]Score{score(1, 0, 40), other})
	wantError(t, err, "only the seed may differ")
	_, err = OverSeeds([]Score{score(1, 0, 40), score(math.NaN(), 1, 40)})
	wantError(t, err, "NaN")
}

func ExampleOverSeeds() {
	var scores []Score
	for _, correct := range [][]int{{1, 1, 0, 1}, {1, 1, 1, 1}} { // one row a seed
		score, err := Accuracy(correct, []int{1, 1, 1, 1})
		if err != nil {
			fmt.Println(err)
			return
		}
		scores = append(scores, score)
	}
	mean, err := OverSeeds(scores)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(mean)
	// Output: accuracy 0.875 ± 0.177 (sd over 2 seeds) (n = 4 samples)
}
