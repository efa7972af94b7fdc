package track

import "slices"

// Metrics returns every metric's points in order of step. Where a resumed
// attempt repeats steps of the one before, its values replace them. What
// attached writers logged is merged by step.
func (j Journal) Metrics() map[string][]Point {
	series, merged := map[string][]Point{}, map[string]bool{}
	resumed := map[string]bool{} // metrics seen in the present attempt
	attached := false
	for _, event := range j.Events {
		switch event.Type {
		case EventAttempt:
			clear(resumed)
			attached = false
		case EventAttach:
			attached = true
		case EventMetric:
			for name, value := range event.Values {
				points := series[name]
				switch {
				case attached:
					merged[name] = true
				case !resumed[name]:
					resumed[name] = true
					points = slices.DeleteFunc(points, func(p Point) bool { return p.Step >= event.Step })
				}
				series[name] = append(points, Point{Step: event.Step, Time: event.Time, Value: value})
			}
		}
	}
	for name := range merged {
		slices.SortStableFunc(series[name], func(a, b Point) int { return a.Step - b.Step })
	}
	return series
}
