package track

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// Number is a float64 that survives JSON: NaN and the infinities, which JSON
// cannot write, are kept as the strings "NaN", "Inf" and "-Inf". Use it in a
// stage's result where a value may be undefined.
type Number float64

// MarshalJSON writes the shortest form that reads back to the same value.
func (n Number) MarshalJSON() ([]byte, error) { return n.appendJSON(nil), nil }

func (n Number) appendJSON(buf []byte) []byte {
	v := float64(n)
	switch {
	case math.IsNaN(v):
		return append(buf, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(buf, `"Inf"`...)
	case math.IsInf(v, -1):
		return append(buf, `"-Inf"`...)
	}
	return strconv.AppendFloat(buf, v, 'g', -1, 64)
}

// UnmarshalJSON reads a JSON number or one of the three strings.
func (n *Number) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		switch string(data) {
		case `"NaN"`:
			*n = Number(math.NaN())
		case `"Inf"`:
			*n = Number(math.Inf(1))
		case `"-Inf"`:
			*n = Number(math.Inf(-1))
		default:
			return fmt.Errorf("track: %s is not a number", data)
		}
		return nil
	}
	var v float64
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	*n = Number(v)
	return nil
}
