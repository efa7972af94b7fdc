package metricparity

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/npy"
)

// manifestName is the file that describes a folder's cases.
const manifestName = "expected.json"

type manifest struct {
	Cases map[string]*fixture `json:"cases"`
}

// fixture is one case: the inputs to evaluate and the numbers to arrive at.
type fixture struct {
	dir string

	Inputs    map[string]*file           `json:"inputs"`
	Params    map[string]json.RawMessage `json:"params"`
	Expected  map[string]quantity        `json:"expected"`
	Tolerance map[string]tolerance       `json:"tolerance"`
}

// file names an array beside the manifest.
type file struct {
	Name  string `json:"file"`
	Shape []int  `json:"shape"`
}

// tolerance passes |got - expected| <= Abs + Rel*|expected|.
type tolerance struct {
	Abs float64 `json:"abs"`
	Rel float64 `json:"rel"`
}

// quantity is an expected value: a number, a list of any depth, or a file.
// null stands for NaN.
type quantity struct {
	file   *file
	values []float64
}

func (q *quantity) UnmarshalJSON(raw []byte) error {
	if raw[0] == '{' {
		if err := json.Unmarshal(raw, &q.file); err != nil {
			return err
		}
		if q.file.Name == "" {
			return errors.New("an expected object without a file")
		}
		return nil
	}
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return err
	}
	return q.flatten(value)
}

func (q *quantity) flatten(value any) error {
	switch v := value.(type) {
	case nil:
		q.values = append(q.values, math.NaN())
	case float64:
		q.values = append(q.values, v)
	case []any:
		for _, element := range v {
			if err := q.flatten(element); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("an expected value of type %T, want numbers", value)
	}
	return nil
}

func readManifest(dir string) (*manifest, error) {
	content, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return nil, fmt.Errorf("metric fixtures: %w; name a folder that holds %s", err, manifestName)
	}
	var m manifest
	if err := json.Unmarshal(content, &m); err != nil {
		return nil, fmt.Errorf("metric fixtures: %s: %w", filepath.Join(dir, manifestName), err)
	}
	for name, f := range m.Cases {
		if f == nil {
			return nil, fmt.Errorf("metric fixtures: %s: case %s is null", filepath.Join(dir, manifestName), name)
		}
		f.dir = dir
	}
	return &m, nil
}

// open reads an array of the folder and holds it to the shape in the manifest.
func (f *fixture) open(what *file) (*npy.Array, error) {
	if !filepath.IsLocal(what.Name) {
		return nil, fmt.Errorf("file %q is not inside the folder", what.Name)
	}
	array, err := npy.Open(filepath.Join(f.dir, what.Name))
	if err != nil {
		return nil, err
	}
	if !slices.Equal(array.Shape(), what.Shape) {
		return nil, fmt.Errorf("%s has shape %v, %s says %v", what.Name, array.Shape(), manifestName, what.Shape)
	}
	return array, nil
}

func (f *fixture) input(name string) (*npy.Array, error) {
	what, ok := f.Inputs[name]
	if !ok || what == nil {
		return nil, fmt.Errorf("no input %q", name)
	}
	return f.open(what)
}

// matrix is an input [rows, columns] as float64.
func (f *fixture) matrix(name string) (*mat.Dense, error) {
	array, err := f.input(name)
	if err != nil {
		return nil, err
	}
	m, err := array.Dense()
	if err != nil {
		return nil, fmt.Errorf("input %s: %w", name, err)
	}
	return m, nil
}

// vector is an input of any shape in row-major order.
func (f *fixture) vector(name string) ([]float64, error) {
	array, err := f.input(name)
	if err != nil {
		return nil, err
	}
	return array.Float64s(), nil
}

// ints is an integer input of any shape in row-major order.
func (f *fixture) ints(name string) ([]int, error) {
	array, err := f.input(name)
	if err != nil {
		return nil, err
	}
	values, err := array.Ints()
	if err != nil {
		return nil, fmt.Errorf("input %s: %w", name, err)
	}
	return values, nil
}

// parameter reads a parameter of the case, or otherwise when it has none.
func parameter[T any](f *fixture, name string, otherwise T) (T, error) {
	raw, ok := f.Params[name]
	if !ok {
		return otherwise, nil
	}
	var value T
	if err := json.Unmarshal(raw, &value); err != nil {
		return otherwise, fmt.Errorf("parameter %s = %s: %w", name, raw, err)
	}
	return value, nil
}
