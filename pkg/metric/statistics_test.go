package metric

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

func TestSpearman(t *testing.T) {
	for _, test := range []struct {
		name string
		a, b []float64
		want float64
	}{
		{"monotone, not linear", []float64{1, 2, 3, 4}, []float64{1, 10, 100, 1000}, 1},
		{"falling", []float64{1, 2, 3}, []float64{5, 4, -7}, -1},
		{"one exchange", []float64{1, 2, 3, 4, 5}, []float64{1, 3, 2, 4, 5}, 0.9}, // 1 − 6·2/(5·24)
		// Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: 4.5/√(4.5·5).
		{"ties", []float64{0, 7, 7, 9}, []float64{1, 2, 3, 4}, 4.5 / math.Sqrt(4.5*5)},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Spearman(test.a, test.b)
			if err != nil {
				t.Fatal(err)
			}
			wantNear(t, "ρ", got, test.want, 1e-15)
			other, err := Spearman(test.b, test.a)
			if err != nil {
				t.Fatal(err)
			}
			wantNear(t, "ρ the other way", other, got, 1e-15)
		})
	}
}

func TestRanks(t *testing.T) {
	if got, want := Ranks([]float64{5, 1, 5, 0, 5}), []float64{4, 2, 4, 1, 4}; !slices.Equal(got, want) {
		t.Errorf("ranks %v, want %v", got, want)
	}
}

func TestMeanSD(t *testing.T) {
	mean, sd, err := MeanSD([]float64{2, 4, 4, 4, 5, 5, 7, 9})
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "mean", mean, 5, 1e-15)
	wantNear(t, "sd", sd, math.Sqrt(32./7), 1e-15)
}

func TestStatisticsRefuse(t *testing.T) {
	_, err := Spearman([]float64{1, 2}, []float64{3, 3})
	wantError(t, err, "two different values")
	_, err = Spearman([]float64{1, 2}, []float64{3})
	wantError(t, err, "pair up")
	_, err = Spearman([]float64{1, math.NaN()}, []float64{3, 4})
	wantError(t, err, "NaN")
	_, _, err = MeanSD([]float64{1})
	wantError(t, err, "at least 2")
	_, _, err = MeanSD([]float64{1, math.Inf(-1)})
	wantError(t, err, "-Inf")
	_, _, err = MeanSD(nil)
	wantError(t, err, "empty")
}

func ExampleSpearman() {
	alpha := []float64{0, 10, 50, 100, 200, 400}
	precision := []float64{0.70, 0.71, 0.78, 0.83, 0.82, 0.90}
	rho, err := Spearman(alpha, precision)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.3f\n", rho)
	// Output: 0.943
}
