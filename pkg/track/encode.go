package track

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// encoder writes events as lines and remembers each metric's last value.
// Metric lines, by far the most frequent, are written without reflection and
// always in the same form, which [lineParser] reads back fast.
type encoder struct {
	metrics map[string]*metricState
	names   []string // scratch
	clock   clockText
}

type metricState struct {
	quoted []byte // the name as JSON
	last   Point
}

func newEncoder() *encoder { return &encoder{metrics: map[string]*metricState{}} }

// event writes any event as one line.
func (c *encoder) event(buf []byte, e *Event) []byte {
	if e.Type == EventMetric {
		buf = c.head(buf, e.Time, e.Step)
		c.names = c.names[:0]
		for name := range e.Values {
			c.names = append(c.names, name)
		}
		return c.pairs(buf, e.Step, func(name string) Number { return e.Values[name] })
	}
	line, err := json.Marshal(e)
	if err != nil { // every field marshals by construction; keep the trace if one ever does not
		line, _ = json.Marshal(Event{Time: e.Time, Type: EventNote, Text: "event lost: " + err.Error()})
	}
	return append(append(buf, line...), '\n')
}

// values writes a metric line.
func (c *encoder) values(buf []byte, now time.Time, step int, values map[string]float64) []byte {
	buf = c.head(buf, now, step)
	c.names = c.names[:0]
	for name := range values {
		c.names = append(c.names, name)
	}
	return c.pairs(buf, step, func(name string) Number { return Number(values[name]) })
}

// value writes a metric line of one name.
func (c *encoder) value(buf []byte, now time.Time, name string, step int, value float64) []byte {
	buf = c.pair(c.head(buf, now, step), name, step, Number(value))
	return append(buf, "}}\n"...)
}

func (c *encoder) head(buf []byte, now time.Time, step int) []byte {
	buf = append(buf, `{"t":"`...)
	buf = c.clock.append(buf, now)
	buf = append(buf, `","type":"metric","step":`...)
	buf = strconv.AppendInt(buf, int64(step), 10)
	return append(buf, `,"values":{`...)
}

func (c *encoder) pairs(buf []byte, step int, value func(string) Number) []byte {
	slices.Sort(c.names)
	for i, name := range c.names {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = c.pair(buf, name, step, value(name))
	}
	return append(buf, "}}\n"...)
}

func (c *encoder) pair(buf []byte, name string, step int, value Number) []byte {
	metric := c.metrics[name]
	if metric == nil {
		quoted, err := json.Marshal(name)
		if err != nil {
			quoted = []byte(`"?"`)
		}
		metric = &metricState{quoted: quoted}
		c.metrics[name] = metric
	}
	metric.last = Point{Step: step, Value: value}
	buf = append(buf, metric.quoted...)
	return value.appendJSON(append(buf, ':'))
}

func (c *encoder) lastValues() map[string]Point {
	last := make(map[string]Point, len(c.metrics))
	for name, metric := range c.metrics {
		last[name] = metric.last
	}
	return last
}

// clockText writes times as RFC 3339 with nanoseconds, in UTC. Formatting the
// date costs more than all the rest of a line, so it is kept for its second.
type clockText struct {
	second int64
	text   []byte
}

func (c *clockText) append(buf []byte, t time.Time) []byte {
	if second := t.Unix(); second != c.second || c.text == nil {
		c.second = second
		c.text = t.UTC().AppendFormat(c.text[:0], "2006-01-02T15:04:05")
	}
	buf = append(buf, c.text...)
	if nanos := t.Nanosecond(); nanos > 0 {
		digits := [10]byte{'.'}
		for i := 9; i > 0; i-- {
			digits[i] = byte('0' + nanos%10)
			nanos /= 10
		}
		end := len(digits)
		for digits[end-1] == '0' {
			end--
		}
		buf = append(buf, digits[:end]...)
	}
	return append(buf, 'Z')
}
