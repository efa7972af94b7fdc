package metric

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"
)

// Score is a metric's value with all that a published number must say beside
// it. Its text (String) is fit for a caption, its JSON for a program.
type Score struct {
	Name     string
	Value    float64        // NaN: undefined, Notes say why
	N        map[string]int // samples by what they are, such as "real" and "generated"
	Settings map[string]any // the choices the value depends on: numbers, truth values or text
	Spread   *Spread        // of the parts Value is the mean of, or nil
	Interval *Interval      // where Value may lie, or nil
	Notes    []string       // what a reader must know to compare it, one sentence each
}

// Spread is the standard deviation of the values that a score averages.
type Spread struct {
	SD   float64 `json:"sd"`
	Of   int     `json:"of"`   // how many values
	Over string  `json:"over"` // what they are: "subsets", "splits", "seeds"
}

// With returns the score with a confidence interval.
func (s Score) With(interval Interval) Score {
	s.Interval = &interval
	return s
}

// String is the score in one line: value, spread, interval, n and settings.
func (s Score) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s %.6g", s.Name, s.Value)
	if s.Spread != nil {
		fmt.Fprintf(&text, " %v", *s.Spread)
	}
	if s.Interval != nil {
		fmt.Fprintf(&text, " %v", *s.Interval)
	}
	fmt.Fprintf(&text, " (n = %s", s.Samples())
	if settings := s.Choices(); settings != "" {
		fmt.Fprintf(&text, "; %s", settings)
	}
	text.WriteString(")")
	return text.String()
}

// Samples lists N as text, such as "400 generated, 400 real".
func (s Score) Samples() string {
	if len(s.N) == 0 {
		return "unknown"
	}
	var parts []string
	for _, of := range slices.Sorted(maps.Keys(s.N)) {
		parts = append(parts, fmt.Sprintf("%d %s", s.N[of], of))
	}
	return strings.Join(parts, ", ")
}

// Choices lists Settings as text, by name.
func (s Score) Choices() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(s.Settings)) {
		parts = append(parts, fmt.Sprintf("%s %v", name, s.Settings[name]))
	}
	return strings.Join(parts, ", ")
}

// String is such as "± 0.05 (sd over 20 subsets)".
func (s Spread) String() string { return fmt.Sprintf("± %.3g (sd over %d %s)", s.SD, s.Of, s.Over) }

// scoreJSON is the JSON form: a value that is undefined or infinite is null.
type scoreJSON struct {
	Name     string         `json:"name"`
	Value    *float64       `json:"value"`
	N        map[string]int `json:"n"`
	Settings map[string]any `json:"settings,omitempty"`
	Spread   *Spread        `json:"spread,omitempty"`
	Interval *Interval      `json:"interval,omitempty"`
	Notes    []string       `json:"notes,omitempty"`
}

// MarshalJSON writes a value that is NaN or infinite as null.
func (s Score) MarshalJSON() ([]byte, error) {
	out := scoreJSON{Name: s.Name, Value: &s.Value, N: s.N, Settings: s.Settings, Spread: s.Spread, Interval: s.Interval, Notes: s.Notes}
	if math.IsNaN(s.Value) || math.IsInf(s.Value, 0) {
		out.Value = nil
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes; null becomes NaN, and numbers
// among the settings become float64.
func (s *Score) UnmarshalJSON(raw []byte) error {
	var in scoreJSON
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	*s = Score{Name: in.Name, Value: math.NaN(), N: in.N, Settings: in.Settings, Spread: in.Spread, Interval: in.Interval, Notes: in.Notes}
	if in.Value != nil {
		s.Value = *in.Value
	}
	return nil
}

// OverSeeds is the mean of one metric over repetitions, with their sample
// standard deviation (divisor n-1) as its spread. It needs two scores or more
// of one name and settings; only the setting "seed" may differ. Sample counts
// that differ are left out of N and said in a note.
func OverSeeds(scores []Score) (Score, error) {
	if len(scores) < 2 {
		return Score{}, fmt.Errorf("metric: a spread over seeds needs at least 2 scores, got %d", len(scores))
	}
	first := scores[0]
	values := make([]float64, len(scores))
	for i, s := range scores {
		if s.Name != first.Name {
			return Score{}, fmt.Errorf("metric: a mean over seeds of %s and %s; want one metric", first.Name, s.Name)
		}
		if a, b := withoutSeed(first.Settings), withoutSeed(s.Settings); !reflect.DeepEqual(a, b) {
			return Score{}, fmt.Errorf("metric: %s of score 0 has settings %s, that of score %d %s; only the seed may differ", s.Name, Score{Settings: a}.Choices(), i, Score{Settings: b}.Choices())
		}
		values[i] = s.Value
	}
	if err := checkVector("the series of "+first.Name, values); err != nil {
		return Score{}, err
	}
	mean, sd := stat.MeanStdDev(values, nil)
	over := Score{
		Name: first.Name, Value: mean, N: map[string]int{}, Settings: withoutSeed(first.Settings), Notes: slices.Clone(first.Notes),
		Spread: &Spread{SD: sd, Of: len(scores), Over: "seeds"},
	}
	for _, of := range slices.Sorted(maps.Keys(first.N)) {
		least, most := first.N[of], first.N[of]
		for _, s := range scores {
			least, most = min(least, s.N[of]), max(most, s.N[of])
		}
		if least == most {
			over.N[of] = least
		} else {
			over.Notes = append(over.Notes, fmt.Sprintf("%s differ over the seeds: %d to %d", of, least, most))
		}
	}
	return over, nil
}

func withoutSeed(settings map[string]any) map[string]any {
	out := map[string]any{}
	for name, value := range settings {
		if name != "seed" {
			out[name] = value
		}
	}
	return out
}
