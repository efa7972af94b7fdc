package processparity

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// object is a JSON object that remembers which of its entries were asked for.
type object struct {
	path    string
	entries map[string]json.RawMessage
	asked   map[string]bool
}

func newObject(path string, content []byte) (*object, error) {
	o := &object{path: path, asked: map[string]bool{}}
	if err := json.Unmarshal(content, &o.entries); err != nil {
		return nil, err
	}
	return o, nil
}

func (o *object) join(key string) string {
	if o.path == "" {
		return key
	}
	return o.path + "." + key
}

func (o *object) has(key string) bool {
	_, ok := o.entries[key]
	return ok
}

func (o *object) keys() []string { return slices.Sorted(maps.Keys(o.entries)) }

func (o *object) ignore(keys ...string) {
	for _, key := range keys {
		o.asked[key] = true
	}
}

func (o *object) unread() []string {
	var out []string
	for _, key := range o.keys() {
		if !o.asked[key] {
			out = append(out, o.join(key))
		}
	}
	return out
}

// read decodes the entry into a variable; a missing one is an error.
func (o *object) read(key string, into any) error {
	content, ok := o.entries[key]
	if !ok {
		return fmt.Errorf("%s is missing", o.join(key))
	}
	o.asked[key] = true
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("%s: %w", o.join(key), err)
	}
	return nil
}

func (o *object) object(key string) (*object, error) {
	var content json.RawMessage
	if err := o.read(key, &content); err != nil {
		return nil, err
	}
	inner, err := newObject(o.join(key), content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.join(key), err)
	}
	return inner, nil
}

func (o *object) list(key string) ([]*object, error) {
	var contents []json.RawMessage
	if err := o.read(key, &contents); err != nil {
		return nil, err
	}
	var out []*object
	for i, content := range contents {
		path := fmt.Sprintf("%s[%d]", o.join(key), i)
		inner, err := newObject(path, content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		out = append(out, inner)
	}
	return out, nil
}

func (o *object) float(key string) (float64, error) {
	values, err := o.floats(key)
	if err == nil && len(values) != 1 {
		err = fmt.Errorf("%s has %d numbers, want 1", o.join(key), len(values))
	}
	if err != nil {
		return 0, err
	}
	return values[0], nil
}

func (o *object) integer(key string) (n int, err error) {
	err = o.read(key, &n)
	return n, err
}

// maxSteps bounds the length of a process, so that a wrong number in a file is
// an error and not an allocation that cannot be met.
const maxSteps = 1_000_000

// steps reads the length of a process.
func (o *object) steps(key string) (int, error) {
	n, err := o.integer(key)
	if err == nil && (n < 1 || n > maxSteps) {
		err = fmt.Errorf("%s is %d: want 1 to %d", o.join(key), n, maxSteps)
	}
	return n, err
}

// floats reads a number, or an array of arrays of numbers row by row.
func (o *object) floats(key string) ([]float64, error) {
	var value any
	if err := o.read(key, &value); err != nil {
		return nil, err
	}
	out, err := flatten(nil, value)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.join(key), err)
	}
	return out, nil
}

func flatten(out []float64, value any) ([]float64, error) {
	switch v := value.(type) {
	case float64:
		return append(out, v), nil
	case []any:
		for _, item := range v {
			var err error
			if out, err = flatten(out, item); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("%v is neither a number nor an array", value)
}

// vectors reads several arrays that must have the same length.
func (o *object) vectors(keys ...string) (map[string][]float64, error) {
	out := map[string][]float64{}
	for _, key := range keys {
		values, err := o.floats(key)
		if err != nil {
			return nil, err
		}
		if first := out[keys[0]]; key != keys[0] && len(values) != len(first) {
			return nil, fmt.Errorf("%s has %d numbers, %s has %d", o.join(key), len(values), keys[0], len(first))
		}
		out[key] = values
	}
	return out, nil
}
