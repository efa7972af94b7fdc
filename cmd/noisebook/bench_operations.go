package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/engine"
	"noisebook/pkg/joint"
	"noisebook/pkg/nn"
	"noisebook/pkg/train"
)

// work counts the multiply-adds of a part of the network for one image: those
// with weights, whose gradient takes one more product for the input and one for
// the weights, and those between activations, whose gradient takes two.
type work struct{ weights, activations float64 }

func (w *work) add(o work) {
	w.weights += o.weights
	w.activations += o.activations
}

func (w work) forward() float64 { return w.weights + w.activations }

// jointWork is a joint model's parts, as their gradients differ.
type jointWork struct {
	input     work // first convolution, whose input needs no gradient
	condition work // of the time: the embedding and its projections in the encoder, which no feature map reaches
	encoder   work // the rest of the encoder, the middle block included
	decoder   work
	head      work
}

func convolution(pixels, size, in, out int) work {
	return work{weights: float64(pixels*size*size*in) * float64(out)}
}

// attention is that of guided-diffusion: queries, keys, values and projection
// with weights; scores and mixture between activations.
func attention(positions, channels int) work {
	n, c := float64(positions), float64(channels)
	return work{weights: 4 * n * c * c, activations: 2 * n * n * c}
}

func countJoint(c joint.Config) jointWork {
	u := c.UNet
	side := u.ImageSize / u.Patch
	pixel := u.Channels * u.Patch * u.Patch
	embedding := 4 * u.Width
	attends := map[int]bool{}
	for _, factor := range u.AttentionAt {
		attends[factor] = true
	}
	var w jointWork
	residual := func(in, out int) work {
		r := convolution(side*side, 3, in, out)
		r.add(convolution(side*side, 3, out, out))
		if in != out {
			r.add(convolution(side*side, 1, in, out))
		}
		return r
	}
	film := func(out int) work { return work{weights: float64(embedding * 2 * out)} }
	block := func(part *work, in, out, factor int) {
		part.add(residual(in, out))
		if attends[factor] {
			part.add(attention(side*side, out))
		}
	}

	w.condition.add(work{weights: float64((u.Width + embedding) * embedding)})
	channels, factor := u.Multipliers[0]*u.Width, 1
	w.input = convolution(side*side, 3, pixel, channels)
	skips := []int{channels}
	for level, m := range u.Multipliers {
		for range u.Blocks {
			block(&w.encoder, channels, m*u.Width, factor)
			channels = m * u.Width
			w.condition.add(film(channels))
			skips = append(skips, channels)
		}
		if level < len(u.Multipliers)-1 {
			side, factor = side/2, factor*2
			w.encoder.add(convolution(side*side, 3, channels, channels))
			skips = append(skips, channels)
		}
	}
	for range 2 {
		w.encoder.add(residual(channels, channels))
		w.condition.add(film(channels))
	}
	w.encoder.add(attention(side*side, channels))

	features := channels
	for _, s := range skips {
		features += s
	}
	hidden := features / 2
	w.head.add(work{weights: float64((features+1)*hidden + hidden*c.Classes)})

	for level := len(u.Multipliers) - 1; level >= 0; level-- {
		for i := range u.Blocks + 1 {
			out := u.Multipliers[level] * u.Width
			block(&w.decoder, channels+skips[len(skips)-1], out, factor)
			skips = skips[:len(skips)-1]
			channels = out
			w.decoder.add(film(out))
			if level > 0 && i == u.Blocks {
				side, factor = side*2, factor/2
				w.decoder.add(convolution(side*side, 3, channels, channels))
			}
		}
	}
	w.decoder.add(convolution(side*side, 3, channels, pixel))
	return w
}

