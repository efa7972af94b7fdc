package train

import "time"

// meter takes the share of the time in which the engine computes, from the end
// of the first step, which compiles, to that of the last.
type meter struct {
	start, end time.Time
	computing  time.Duration
}

// ran tells of a step's execution.
func (m *meter) ran(began, ended time.Time) {
	if m.start.IsZero() {
		m.start = ended
	} else {
		m.computing += ended.Sub(began)
	}
	m.end = ended
}

// busy is the share, in (0, 1]; ok is false before the second step.
func (m *meter) busy() (share float64, ok bool) {
	wall := m.end.Sub(m.start)
	if wall <= 0 {
		return 0, false
	}
	return m.computing.Seconds() / wall.Seconds(), true
}
