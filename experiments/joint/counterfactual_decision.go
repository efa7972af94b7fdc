package joint

import (
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/gonum/floats"

	"noisebook/pkg/data"
)

// answer is what a classifier may say of an image: that it shows a class, or
// that it has or lacks an attribute.
type answer interface {
	// given says whether logits [K] give the answer.
	given(logits []float64) bool
	// labelled says whether the answer is true of image i.
	labelled(images data.Split, i int) bool
	// target is the y of Algorithm 1 that turns image i into one of the answer:
	// a class [1], or all attributes [K].
	target(images data.Split, i int) []int32
}

// showsClass is the answer "class k".
type showsClass int

func (k showsClass) given(logits []float64) bool        { return floats.MaxIdx(logits) == int(k) }
func (k showsClass) labelled(s data.Split, i int) bool  { return s.Labels[i] == int32(k) }
func (k showsClass) target(_ data.Split, _ int) []int32 { return []int32{int32(k)} }

// hasAttribute is the answer "attribute k is there", or "is not".
type hasAttribute struct {
	k       int
	present bool
}

func (a hasAttribute) given(logits []float64) bool { return (logits[a.k] > 0) == a.present }

func (a hasAttribute) labelled(s data.Split, i int) bool {
	return (s.AttributesOf(i)[a.k] == 1) == a.present
}

// target keeps the image's other attributes. The paper does not say what it takes for them.
func (a hasAttribute) target(s data.Split, i int) []int32 {
	y := wide(s.AttributesOf(i))
	y[a.k] = 0
	if a.present {
		y[a.k] = 1
	}
	return y
}

// decision is a question with two answers, either of which can be turned into the other.
type decision struct {
	name    string // as in the config
	words   [2]string
	answers [2]answer
}

// either separates the classes of a decision.
const either = " or "

// decide reads a decision on a dataset's images: two classes ("Sneaker or Ankle
// boot"), or one attribute that an image has or lacks ("Smiling").
func decide(d data.Description, name string) (decision, error) {
	if d.Classes == nil {
		k := slices.Index(d.Attributes, name)
		if k < 0 {
			return decision{}, fmt.Errorf("%s has no attribute %q", d.Name, name)
		}
		return decision{name, [2]string{name, "not " + name}, [2]answer{hasAttribute{k, true}, hasAttribute{k, false}}}, nil
	}
	first, second, two := strings.Cut(name, either)
	a, b := slices.Index(d.Classes, first), slices.Index(d.Classes, second)
	if !two || a < 0 || b < 0 || a == b {
		return decision{}, fmt.Errorf("%s has no two classes %q", d.Name, name)
	}
	return decision{name, [2]string{first, second}, [2]answer{showsClass(a), showsClass(b)}}, nil
}

// decisionsOn picks the decisions that a dataset's images can be asked for.
func decisionsOn(dataset string, names []string) ([]decision, error) {
	d, err := data.Describe(dataset)
	if err != nil {
		return nil, err
	}
	var list []decision
	for _, name := range names {
		if known, err := decide(d, name); err == nil {
			list = append(list, known)
		}
	}
	return list, nil
}