// jointOperations is the floating-point operations of each measure for a batch, as
// the network is defined: two for every multiply-add of a convolution or matrix product.
//
// Training runs the encoder on noised and on clean images. A guided step needs
// gradients by activations alone, from the head back to the first feature map.
func jointOperations(c joint.Config, batch int) map[string]float64 {
	w := countJoint(c)
	encode := w.input.forward() + w.condition.forward() + w.encoder.forward()
	decode := w.decoder.forward()
	head := w.head.forward()
	images := 2 * float64(batch)
	return map[string]float64{
		"train":  images * (3*(2*encode+decode+head) - 2*w.input.forward()),
		"sample": images * (encode + decode),
		"guided": images * (encode + decode + 2*head + w.encoder.weights + 2*w.encoder.activations),
	}
}

// gradientOperations is the floating-point operations in the graph of a loss and its gradient by the weights.
func (b *unetBench) gradientOperations(e *engine.Engine, model *joint.Model, objective train.Objective) (operations float64, err error) {
	program, err := e.NewProgram("count", func(_ *graph.Graph, in []*graph.Node) []*graph.Node {
		weights := nn.NewWeights(model.Layout, in[0])
		pass := nn.Train(weights, nn.NewWeights(model.Statistics, in[1]), in[2])
		loss, _ := objective(pass, in[3], in[4])
		gradient := weights.Gradient(loss)
		operations = graphOperations(loss, gradient)
		return []*graph.Node{loss, gradient}
	})
	if err != nil {
		return 0, err
	}
	defer program.Finalize()
	f32 := func(dims ...int) shapes.Shape { return shapes.Make(dtypes.Float32, dims...) }
	_, err = program.Dry(f32(model.Layout.Size()), f32(model.Statistics.Size()), graph.RNGStateShape,
		f32(b.Batch, b.Size, b.Size, b.InChannels), shapes.Make(dtypes.Int32, b.Batch))
	return operations, err
}

// graphOperations is the floating-point operations of all convolutions and
// matrix products that the outputs depend on, as they stand in the graph:
// products with padding and with the zeros of a dilated input count. A product
// with a constant is a sum in another guise (group norm's means) and does not.
func graphOperations(outputs ...*graph.Node) float64 {
	seen := map[*graph.Node]bool{}
	total := 0.0
	var visit func(n *graph.Node)
	visit = func(n *graph.Node) {
		if seen[n] {
			return
		}
		seen[n] = true
		switch n.Type() {
		case graph.NodeTypeConvGeneral:
			kernel := n.Inputs()[1].Shape()
			out := kernel.Dimensions[attribute(n, kernelOutputAxis)[0]]
			total += 2 * float64(n.Shape().Size()) * float64(kernel.Size()/out)
		case graph.NodeTypeDotGeneral:
			if slices.ContainsFunc(n.Inputs(), isConstant) {
				break
			}
			contracted := 1
			for _, axis := range attribute(n, contractedAxes) {
				contracted *= n.Inputs()[0].Shape().Dimensions[axis]
			}
			total += 2 * float64(n.Shape().Size()) * float64(contracted)
		}
		for _, input := range n.Inputs() {
			visit(input)
		}
	}
	for _, output := range outputs {
		visit(output)
	}
	return total
}

func isConstant(n *graph.Node) bool { return n.Type() == graph.NodeTypeConstant }

// GoMLX shows a node's attributes only in its description.
var (
	kernelOutputAxis = regexp.MustCompile(`KernelOutputChannels:(\d+)`)
	contractedAxes   = regexp.MustCompile(`lhsContractingAxes=\[([\d ]*)\]`)
)

func attribute(n *graph.Node, pattern *regexp.Regexp) []int {
	match := pattern.FindStringSubmatch(n.String())
	if match == nil {
		panic(fmt.Errorf("%v does not describe %v", n, pattern))
	}
	var numbers []int
	for _, field := range strings.Fields(match[1]) {
		number, err := strconv.Atoi(field)
		if err != nil {
			panic(fmt.Errorf("%v: %w", n, err))
		}
		numbers = append(numbers, number)
	}
	return numbers
}
