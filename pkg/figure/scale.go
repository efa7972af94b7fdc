package figure

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// Scale says how the values of X spread along the axis.
type Scale int

const (
	// Linear spaces values by their difference. It is the zero value.
	Linear Scale = iota
	// Log spaces values by their ratio; all must be positive.
	Log
	// SymmetricLog is linear up to the smallest magnitude in the data and
	// logarithmic beyond, on both sides of zero: for sweeps such as 0, 10, 100, 1000.
	SymmetricLog
	// Even gives each distinct value the same room: in numeric order, or in order
	// of appearance when the values are words.
	Even
)

// horizontal is an x axis fitted to data: where values lie and which are labelled.
type horizontal struct {
	scale     Scale
	values    []float64 // distinct and ascending; 0, 1, … when the column holds words
	labels    []string  // one a value
	words     bool      // the column is text: positions are indices
	threshold float64   // of SymmetricLog: the end of the linear part
}

// tick is a mark on an axis, in plot coordinates; without a label it is only a line.
type tick struct {
	at    float64
	label string
}

// maximumDataTicks is the largest count of distinct values that are all ticks.
const maximumDataTicks = 12

func newHorizontal(cells []string, scale Scale) (horizontal, error) {
	axis := horizontal{scale: scale}
	numbers := map[float64]bool{}
	for _, cell := range cells {
		x, err := strconv.ParseFloat(cell, 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			axis.words = true
			break
		}
		numbers[x] = true
	}
	if axis.words {
		if scale != Even {
			return axis, fmt.Errorf("X holds text: use the scale Even, or write finite numbers")
		}
		for _, cell := range cells {
			if !slices.Contains(axis.labels, cell) {
				axis.values = append(axis.values, float64(len(axis.labels)))
				axis.labels = append(axis.labels, cell)
			}
		}
		return axis, nil
	}
	for x := range numbers {
		axis.values = append(axis.values, x)
	}
	slices.Sort(axis.values)
	axis.threshold = math.Inf(1)
	for _, x := range axis.values {
		axis.labels = append(axis.labels, formatNumber(x, -1))
		if scale == Log && x <= 0 {
			return axis, fmt.Errorf("X = %g has no place on a logarithmic axis: use SymmetricLog or Even", x)
		}
		if x != 0 {
			axis.threshold = min(axis.threshold, math.Abs(x))
		}
	}
	if math.IsInf(axis.threshold, 1) {
		axis.threshold = 1
	}
	return axis, nil
}

// value is a cell's number, or its index when the column holds words.
func (h horizontal) value(cell string) float64 {
	if h.words {
		return float64(slices.Index(h.labels, cell))
	}
	x, _ := strconv.ParseFloat(cell, 64) // newHorizontal has read every cell
	return x
}

// position maps a value to plot coordinates; it increases with x.
func (h horizontal) position(x float64) float64 {
	switch h.scale {
	case Log:
		return math.Log10(x)
	case SymmetricLog:
		magnitude := math.Abs(x) / h.threshold
		if magnitude > 1 {
			magnitude = 1 + math.Log10(magnitude)
		}
		return math.Copysign(magnitude, x)
	case Even:
		return h.rank(x)
	default:
		return x
	}
}

// rank places a value among the distinct ones, between two of them by its
// share of the distance, and half a step outside at the ends.
func (h horizontal) rank(x float64) float64 {
	i, found := slices.BinarySearch(h.values, x)
	switch {
	case found:
		return float64(i)
	case i == 0:
		return -0.5
	case i == len(h.values):
		return float64(i) - 0.5
	}
	left, right := h.values[i-1], h.values[i]
	return float64(i-1) + (x-left)/(right-left)
}

// limits are the ends of the axis in plot coordinates, a little beyond the data.
func (h horizontal) limits() (low, high float64) {
	low, high = h.position(h.values[0]), h.position(h.values[len(h.values)-1])
	padding := 0.04 * (high - low)
	if h.scale == Even {
		padding = 0.35
	}
	if padding == 0 {
		padding = 0.5
	}
	return low - padding, high + padding
}

// ticks are the marks of an axis of the given width. Every value of the data is
// marked where there are few. Numbers that would touch are left out, which a
// reader can fill in; words are all kept and slanted is true.
func (h horizontal) ticks(width vg.Length, style text.Style) (marks []tick, slanted bool) {
	low, high := h.limits()
	unit := width / vg.Length(high-low)
	var ticks []tick
	switch {
	case h.scale == Linear && !(len(h.values) <= 6 && h.evenlySpaced()):
		ticks = roundTicks(low, high, 6)
	case len(h.values) > maximumDataTicks && (h.scale == Log || h.scale == SymmetricLog):
		ticks = h.decades()
	default:
		for i, x := range h.values {
			ticks = append(ticks, tick{at: h.position(x), label: h.labels[i]})
		}
	}
	if !h.words {
		return dropTouching(ticks, unit, style), false
	}
	kept := dropTouching(slices.Clone(ticks), unit, style)
	slanted = slices.ContainsFunc(kept, func(t tick) bool { return t.label == "" })
	return ticks, slanted
}

