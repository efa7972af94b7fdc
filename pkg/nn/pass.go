package nn

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Weights are a layout's values in a graph.
type Weights struct {
	layout *Layout
	flat   *Node
	nodes  map[int]*Node // by offset, so that a parameter used twice is one node with one gradient
}

// NewWeights binds a flat vector [layout.Size()] to a layout.
func NewWeights(layout *Layout, flat *Node) *Weights {
	if flat.Rank() != 1 || flat.Shape().Dimensions[0] != layout.size {
		panic(fmt.Errorf("nn: weights have shape %s, the network has %d parameters", flat.Shape(), layout.size))
	}
	return &Weights{layout: layout, flat: flat, nodes: map[int]*Node{}}
}

// Of returns a parameter's value.
func (w *Weights) Of(p Param) *Node {
	if node, ok := w.nodes[p.Offset]; ok {
		return node
	}
	node := Reshape(Slice(w.flat, AxisRange(p.Offset, p.Offset+p.Size())), p.Shape...)
	w.nodes[p.Offset] = node
	return node
}

// Gradient is the gradient of a scalar with respect to the whole flat vector;
// parameters that the graph did not use get zeros.
//
// It is taken at the parameters' nodes and joined once: the gradient of each
// slice on its own would be padded to the whole vector and added.
func (w *Weights) Gradient(loss *Node) *Node {
	var used []*Node
	for _, p := range w.layout.parameters {
		if node, ok := w.nodes[p.Offset]; ok {
			used = append(used, node)
		}
	}
	gradients := Gradient(loss, used...)
	return w.layout.join(loss.Graph(), func(p Param) *Node {
		if _, ok := w.nodes[p.Offset]; !ok {
			return nil
		}
		next := gradients[0]
		gradients = gradients[1:]
		return next
	})
}

// join makes a flat vector of one node a parameter; nil stands for zeros.
func (l *Layout) join(g *Graph, of func(Param) *Node) *Node {
	parts := make([]*Node, len(l.parameters))
	for i, p := range l.parameters {
		if node := of(p); node != nil {
			parts[i] = Reshape(node, p.Size())
		} else {
			parts[i] = FillScalar(g, shapes.Make(dtypes.Float32, p.Size()), 0)
		}
	}
	if len(parts) == 0 {
		return FillScalar(g, shapes.Make(dtypes.Float32, 0), 0)
	}
	return Concatenate(parts, 0)
}

// Pass is one use of a network in a graph: its weights, its running statistics,
// and whether it trains (dropout drops, batch norm uses the batch) or evaluates.
type Pass struct {
	*Weights
	statistics *Weights
	updates    map[int]*Node // new running statistics by offset
	random     *Node         // state of the random numbers, nil when evaluating
	masks      uint32        // drawn so far

	// Precision is of products and of the activations between them.
	Precision Precision

	// Observe, when set, sees what each block of a network puts out, by the block's name.
	Observe func(block string, output *Node)
}

func (p *Pass) observe(block string, output *Node) {
	if p.Observe != nil {
		p.Observe(block, output)
	}
}

// Precision is the type of number that a pass computes in; the zero value is
// [Float32]. The weights themselves are float32 always.
type Precision string

const (
	Float32 Precision = "float32"
	// BFloat16 halves the memory of activations and is what tensor cores
	// multiply fast (Kalamkar et al. 2019, arXiv 1905.12322). Statistics of
	// norms, softmax, losses, sums over a batch and the gradient of the weights
	// stay float32: see [Wide].
	BFloat16 Precision = "bfloat16"
)

// Narrow casts an operand to the pass's precision: an activation, or a weight at
// its use, so that the gradient of each use is added in float32.
func (p *Pass) Narrow(x *Node) *Node {
	if p.Precision == BFloat16 {
		return ConvertDType(x, dtypes.BFloat16)
	}
	return x
}

// Wide casts to float32 what is about to be summed, divided or exponentiated.
func Wide(x *Node) *Node { return ConvertDType(x, dtypes.Float32) }

// Evaluate begins a pass in evaluation mode.
func Evaluate(weights, statistics *Weights) *Pass {
	return &Pass{Weights: weights, statistics: statistics}
}

// Train begins a pass in training mode with a state of the random numbers.
func Train(weights, statistics *Weights, random *Node) *Pass {
	return &Pass{Weights: weights, statistics: statistics, updates: map[int]*Node{}, random: random}
}

// Training says whether the pass trains.
func (p *Pass) Training() bool { return p.random != nil }

// Normal draws standard normal numbers of a shape; the pass must be in training mode.
func (p *Pass) Normal(dimensions ...int) *Node {
	var values *Node
	p.random, values = RandomNormal(p.random, shapes.Make(dtypes.Float32, dimensions...))
	return values
}

// Uniform draws from [0, 1); the pass must be in training mode.
func (p *Pass) Uniform(dimensions ...int) *Node {
	var values *Node
	p.random, values = RandomUniform(p.random, shapes.Make(dtypes.Float32, dimensions...))
	return values
}

// Dropout zeroes a share of x in training and scales up the rest; it is the identity otherwise.
func (p *Pass) Dropout(x *Node, rate float64) *Node {
	if rate == 0 || !p.Training() {
		return x
	}
	return Where(p.keep(rate, x.Shape().Dimensions), MulScalar(x, 1/(1-rate)), ZerosLike(x))
}

// keep draws a mask that is false with probability rate.
//
// Each mask hashes its elements' places with a key of the step and of the mask:
// two rounds of multiply and xor-shift, with the constants that C. Wellons's
// hash-prospector found to have the least bias. That costs a few instructions an
// element and no memory, where the counter-based generator of [Pass.Uniform] took
// a tenth of a training step for numbers that are only compared with a threshold.
func (p *Pass) keep(rate float64, dimensions []int) *Node {
	g := p.random.Graph()
	p.masks++
	word := func(i int) *Node { // 32 bits of the state of the random numbers
		w := ConvertDType(Slice(p.random, AxisElem(i)), dtypes.Uint32)
		return AddScalar(w, p.masks*0x9e3779b9)
	}
	fold := func(x *Node, bits uint32) *Node { return BitwiseXor(x, BitwiseShiftRightLogicalScalar(x, bits)) }
	shape := shapes.Make(dtypes.Uint32, dimensions...)
	x := IotaFull(g, shape)
	for i := range 2 {
		x = Add(x, BroadcastToDims(Reshape(word(i+1)), dimensions...))
		x = MulScalar(fold(x, 16), uint32(0x21f0aaad))
		x = fold(MulScalar(fold(x, 15), uint32(0x735a2d97)), 15)
	}
	return GreaterOrEqual(x, Scalar(g, dtypes.Uint32, uint32(rate*(1<<32))))
}

// KeepStatistics takes the updates of running statistics so far by a share, a
// scalar in [0, 1]: 0 leaves the statistics as they were before the pass.
func (p *Pass) KeepStatistics(share *Node) {
	for _, q := range p.statistics.layout.parameters {
		if updated, ok := p.updates[q.Offset]; ok {
			old := p.statistics.Of(q)
			p.updates[q.Offset] = Add(old, Mul(share, Sub(Reshape(updated, q.Shape...), old)))
		}
	}
}

// Statistics returns the flat vector of running statistics after the pass.
func (p *Pass) Statistics() *Node {
	return p.statistics.layout.join(p.flat.Graph(), func(q Param) *Node {
		if updated, ok := p.updates[q.Offset]; ok {
			return updated
		}
		return p.statistics.Of(q)
	})
}
