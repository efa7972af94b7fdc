package probe

import (
	"context"
	"fmt"
	"math"

	"noisebook/pkg/table"
)

// Timesteps is a study of what codes know at each time of a diffusion process:
// of codes E(x₀, t), or of a network's features of x_t.
type Timesteps struct {
	Times []float64
	Seeds []uint64 // nil means one, 0

	// Codes gives the parts at a time; the same seed must give the same codes.
	// Where they depend on the time alone, answer all seeds from one computation:
	// the seeds of a time follow each other.
	Codes func(ctx context.Context, t float64, seed uint64) (Splits, error)

	// Candidates are chosen among at each time and seed, by the first of Metrics
	// on the validation set alone.
	Candidates []Candidate
	Metrics    []Metric // nil means Accuracy

	// Progress, when set, is called before each fit and once at the end.
	Progress func(done, total int)
}

// OverTimesteps runs the study and returns a tidy table with the columns t,
// seed, split, metric and value, as Evaluate lists them. It ends early, with the
// context's error, when that is cancelled.
func OverTimesteps(ctx context.Context, s Timesteps) (table.Table, error) {
	out := table.New("t", "seed", "split", "metric", "value")
	if len(s.Times) == 0 || s.Codes == nil {
		return out, fmt.Errorf("probe: %d times and codes given: %v; want both: %w", len(s.Times), s.Codes != nil, ErrOption)
	}
	for _, t := range s.Times {
		if math.IsNaN(t) || math.IsInf(t, 0) {
			return out, fmt.Errorf("probe: time %v: %w", t, ErrNotFinite)
		}
	}
	if len(s.Seeds) == 0 {
		s.Seeds = []uint64{0}
	}
	if len(s.Metrics) == 0 {
		s.Metrics = []Metric{Accuracy}
	}
	done, total := 0, len(s.Times)*len(s.Seeds)
	progress := func() {
		if s.Progress != nil {
			s.Progress(done, total)
		}
	}
	for _, t := range s.Times {
		for _, seed := range s.Seeds {
			progress()
			if err := ctx.Err(); err != nil {
				return out, err
			}
			splits, err := s.Codes(ctx, t, seed)
			if err != nil {
				return out, fmt.Errorf("probe: codes at t = %g, seed %d: %w", t, seed, err)
			}
			outcome, err := Evaluate(ctx, splits, s.Candidates, s.Metrics, seed)
			if err != nil {
				return out, fmt.Errorf("at t = %g, seed %d: %w", t, seed, err)
			}
			for _, v := range outcome.Values {
				if err := out.Append(t, seed, v.Split, v.Metric, v.Value); err != nil {
					return out, err
				}
			}
			done++
		}
	}
	progress()
	return out, nil
}
