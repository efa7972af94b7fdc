package probe

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// What a probe refuses; errors.Is finds them below the errors of this package.
var (
	ErrNotFinite = errors.New("a value is NaN or infinite")
	ErrMismatch  = errors.New("sizes do not match")
	ErrLabel     = errors.New("a label is out of range")
	ErrOneClass  = errors.New("there are fewer than two classes")
	ErrOption    = errors.New("an option is out of range")
)

// Set is a set of labelled codes.
type Set struct {
	X      *mat.Dense // [samples, features]
	Labels []int      // [samples], class numbers from 0
}

// Len is the number of samples; an empty set has no X.
func (s Set) Len() int {
	if s.X == nil {
		return 0
	}
	return s.X.RawMatrix().Rows
}

// Features is the width of the codes.
func (s Set) Features() int {
	if s.X == nil {
		return 0
	}
	return s.X.RawMatrix().Cols
}

// check refuses what no probe can use. The name says which set it is.
func (s Set) check(name string) error {
	if s.Len() == 0 {
		return fmt.Errorf("probe: the %s set is empty: %w", name, ErrMismatch)
	}
	if len(s.Labels) != s.Len() {
		return fmt.Errorf("probe: the %s set has %d labels for %d samples: %w", name, len(s.Labels), s.Len(), ErrMismatch)
	}
	if i := slices.IndexFunc(s.Labels, func(l int) bool { return l < 0 }); i >= 0 {
		return fmt.Errorf("probe: the %s set has label %d at sample %d; classes count from 0: %w", name, s.Labels[i], i, ErrLabel)
	}
	return checkCodes(name, s.X)
}

// checkCodes refuses a matrix with a value that is not finite.
func checkCodes(name string, x *mat.Dense) error {
	for i := range x.RawMatrix().Rows {
		for j, v := range x.RawRowView(i) {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("probe: the %s set has %v at sample %d, feature %d: %w", name, v, i, j, ErrNotFinite)
			}
		}
	}
	return nil
}

// checkFeatures refuses codes of another width than a probe was fitted to.
func checkFeatures(x *mat.Dense, want int) error {
	if got := x.RawMatrix().Cols; got != want {
		return fmt.Errorf("probe: codes with %d features for a probe fitted to %d: %w", got, want, ErrMismatch)
	}
	return checkCodes("given", x)
}

// Classes checks the set as one to learn from and returns the class numbers that
// occur, ascending, and each sample's place among them.
func (s Set) Classes() (occurring []int, place []int, err error) {
	if err := s.check("training"); err != nil {
		return nil, nil, err
	}
	occurring = slices.Clone(s.Labels)
	slices.Sort(occurring)
	occurring = slices.Compact(occurring)
	if len(occurring) < 2 {
		return nil, nil, fmt.Errorf("probe: all %d labels of the training set are %d: %w", len(s.Labels), occurring[0], ErrOneClass)
	}
	place = make([]int, len(s.Labels))
	for i, label := range s.Labels {
		place[i], _ = slices.BinarySearch(occurring, label)
	}
	return occurring, place, nil
}

// rows copies the samples at the indices.
func rows(x *mat.Dense, indices []int) *mat.Dense {
	out := mat.NewDense(len(indices), x.RawMatrix().Cols, nil)
	for to, from := range indices {
		out.SetRow(to, x.RawRowView(from))
	}
	return out
}

// positive returns value, or otherwise where it is 0, and refuses what is not
// above 0 or not finite.
func positive(name string, value, otherwise float64) (float64, error) {
	if value == 0 {
		return otherwise, nil
	}
	if !(value > 0) || math.IsInf(value, 1) {
		return 0, fmt.Errorf("probe: %s is %v, want a number above 0: %w", name, value, ErrOption)
	}
	return value, nil
}

// count is positive for whole numbers.
func count(name string, value, otherwise int) (int, error) {
	if value < 0 {
		return 0, fmt.Errorf("probe: %s is %d, want 1 or more: %w", name, value, ErrOption)
	}
	if value == 0 {
		return otherwise, nil
	}
	return value, nil
}
