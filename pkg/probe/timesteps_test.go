package probe

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
)

// study has codes that know their class at t = 0 and nothing at t = 1.
func study() Timesteps {
	return Timesteps{
		Times: []float64{0, 0.5, 1},
		Seeds: []uint64{4, 5},
		Codes: func(_ context.Context, t float64, seed uint64) (Splits, error) {
			set := blobs(seed, 600, 4, 2, 5*(1-t))
			return Splits{part(set, 0, 200), part(set, 200, 400), part(set, 400, 600)}, nil
		},
		Candidates: Grid("C", []float64{0.01, 1}, func(c float64) Probe { return Logistic{C: c} }),
		Metrics:    []Metric{Accuracy, AUC},
	}
}

func TestOverTimesteps(t *testing.T) {
	s := study()
	var progress []int
	s.Progress = func(done, total int) {
		if total != 6 {
			t.Errorf("total %d, want 6", total)
		}
		progress = append(progress, done)
	}
	table := must(OverTimesteps(context.Background(), s))(t)
	if want := []string{"t", "seed", "split", "metric", "value"}; !slices.Equal(table.Columns, want) {
		t.Errorf("columns %v, want %v", table.Columns, want)
	}
	// Three metrics of three parts, and the choice.
	if want := 6 * (3*3 + 1); table.Len() != want {
		t.Errorf("%d rows, want %d", table.Len(), want)
	}
	if want := []int{0, 1, 2, 3, 4, 5, 6}; !slices.Equal(progress, want) {
		t.Errorf("progress %v, want %v", progress, want)
	}
	test := must(must(table.Where("split", "test"))(t).Where("metric", "auc"))(t)
	mean := func(at float64) float64 {
		values := must(must(test.Where("t", at))(t).Floats("value"))(t)
		return (values[0] + values[1]) / 2
	}
	if !(mean(0) > 0.99 && mean(0) > mean(0.5) && mean(0.5) > mean(1) && math.Abs(mean(1)-0.5) < 0.1) {
		t.Errorf("AUC %v, %v, %v at t = 0, 0.5, 1; want it to fall from 1 to 0.5", mean(0), mean(0.5), mean(1))
	}
	for _, c := range must(must(table.Where("metric", "C"))(t).Floats("value"))(t) {
		if c != 0.01 && c != 1 {
			t.Errorf("chosen C = %v, which was no candidate", c)
		}
	}
	again := must(OverTimesteps(context.Background(), study()))(t)
	for i, row := range table.Rows {
		if !slices.Equal(row, again.Rows[i]) {
			t.Errorf("row %d is %v, then %v", i, row, again.Rows[i])
		}
	}
}

func TestOverTimestepsStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := study()
	s.Progress = func(done, _ int) {
		if done == 2 {
			cancel()
		}
	}
	if _, err := OverTimesteps(ctx, s); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}

	broken := errors.New("broken")
	s = study()
	s.Codes = func(context.Context, float64, uint64) (Splits, error) { return Splits{}, broken }
	if _, err := OverTimesteps(context.Background(), s); !errors.Is(err, broken) {
		t.Errorf("codes that fail: %v", err)
	}
	s = study()
	s.Times = []float64{math.NaN()}
	if _, err := OverTimesteps(context.Background(), s); !errors.Is(err, ErrNotFinite) {
		t.Errorf("time NaN: %v", err)
	}
	if _, err := OverTimesteps(context.Background(), Timesteps{}); !errors.Is(err, ErrOption) {
		t.Errorf("no times: %v", err)
	}
}
