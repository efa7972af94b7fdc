package jointparity

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"noisebook/pkg/engine"
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

// entries of the folder that are inputs of every program, after weights and statistics.
var entries = []string{"in/x0", "in/xt", "in/t", "in/y", "in/noise_q"}

// example is what a program's graph function works on.
type example struct {
	pass                 *nn.Pass
	x0, xt, t, y, noiseQ *graph.Node
	more                 []*graph.Node // scalars that differ from call to call
}

// program is compiled once, however often it is called with other scalars:
// the compilation of a large network takes minutes, its run seconds.
type program struct {
	program *engine.Program
	args    []any
	out     *outputs
}

// program builds a program over the folder's inputs.
func (c *comparison) program(name string, build func(in example, out *outputs)) (*program, error) {
	p := &program{
		args: []any{
			tensors.FromFlatDataAndDimensions(c.weights, len(c.weights)),
			tensors.FromFlatDataAndDimensions(c.statistics, len(c.statistics)),
		},
		out: &outputs{},
	}
	for _, entry := range entries {
		arg, err := c.tensor(entry)
		if err != nil {
			return nil, err
		}
		p.args = append(p.args, arg)
	}
	var err error
	p.program, err = c.engine.NewProgram(name, func(g *graph.Graph, in []*graph.Node) []*graph.Node {
		image := func(x *graph.Node) *graph.Node { return graph.TransposeAllDims(x, 0, 2, 3, 1) }
		*p.out = outputs{}
		build(example{c.model.Evaluate(in[0], in[1]), image(in[2]), image(in[3]), in[4], in[5], image(in[6]), in[7:]}, p.out)
		return p.out.nodes
	})
	return p, err
}

// call runs the program and hands every output to each.
func (p *program) call(each func(name string, values []float64), more ...any) error {
	results, err := p.program.Call(append(slices.Clone(p.args), more...)...)
	if err != nil {
		return err
	}
	for i, result := range results {
		values, err := float64s(result)
		if err != nil {
			return err
		}
		each(p.out.names[i], values)
	}
	return nil
}

// run is a program that is called once.
func (c *comparison) run(name string, build func(in example, out *outputs)) error {
	p, err := c.program(name, build)
	if err != nil {
		return err
	}
	defer p.program.Finalize()
	return p.call(c.check)
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
		out.add("head/ce_sum_xt", graph.ReduceAllSum(nn.CrossEntropy(logits, in.y)))
		zero := graph.ZerosLike(in.t)
		logits = c.model.Logits(in.pass, unet.Encode(in.pass, in.x0, zero), zero)
		out.add("head/logits_x0", logits)
		out.add("head/ce_sum_x0", graph.ReduceAllSum(nn.CrossEntropy(logits, in.y)))
	})
}

// guidance compares Algorithm 1: the gradients, total and partial, and what is decoded from the moved features.
func (c *comparison) guidance() error {
	p, err := c.program("parity-guidance", func(in example, out *outputs) {
		unet, alpha := c.model.UNet, in.more[0]
		noise, _ := c.model.GuidedNoise(in.pass, in.xt, in.t, in.y, alpha)
		out.addImage("alg1/eps", noise)
		f := unet.Encode(in.pass, in.xt, in.t)
		loss := func(f nn.Features) *graph.Node {
			return graph.ReduceAllSum(nn.CrossEntropy(c.model.Logits(in.pass, f, in.t), in.y))
		}
		for i, gradient := range graph.Gradient(loss(f), f.Maps()...) {
			out.addImage("alg1/grad/"+mapName(i), gradient)
		}

		// Partial derivatives: every map a leaf, so that no path leads through later blocks.
		leaves := f.Maps()
		for i := range leaves {
			leaves[i] = graph.Identity(graph.StopGradient(leaves[i]))
		}
		moved := make([]*graph.Node, len(leaves))
		for i, partial := range graph.Gradient(loss(f.WithMaps(leaves)), leaves...) {
			out.add("alg1/grad_partial/"+mapName(i), graph.ReduceMean(partial, 1, 2))
			moved[i] = graph.Add(leaves[i], graph.Mul(alpha, partial))
		}
		out.addImage("alg1/eps_partial", unet.Decode(in.pass, f.WithMaps(moved)))
	})
	if err != nil {
		return err
	}
	defer p.program.Finalize()
	for i, alpha := range c.settings.Alphas {
		err := p.call(func(name string, values []float64) {
			switch {
			case strings.HasPrefix(name, "alg1/eps"):
				c.check(fmt.Sprintf("%s_a%g", name, alpha), values)
			case i == 0: // the gradients do not depend on alpha
				c.check(name, values)
			}
		}, float32(alpha))
		if err != nil {
			return err
		}
	}
	return nil
}
