package compare

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"noisebook/pkg/track"
)

// section collects what is known of each run under the same names.
func section(runs int, all bool, of func(run int) map[string]any) Section {
	known := make([]map[string]any, runs)
	names := map[string]bool{}
	for i := range runs {
		known[i] = of(i)
		for name := range known[i] {
			names[name] = true
		}
	}
	var s Section
	for _, name := range slices.Sorted(maps.Keys(names)) {
		f := Fact{Name: name}
		for i := range runs {
			f.Values = append(f.Values, known[i][name])
		}
		first := encoded(f.Values[0])
		f.Differs = slices.ContainsFunc(f.Values, func(v any) bool { return encoded(v) != first })
		if f.Differs || all {
			s.Facts = append(s.Facts, f)
		} else {
			s.Same++
		}
	}
	return s
}

// encoded is a value in a form that is equal for equal values, also where one run
// holds 3 and another 3.0.
func encoded(value any) string {
	if whole, ok := value.(int64); ok {
		value = float64(whole)
	}
	data, err := json.Marshal(value)
	if err != nil { // it came from JSON
		return fmt.Sprint(value)
	}
	return string(data)
}

func anyMap(texts map[string]string) map[string]any {
	values := make(map[string]any, len(texts))
	for name, text := range texts {
		values[name] = text
	}
	return values
}

// valueText is a fact's value for a person; a dash where a run lacks it.
func valueText(value any) string {
	switch v := value.(type) {
	case nil:
		return "–"
	case string:
		if v == "" {
			return `""`
		}
		return v
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			parts[i] = valueText(item)
		}
		return "[" + strings.Join(parts, " ") + "]"
	}
	return fmt.Sprint(value)
}

// codeOf is what is known of a run's code, and where its commit stands to that of
// the first run.
func codeOf(first, run track.Run) map[string]any {
	p := run.Provenance
	known := map[string]any{"commit": p.ShortCommit()}
	add := func(name, value string) {
		if value != "" {
			known[name] = value
		}
	}
	add("history", history(first.Provenance.Commit, p.Commit))
	if p.Diff != nil {
		add("uncommitted", fmt.Sprintf("%d bytes, %.12s", p.Diff.Bytes, p.Diff.SHA256))
	}
	add("uncommitted, left out", p.DiffOmitted)
	add("sources", fmt.Sprintf("%.12s", p.CodeHash))
	add("go", p.Go)
	add("go.sum", fmt.Sprintf("%.12s", p.GoSum))
	for module, version := range p.Modules {
		add(module, version)
	}
	if p.Cell != nil {
		add("cell", fmt.Sprintf("%d bytes, %.12s", p.Cell.Bytes, p.Cell.SHA256))
	}
	for module, commit := range p.Workspace {
		add("workspace "+module, commit)
	}
	return known
}
