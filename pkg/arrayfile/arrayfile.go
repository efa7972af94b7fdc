// Package arrayfile reads arrays of numbers from the files that other programs
// write them to: .npy, .npz, .csv, .tsv and .parquet.
//
// A malformed file is an error that names the file and the place, never a
// panic.
package arrayfile

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/npy"
)

// Array is what a file holds, in row-major order. A table has the axes
// [rows, columns].
type Array struct {
	Source  string // as it was asked for
	Shape   []int
	Values  []float64 // whole numbers beyond 2^53 are rounded
	Columns []string  // names, if the file is a table with a header
}

// readers by the file's extension. parts are what to take of it, empty for all.
var readers = map[string]func(path string, parts []string) (*Array, error){
	".npy":     readNPY,
	".npz":     readNPZ,
	".csv":     func(path string, parts []string) (*Array, error) { return readText(path, ',', parts) },
	".tsv":     func(path string, parts []string) (*Array, error) { return readText(path, '\t', parts) },
	".parquet": readParquet,
}

// Extensions lists the files that Open reads, for help texts.
const Extensions = ".npy, .npz, .csv, .tsv or .parquet"

// Open reads the array that source names: a file, or a part of one behind a #.
//
//	features.npy          the array
//	scores.npz#logits     the array of that name; not needed for the only one
//	table.csv#score,age   these columns, by name or number from 0; all without #
//	codes.parquet#code    likewise; a column of lists of one length is a matrix
func Open(source string) (*Array, error) {
	path, parts := split(source)
	read, ok := readers[strings.ToLower(filepath.Ext(path))]
	if !ok {
		return nil, fmt.Errorf("%s: want a file that ends in %s", path, Extensions)
	}
	array, err := read(path, parts)
	if err != nil {
		return nil, err
	}
	array.Source = source
	return array, nil
}

// split separates a file from the parts behind the last #, unless a file has
// the whole as its name.
func split(source string) (path string, parts []string) {
	at := strings.LastIndex(source, "#")
	if at < 0 {
		return source, nil
	}
	if _, err := os.Stat(source); err == nil {
		return source, nil
	}
	return source[:at], strings.Split(source[at+1:], ",")
}

// Matrix is an array of two axes [rows, columns], neither empty.
func (a *Array) Matrix() (*mat.Dense, error) {
	if len(a.Shape) != 2 {
		return nil, fmt.Errorf("%s has shape %v, want two axes [rows, columns]", a.Source, a.Shape)
	}
	if a.Shape[0] == 0 || a.Shape[1] == 0 {
		return nil, fmt.Errorf("%s of shape %v is empty", a.Source, a.Shape)
	}
	return mat.NewDense(a.Shape[0], a.Shape[1], a.Values), nil
}

// Vector is an array of one axis, or of one column.
func (a *Array) Vector() ([]float64, error) {
	if len(a.Shape) != 1 && !(len(a.Shape) == 2 && a.Shape[1] == 1) {
		return nil, fmt.Errorf("%s has shape %v, want one axis or one column%s", a.Source, a.Shape, a.advice())
	}
	return a.Values, nil
}

// Ints is a Vector of whole numbers, such as labels.
func (a *Array) Ints() ([]int, error) {
	values, err := a.Vector()
	if err != nil {
		return nil, err
	}
	whole := make([]int, len(values))
	for i, v := range values {
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
			return nil, fmt.Errorf("%s has %v at row %d, want whole numbers", a.Source, v, i)
		}
		whole[i] = int(v)
	}
	return whole, nil
}

// advice tells how to take a column of a table that has several.
func (a *Array) advice() string {
	if len(a.Columns) < 2 {
		return ""
	}
	return fmt.Sprintf("; choose one of its columns with #%s", strings.Join(a.Columns[:min(4, len(a.Columns))], " or #"))
}

func readNPY(path string, parts []string) (*Array, error) {
	if len(parts) > 0 {
		return nil, fmt.Errorf("%s holds one array without a name; leave #%s away", path, strings.Join(parts, ","))
	}
	array, err := npy.Open(path)
	if err != nil {
		return nil, err
	}
	return &Array{Shape: array.Shape(), Values: array.Float64s()}, nil
}

func readNPZ(path string, parts []string) (*Array, error) {
	archive, err := npy.OpenArchive(path)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	names := archive.Names()
	if len(parts) == 0 && len(names) == 1 {
		parts = names
	}
	if len(parts) != 1 {
		return nil, fmt.Errorf("%s holds the arrays %s; choose one with #NAME", path, strings.Join(names, ", "))
	}
	array, err := archive.Read(parts[0])
	if err != nil {
		return nil, err
	}
	return &Array{Shape: array.Shape(), Values: array.Float64s()}, nil
}
