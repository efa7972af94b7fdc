package sweep

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"noisebook/pkg/config"
)

// Axis is one key of the config and what it takes: alternatives, or a range that
// random draws come from. With one alternative it is fixed.
type Axis struct {
	Key    string
	Values []string
	Range  *Range
}

// MarshalText writes the axis as [ParseAxis] reads it.
func (a Axis) MarshalText() ([]byte, error) {
	if r := a.Range; r != nil {
		return fmt.Appendf(nil, "%s=%s(%g,%g)", a.Key, r.Distribution, r.Low, r.High), nil
	}
	return []byte(a.Key + "=" + strings.Join(a.Values, ";")), nil
}

// Distribution is how a [Range] is drawn from.
type Distribution string

// The distributions of a range, named as they are written.
const (
	Uniform    Distribution = "uniform"    // uniform(0,1)
	LogUniform Distribution = "loguniform" // loguniform(1e-5,1e-3): uniform in the logarithm
	Integer    Distribution = "int"        // int(2,8): both ends included
)

// Range is an interval of numbers.
type Range struct {
	Distribution Distribution
	Low, High    float64
}

var rangeForm = regexp.MustCompile(`^([a-z]+)\(\s*([^,()]+)\s*,\s*([^,()]+)\s*\)$`)

// ParseAxis reads "key=values". Alternatives are separated by semicolons; where
// the key is no list a comma separates them as well, since a list's own values
// are written with commas: "train.lr=1e-4,3e-4" are two alternatives of a number,
// "alphas=0,10;0,100" two of a list, "alphas=0,10" one. A range is
// uniform(low,high), loguniform(low,high) or int(low,high).
func ParseAxis(text string, keys []config.Key) (Axis, error) {
	key, value, ok := strings.Cut(text, "=")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	if !ok || key == "" {
		return Axis{}, fmt.Errorf("%q is not of the form key=values", text)
	}
	if parts := rangeForm.FindStringSubmatch(value); parts != nil {
		r, err := parseRange(parts)
		if err != nil {
			return Axis{}, fmt.Errorf("%s: %w", key, err)
		}
		return Axis{Key: key, Range: &r}, nil
	}
	separator := ","
	i := slices.IndexFunc(keys, func(k config.Key) bool { return k.Path == key })
	if strings.Contains(value, ";") || i >= 0 && strings.HasPrefix(keys[i].Type, "list") {
		separator = ";"
	}
	axis := Axis{Key: key}
	for part := range strings.SplitSeq(value, separator) {
		part = strings.TrimSpace(part)
		if slices.Contains(axis.Values, part) {
			return Axis{}, fmt.Errorf("%s: %q is given twice", key, part)
		}
		axis.Values = append(axis.Values, part)
	}
	return axis, nil
}

func parseRange(parts []string) (Range, error) {
	r := Range{Distribution: Distribution(parts[1])}
	var errLow, errHigh error
	r.Low, errLow = strconv.ParseFloat(strings.TrimSpace(parts[2]), 64)
	r.High, errHigh = strconv.ParseFloat(strings.TrimSpace(parts[3]), 64)
	known := []Distribution{Uniform, LogUniform, Integer}
	switch {
	case !slices.Contains(known, r.Distribution):
		return r, fmt.Errorf("%s is no range: use uniform(low,high), loguniform(low,high) or int(low,high)", parts[0])
	case errLow != nil || errHigh != nil:
		return r, fmt.Errorf("%s: its ends must be numbers", parts[0])
	case !(r.Low < r.High) || math.IsInf(r.Low, 0) || math.IsInf(r.High, 0):
		return r, fmt.Errorf("%s: the low end must be below the high one", parts[0])
	case r.Distribution == LogUniform && r.Low <= 0:
		return r, fmt.Errorf("%s: a loguniform range needs ends above 0", parts[0])
	case r.Distribution == Integer && (r.Low != math.Trunc(r.Low) || r.High != math.Trunc(r.High) || r.High-r.Low > 1<<53):
		return r, fmt.Errorf("%s: an int range needs whole numbers as ends", parts[0])
	}
	return r, nil
}

// draw is one value of the axis. Four digits are as exact as a search needs and
// can be read and typed.
func (a Axis) draw(rng *rand.Rand, whole bool) string {
	if a.Range == nil {
		return a.Values[rng.IntN(len(a.Values))]
	}
	r := *a.Range
	var x float64
	switch r.Distribution {
	case Integer:
		return strconv.FormatInt(int64(r.Low)+rng.Int64N(int64(r.High-r.Low)+1), 10)
	case LogUniform:
		x = math.Exp(math.Log(r.Low) + rng.Float64()*(math.Log(r.High)-math.Log(r.Low)))
	default:
		x = r.Low + rng.Float64()*(r.High-r.Low)
	}
	if whole {
		return strconv.FormatInt(int64(math.Round(x)), 10)
	}
	x, _ = strconv.ParseFloat(strconv.FormatFloat(x, 'g', 4, 64), 64) // of its own output
	return strconv.FormatFloat(min(max(x, r.Low), r.High), 'g', -1, 64)
}
