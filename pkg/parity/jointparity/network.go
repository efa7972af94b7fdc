package jointparity

import (
	"fmt"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"noisebook/pkg/joint"
	"noisebook/pkg/nn"
)

// outputs are named results of one program.
type outputs struct {
	names []string
	nodes []*graph.Node
}

func (o *outputs) add(name string, node *graph.Node) {
	o.names = append(o.names, name)
	o.nodes = append(o.nodes, node)
}

// addImage adds a map in the fixture's layout, [B, C, H, W].
func (o *outputs) addImage(name string, node *graph.Node) {
	o.add(name, graph.TransposeAllDims(node, 0, 3, 1, 2))
}

// inputs of every program: weights, statistics, then these entries of the folder.
var entries = []string{"in/x0", "in/xt", "in/t", "in/y", "in/noise_q"}

// example is what a program's graph function works on.
type example struct {
	pass                 *nn.Pass
	x0, xt, t, y, noiseQ *graph.Node
}

// run builds a program over the folder's inputs, runs it and hands every output to each.
func (c *comparison) run(name string, build func(in example, out *outputs), each func(name string, values []float64)) error {
	args := []any{tensors.FromFlatDataAndDimensions(c.weights, len(c.weights)), tensors.FromFlatDataAndDimensions(c.statistics, len(c.statistics))}
	for _, entry := range entries {
		arg, err := c.tensor(entry)
		if err != nil {
			return err
		}
		args = append(args, arg)
	}
	var out outputs
	program, err := c.engine.NewProgram(name, func(g *graph.Graph, in []*graph.Node) []*graph.Node {
		image := func(x *graph.Node) *graph.Node { return graph.TransposeAllDims(x, 0, 2, 3, 1) }
		out = outputs{}
		build(example{c.model.Evaluate(in[0], in[1]), image(in[2]), image(in[3]), in[4], in[5], image(in[6])}, &out)
		return out.nodes
	})
	if err != nil {
		return err
	}
	defer program.Finalize()
	results, err := program.Call(args...)
	if err != nil {
		return err
	}
	for i, result := range results {
		values, err := float64s(result)
		if err != nil {
			return err
		}
		each(out.names[i], values)
	}
	return nil
}

func (c *comparison) tensor(entry string) (*tensors.Tensor, error) {
	t, err := c.cases.Tensor(entry)
	if err != nil {
		return nil, fmt.Errorf("cases.safetensors: %w", err)
	}
	if strings.HasSuffix(entry, "/t") || strings.HasSuffix(entry, "/y") {
		values, err := t.Int64s()
		if err != nil {
			return nil, err
		}
		indices := make([]int32, len(values))
		for i, v := range values {
			indices[i] = int32(v)
		}
		return tensors.FromFlatDataAndDimensions(indices, t.Shape...), nil
	}
	values, err := t.Float32s()
	if err != nil {
		return nil, err
	}
	return tensors.FromFlatDataAndDimensions(values, t.Shape...), nil
}

func float64s(t *tensors.Tensor) ([]float64, error) {
	values, err := tensors.CopyFlatData[float32](t)
	if err != nil {
		return nil, err
	}
	wide := make([]float64, len(values))
	for i, v := range values {
		wide[i] = float64(v)
	}
	return wide, nil
}

// mapName is a feature map's name in the fixture: h for the middle, hs_0, hs_1, … for the skips.
func mapName(i int) string {
	if i == 0 {
		return "h"
	}
	return fmt.Sprintf("hs_%d", i-1)
}

// network compares ε̂, every feature map, the pooled features and the logits.
func (c *comparison) network() error {
	return c.run("parity-network", func(in example, out *outputs) {
		unet := c.model.UNet
		in.pass.Observe = func(block string, h *graph.Node) {
			switch {
			case strings.HasPrefix(block, "middle."):
				out.addImage("feat/mid_"+strings.TrimPrefix(block, "middle."), h)
			case strings.HasPrefix(block, "decoder."):
				out.add("dec/mean_"+strings.TrimPrefix(block, "decoder."), graph.ReduceMean(h, 1, 2))
			}
		}
		f := unet.Encode(in.pass, in.xt, in.t)
		out.add("net/emb", f.Embedding)
		out.addImage("net/eps_hat", unet.Decode(in.pass, f))
		in.pass.Observe = nil
		for i, features := range f.Maps() {
			out.addImage("feat/"+mapName(i), features)
			out.add("pool/"+mapName(i), graph.ReduceMean(features, 1, 2))
		}
		out.add("pool/z", c.model.Pool(f, in.t))
		logits := c.model.Logits(in.pass, f, in.t)
		out.add("head/logits_xt", logits)
		out.add("head/ce_sum_xt", graph.ReduceAllSum(joint.CrossEntropy(logits, in.y)))
		zero := graph.ZerosLike(in.t)
		logits = c.model.Logits(in.pass, unet.Encode(in.pass, in.x0, zero), zero)
		out.add("head/logits_x0", logits)
		out.add("head/ce_sum_x0", graph.ReduceAllSum(joint.CrossEntropy(logits, in.y)))
	}, c.check)
}

// guidance compares Algorithm 1: the gradients, total and partial, and what is decoded from the moved features.
func (c *comparison) guidance() error {
	return c.run("parity-guidance", func(in example, out *outputs) {
		unet, g := c.model.UNet, in.xt.Graph()
		f := unet.Encode(in.pass, in.xt, in.t)
		loss := graph.ReduceAllSum(joint.CrossEntropy(c.model.Logits(in.pass, f, in.t), in.y))
		for i, gradient := range graph.Gradient(loss, f.Maps()...) {
			out.addImage("alg1/grad/"+mapName(i), gradient)
		}
		for _, alpha := range c.settings.Alphas {
			noise, _ := c.model.GuidedNoise(in.pass, in.xt, in.t, in.y, graph.Scalar(g, dtypes.Float32, alpha))
			out.addImage(fmt.Sprintf("alg1/eps_a%d", alpha), noise)
		}

		// Partial derivatives: every map a leaf, so that no path leads through later blocks.
		leaves := f.Maps()
		for i := range leaves {
			leaves[i] = graph.Identity(graph.StopGradient(leaves[i]))
		}
		loss = graph.ReduceAllSum(joint.CrossEntropy(c.model.Logits(in.pass, f.WithMaps(leaves), in.t), in.y))
		partial := graph.Gradient(loss, leaves...)
		alpha := c.settings.Alphas[len(c.settings.Alphas)-1]
		moved := make([]*graph.Node, len(leaves))
		for i := range leaves {
			out.add("alg1/grad_partial/"+mapName(i), graph.ReduceMean(partial[i], 1, 2))
			moved[i] = graph.Add(leaves[i], graph.MulScalar(partial[i], float64(alpha)))
		}
		out.addImage(fmt.Sprintf("alg1/eps_partial_a%d", alpha), unet.Decode(in.pass, f.WithMaps(moved)))
	}, c.check)
}
