package query

import (
	"noisebook/pkg/track"
	"noisebook/pkg/track/index"
)

// Best is a metric's best point: its largest where [track.HigherIsBetter], else its
// smallest.
func Best(metric string, s index.Summary) index.Point {
	if track.HigherIsBetter(metric) {
		return s.Max
	}
	return s.Min
}
