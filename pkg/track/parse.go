package track

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// lineParser reads the metric lines that [encoder] writes about twenty times
// as fast as encoding/json. It accepts that form alone, and only where
// encoding/json would read the same; everything else is left to encoding/json.
type lineParser struct {
	names  map[string]string // metric names by their JSON form
	second string            // the last date and time of day that was read
	unix   int64
	line   metricLine
}

// metricLine is what a metric line says. It is overwritten by the next one.
type metricLine struct {
	time   time.Time
	step   int
	names  []string
	values []Number
}

// event reads any line; ok is false of a line that is no event.
func (p *lineParser) event(line []byte) (event Event, ok bool) {
	if m := p.metric(line); m != nil {
		event = Event{Time: m.time, Type: EventMetric, Step: m.step, Values: make(map[string]Number, len(m.names))}
		for i, name := range m.names {
			event.Values[name] = m.values[i]
		}
		return event, true
	}
	if err := json.Unmarshal(line, &event); err != nil || event.Type == "" {
		return Event{}, false
	}
	return event, true
}

const (
	timeStart  = `{"t":"`
	dateLength = len("2006-01-02T15:04:05")
	stepStart  = `","type":"metric","step":`
	pairsStart = `,"values":{`
)

// metric reads a line of the canonical form, or returns nil.
func (p *lineParser) metric(line []byte) *metricLine {
	if len(line) < len(timeStart)+dateLength || string(line[:len(timeStart)]) != timeStart {
		return nil
	}
	line, ok := p.clock(line[len(timeStart):])
	if !ok || len(line) < len(stepStart) || string(line[:len(stepStart)]) != stepStart {
		return nil
	}
	line = line[len(stepStart):]
	length := wholeLength(line)
	step, err := strconv.ParseInt(string(line[:length]), 10, strconv.IntSize)
	if err != nil {
		return nil
	}
	p.line.step = int(step)
	line = line[length:]
	if len(line) < len(pairsStart) || string(line[:len(pairsStart)]) != pairsStart {
		return nil
	}
	if !p.pairs(line[len(pairsStart):]) {
		return nil
	}
	return &p.line
}

// clock reads a time in UTC and returns what follows it.
func (p *lineParser) clock(line []byte) (rest []byte, ok bool) {
	if date := line[:dateLength]; string(date) != p.second {
		var t time.Time
		text := append(append([]byte{'"'}, date...), `Z"`...)
		if err := t.UnmarshalJSON(text); err != nil {
			return nil, false
		}
		p.second, p.unix = string(date), t.Unix()
	}
	line = line[dateLength:]
	nanos := int64(0)
	if len(line) > 0 && line[0] == '.' {
		digits := 0
		for line = line[1:]; digits < len(line) && isDigit(line[digits]); digits++ {
			nanos = 10*nanos + int64(line[digits]-'0')
			if digits == 9 {
				return nil, false
			}
		}
		if digits == 0 {
			return nil, false
		}
		for i := digits; i < 9; i++ {
			nanos *= 10
		}
		line = line[digits:]
	}
	if len(line) == 0 || line[0] != 'Z' {
		return nil, false
	}
	p.line.time = time.Unix(p.unix, nanos).UTC()
	return line[1:], true
}

// pairs reads names and values up to the end of the line. Names in rising order
// alone are canonical, which leaves out a name given twice.
func (p *lineParser) pairs(line []byte) bool {
	p.line.names, p.line.values = p.line.names[:0], p.line.values[:0]
	if string(line) == "}}" {
		return true
	}
	for {
		name, rest, ok := p.name(line)
		if n := len(p.line.names); !ok || len(rest) == 0 || rest[0] != ':' || n > 0 && p.line.names[n-1] >= name {
			return false
		}
		value, rest, ok := number(rest[1:])
		if !ok {
			return false
		}
		p.line.names, p.line.values = append(p.line.names, name), append(p.line.values, value)
		switch {
		case len(rest) > 0 && rest[0] == ',':
			line = rest[1:]
		default:
			return string(rest) == "}}"
		}
	}
}

// name reads a quoted name, which encoding/json decodes at its first sight.
func (p *lineParser) name(line []byte) (name string, rest []byte, ok bool) {
	if len(line) == 0 || line[0] != '"' {
		return "", nil, false
	}
	end := 1
	for {
		i := bytes.IndexByte(line[end:], '"')
		if i < 0 {
			return "", nil, false
		}
		end += i + 1
		if line[end-2] != '\\' { // else the quote may be escaped: longer text is tried, which is an error if it was not
			break
		}
	}
	quoted := line[:end]
	if name, ok = p.names[string(quoted)]; !ok {
		name, ok = p.newName(quoted)
	}
	return name, line[end:], ok
}

func (p *lineParser) newName(quoted []byte) (name string, ok bool) {
	if err := json.Unmarshal(quoted, &name); err != nil {
		return "", false
	}
	if p.names == nil {
		p.names = map[string]string{}
	}
	p.names[string(quoted)] = name
	return name, true
}

// number reads a value as [Number.UnmarshalJSON] does.
func number(line []byte) (value Number, rest []byte, ok bool) {
	if len(line) > 0 && line[0] == '"' {
		end := bytes.IndexByte(line[1:], '"') + 2
		if err := value.UnmarshalJSON(line[:max(end, 1)]); err != nil {
			return 0, nil, false
		}
		return value, line[end:], true
	}
	length := wholeLength(line)
	if length == 0 {
		return 0, nil, false
	}
	if length < len(line) && line[length] == '.' {
		digits := digitsLength(line[length+1:])
		if digits == 0 {
			return 0, nil, false
		}
		length += 1 + digits
	}
	if length < len(line) && (line[length] == 'e' || line[length] == 'E') {
		exponent := length + 1
		if exponent < len(line) && (line[exponent] == '+' || line[exponent] == '-') {
			exponent++
		}
		digits := digitsLength(line[exponent:])
		if digits == 0 {
			return 0, nil, false
		}
		length = exponent + digits
	}
	v, err := strconv.ParseFloat(string(line[:length]), 64)
	return Number(v), line[length:], err == nil
}

// wholeLength is the length of the JSON integer at the start of text, or 0.
func wholeLength(text []byte) int {
	sign := 0
	if len(text) > 0 && text[0] == '-' {
		sign = 1
	}
	digits := digitsLength(text[sign:])
	if digits == 0 || digits > 1 && text[sign] == '0' {
		return 0
	}
	return sign + digits
}

func digitsLength(text []byte) int {
	n := 0
	for n < len(text) && isDigit(text[n]) {
		n++
	}
	return n
}

func isDigit(c byte) bool { return c-'0' <= 9 }
