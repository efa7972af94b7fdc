package train

import "time"

// meter takes the share of the time in which the engine computes, from the end
// of the first step, which compiles, to that of the last.
type meter struct {
	start, end       time.Time
	before, computed time.Duration // in executions, by the start and by the end
}

// read takes the time of a step's end and that in all executions up to it.
func (m *meter) read(now time.Time, computed time.Duration) {
	if m.start.IsZero() {
		m.start, m.before = now, computed
	}
	m.end, m.computed = now, computed
}

// busy is the share, in (0, 1]; ok is false before the second step.
func (m *meter) busy() (share float64, ok bool) {
	wall := m.end.Sub(m.start)
	if wall <= 0 {
		return 0, false
	}
	return (m.computed - m.before).Seconds() / wall.Seconds(), true
}