func (h horizontal) evenlySpaced() bool {
	for i := 2; i < len(h.values); i++ {
		step, first := h.values[i]-h.values[i-1], h.values[1]-h.values[0]
		if math.Abs(step-first) > 1e-9*math.Abs(first) {
			return false
		}
	}
	return true
}

// decades marks the powers of ten inside the data's range, and zero.
func (h horizontal) decades() []tick {
	first, last := h.values[0], h.values[len(h.values)-1]
	var marks []float64
	largest := math.Max(math.Abs(first), math.Abs(last))
	for exponent := math.Floor(math.Log10(h.threshold)); exponent <= math.Ceil(math.Log10(largest)); exponent++ {
		power := math.Pow(10, exponent)
		marks = append(marks, -power, power)
	}
	marks = append(marks, 0)
	slices.Sort(marks)
	var ticks []tick
	for _, x := range marks {
		if x >= first && x <= last {
			ticks = append(ticks, tick{at: h.position(x), label: formatNumber(x, -1)})
		}
	}
	return ticks
}

// dropTouching blanks labels that would come closer than a space to their
// neighbour; both ends keep theirs. unit is the length of one plot coordinate.
func dropTouching(ticks []tick, unit vg.Length, style text.Style) []tick {
	gap := style.Width("0")
	touch := func(a, b tick) bool {
		distance := vg.Length(b.at-a.at) * unit
		return distance < (style.Width(a.label)+style.Width(b.label))/2+gap
	}
	var kept []int
	for i := range ticks {
		if len(kept) > 0 && touch(ticks[kept[len(kept)-1]], ticks[i]) {
			if i < len(ticks)-1 {
				ticks[i].label = ""
				continue
			}
			for len(kept) > 1 && touch(ticks[kept[len(kept)-1]], ticks[i]) {
				ticks[kept[len(kept)-1]].label = ""
				kept = kept[:len(kept)-1]
			}
		}
		kept = append(kept, i)
	}
	return ticks
}

// roundTicks marks a range at multiples of 1, 2 or 5 times a power of ten, at
// about the wanted count of places, all with the same count of decimals.
func roundTicks(low, high float64, want int) []tick {
	raw := (high - low) / float64(want)
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	step := 10 * power
	for _, multiple := range []float64{1, 2, 5} {
		if multiple*power >= raw*0.7 {
			step = multiple * power
			break
		}
	}
	decimals := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	var ticks []tick
	for i := math.Ceil(low/step - 1e-9); i*step <= high+1e-9*step; i++ {
		ticks = append(ticks, tick{at: i * step, label: formatNumber(i*step, decimals)})
	}
	return ticks
}

// logTicks marks a range by powers of ten or, where it holds fewer than three, by
// 1, 2 and 5 times those; less than about a factor of two is marked as if linear.
func logTicks(low, high float64) []tick {
	for _, multiples := range [][]float64{{1}, {1, 2, 5}} {
		var ticks []tick
		for exponent := math.Floor(math.Log10(low)); exponent <= math.Ceil(math.Log10(high)); exponent++ {
			for _, multiple := range multiples {
				if at := multiple * math.Pow(10, exponent); at >= low && at <= high {
					ticks = append(ticks, tick{at: at, label: formatNumber(at, max(0, -int(exponent)))})
				}
			}
		}
		if every := (len(ticks) + 7) / 8; every > 1 { // many decades
			ticks = slices.DeleteFunc(ticks, func(mark tick) bool { return int(math.Round(math.Log10(mark.at)))%every != 0 })
		}
		if len(ticks) >= 3 {
			return ticks
		}
	}
	return roundTicks(low, high, 5)
}

// formatNumber writes a number for a reader: a true minus sign, no zero below
// zero, a power of ten only far from one. decimals < 0 means as many as needed.
func formatNumber(x float64, decimals int) string {
	s := strconv.FormatFloat(x, 'f', decimals, 64)
	if magnitude := math.Abs(x); x != 0 && (magnitude >= 1e6 || magnitude < 1e-4) {
		s = strconv.FormatFloat(x, 'e', -1, 64)
		mantissa, exponent, _ := strings.Cut(s, "e")
		power, _ := strconv.Atoi(exponent)
		s = mantissa + "e" + strconv.Itoa(power)
	}
	if strings.Trim(s, "-0.") == "" {
		s = strings.TrimPrefix(s, "-")
	}
	return strings.ReplaceAll(s, "-", "−")
}
