package probe

import (
	"math"

	"gonum.org/v1/gonum/optimize"
)

// slopeSearch is a line search for convex functions. There the slope alone
// tells on which side of the minimum a step ends, and it stays exact where
// differences of the function drown in rounding. A step is taken once the slope
// has fallen to 0.9 of its size, unless the function has risen by more than
// rounding explains.
type slopeSearch struct {
	value, slope float64 // at step 0
	step         float64
	below, above float64 // steps with a negative and with a positive slope
	slopeBelow   float64
	trials       int
}

const evaluateBoth = optimize.FuncEvaluation | optimize.GradEvaluation

// Init implements optimize.Linesearcher.
func (s *slopeSearch) Init(value, slope, step float64) optimize.Operation {
	*s = slopeSearch{value: value, slope: slope, step: step, slopeBelow: slope, above: math.Inf(1)}
	return evaluateBoth
}

// Iterate implements optimize.Linesearcher.
func (s *slopeSearch) Iterate(value, slope float64) (optimize.Operation, float64, error) {
	const curvature, rounding, limit = 0.9, 1e-12, 60
	s.trials++
	if math.Abs(slope) <= curvature*math.Abs(s.slope) && value <= s.value+rounding*math.Abs(s.value) {
		return optimize.MajorIteration, s.step, nil
	}
	if s.trials == limit || math.IsNaN(slope) {
		return optimize.NoOperation, s.step, optimize.ErrLinesearcherFailure
	}
	if slope < 0 {
		s.below, s.slopeBelow = s.step, slope
		if math.IsInf(s.above, 1) {
			s.step *= 4
			return evaluateBoth, s.step, nil
		}
		s.step = (s.below + s.above) / 2
		return evaluateBoth, s.step, nil
	}
	s.above = s.step
	// Where the slope would be 0 on a straight line, kept away from the ends.
	share := s.slopeBelow / (s.slopeBelow - slope)
	s.step = s.below + min(max(share, 0.1), 0.9)*(s.above-s.below)
	return evaluateBoth, s.step, nil
}
