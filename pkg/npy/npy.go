// Package npy reads and writes NumPy's .npy files, format versions 1 and 2, of
// the element types that features, scores, labels and images come in, and .npz
// archives of them.
//
// A corrupt, truncated or hostile file is an error, never a panic, and never
// an allocation out of proportion to the bytes that are really there.
package npy

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// Element lists the element types that files may hold.
type Element interface {
	float64 | float32 | int64 | uint8
}

// Array is a decoded file: a shape and its elements in row-major (C) order.
type Array struct {
	shape []int
	data  any // []float64, []float32, []int64 or []uint8
}

// Shape is the length of every axis; a scalar has none.
func (a *Array) Shape() []int { return slices.Clone(a.shape) }

// Type names the element type as NumPy does: float64, float32, int64 or uint8.
// Other integers are widened to int64 on reading, truth values are uint8.
func (a *Array) Type() string {
	switch a.data.(type) {
	case []float64:
		return "float64"
	case []float32:
		return "float32"
	case []int64:
		return "int64"
	default:
		return "uint8"
	}
}

// Float64s returns a copy of the elements in row-major order, converted to
// float64. An integer beyond 2^53 is rounded, as NumPy's astype does.
func (a *Array) Float64s() []float64 {
	switch data := a.data.(type) {
	case []float64:
		return slices.Clone(data)
	case []float32:
		return convert[float64](data)
	case []int64:
		return convert[float64](data)
	default:
		return convert[float64](data.([]uint8))
	}
}

// Ints returns the elements of an integer array in row-major order. Labels
// stored as floating point are refused: write them with astype("int64").
func (a *Array) Ints() ([]int, error) {
	switch data := a.data.(type) {
	case []int64:
		for i, v := range data {
			if v < math.MinInt || v > math.MaxInt {
				return nil, fmt.Errorf("npy: element %d is %d, beyond this machine's int", i, v)
			}
		}
		return convert[int](data), nil
	case []uint8:
		return convert[int](data), nil
	default:
		return nil, fmt.Errorf(`npy: the array holds %s, want integers; write it with astype("int64")`, a.Type())
	}
}

// Bytes returns the elements of a uint8 array, such as pixels, in row-major
// order, not copied. Any other type is an error.
func (a *Array) Bytes() ([]uint8, error) {
	data, ok := a.data.([]uint8)
	if !ok {
		return nil, fmt.Errorf("npy: the array holds %s, want uint8", a.Type())
	}
	return data, nil
}

// Dense returns a two-dimensional array [rows, columns] as a float64 matrix.
// Any other number of axes, or an empty axis, is an error.
func (a *Array) Dense() (*mat.Dense, error) {
	if len(a.shape) != 2 {
		return nil, fmt.Errorf("npy: the array has shape %v, want two axes [rows, columns]; reshape it before saving", a.shape)
	}
	if a.shape[0] == 0 || a.shape[1] == 0 {
		return nil, fmt.Errorf("npy: the array of shape %v is empty", a.shape)
	}
	return mat.NewDense(a.shape[0], a.shape[1], a.Float64s()), nil
}

// Rows returns the rows [from, to) of a two-dimensional array as a float64
// matrix, so that a large array need not be converted at once.
func (a *Array) Rows(from, to int) (*mat.Dense, error) {
	if len(a.shape) != 2 || a.shape[1] == 0 || from < 0 || from >= to || to > a.shape[0] {
		return nil, fmt.Errorf("npy: rows %d to %d of an array of shape %v", from, to, a.shape)
	}
	width := a.shape[1]
	var part []float64
	switch data := a.data.(type) {
	case []float64:
		part = slices.Clone(data[from*width : to*width])
	case []float32:
		part = convert[float64](data[from*width : to*width])
	case []int64:
		part = convert[float64](data[from*width : to*width])
	case []uint8:
		part = convert[float64](data[from*width : to*width])
	}
	return mat.NewDense(to-from, width, part), nil
}

func convert[To int | float64, From Element](from []From) []To {
	to := make([]To, len(from))
	for i, v := range from {
		to[i] = To(v)
	}
	return to
}
