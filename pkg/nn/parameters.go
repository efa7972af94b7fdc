// Package nn has the blocks and networks of the four papers.
//
// All numbers of a network lie in one flat float32 vector. A Layout says which
// part of the vector is which parameter; layers hold Parameters (places in the
// layout) and meet the values only when a graph is built, through a Pass. So
// the optimizer, the moving average and a checkpoint each handle one vector,
// the moving average samples with the same program as the raw weights, and a
// layer may be used several times in one graph.
package nn

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
)

// Param is a named place in a Layout.
type Param struct {
	Name   string
	Shape  []int
	Offset int // of its first number in the flat vector
	init   Initializer
}

// Size is the count of its numbers.
func (p Param) Size() int {
	n := 1
	for _, d := range p.Shape {
		n *= d
	}
	return n
}

// Layout lists the parameters of a network in the order of the flat vector.
type Layout struct {
	parameters []Param
	size       int
}

// Add appends a parameter.
func (l *Layout) Add(name string, init Initializer, shape ...int) Param {
	p := Param{Name: name, Shape: shape, Offset: l.size, init: init}
	l.parameters = append(l.parameters, p)
	l.size += p.Size()
	return p
}

// Size is the count of all numbers.
func (l *Layout) Size() int { return l.size }

// Parameters are all of them, in order; do not change them.
func (l *Layout) Parameters() []Param { return l.parameters }

// Lookup finds a parameter by name.
func (l *Layout) Lookup(name string) (Param, bool) {
	i := slices.IndexFunc(l.parameters, func(p Param) bool { return p.Name == name })
	if i < 0 {
		return Param{}, false
	}
	return l.parameters[i], true
}

// Initialize draws all parameters. Each draws from a stream of its own, made of
// the seed and its name, so a layer added elsewhere does not change it.
func (l *Layout) Initialize(seed uint64) []float32 {
	values := make([]float32, l.size)
	for _, p := range l.parameters {
		p.init(values[p.Offset:p.Offset+p.Size()], rand.New(rand.NewPCG(seed, hashName(p.Name))))
	}
	return values
}

// Fingerprint tells layouts apart: a hash of all names and shapes in order.
func (l *Layout) Fingerprint() string {
	h := fnv.New64a()
	for _, p := range l.parameters {
		fmt.Fprintln(h, p.Name, p.Shape)
	}
	return strconv.FormatUint(h.Sum64(), 16)
}

func hashName(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

// Initializer fills a parameter's values.
type Initializer func(values []float32, rng *rand.Rand)

// InitZeros fills with 0.
func InitZeros(values []float32, _ *rand.Rand) { clear(values) }

// InitOnes fills with 1.
func InitOnes(values []float32, _ *rand.Rand) {
	for i := range values {
		values[i] = 1
	}
}

// InitUniformFanIn draws from U(−1/√fanIn, 1/√fanIn), PyTorch's default for
// convolutions, linear layers and their biases.
func InitUniformFanIn(fanIn int) Initializer {
	bound := 1 / math.Sqrt(float64(fanIn))
	return func(values []float32, rng *rand.Rand) {
		for i := range values {
			values[i] = float32((2*rng.Float64() - 1) * bound)
		}
	}
}
