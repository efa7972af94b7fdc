package jointparity

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"noisebook/pkg/nn"
)

// units compares single blocks: a group norm on input of small spread, and the time embedding.
func (c *comparison) units() error {
	if c.cases.Has("unit/gn_in") {
		if err := c.groupNorm(); err != nil {
			return err
		}
	}
	if !c.cases.Has("temb/t") {
		return nil
	}
	c.known["temb/t"] = true
	t, err := c.tensor("temb/t")
	if err != nil {
		return err
	}
	_, shape, err := c.floats("temb/emb")
	if err != nil {
		return err
	}
	return c.single("temb/emb", func(in []*graph.Node) *graph.Node {
		return nn.SinusoidalEmbedding(in[0], shape[1])
	}, t)
}

func (c *comparison) groupNorm() error {
	c.known["unit/gn_in"] = true
	x, err := c.tensor("unit/gn_in")
	if err != nil {
		return err
	}
	const name = "middle.0.residual.norm1"
	var layout nn.Layout
	norm := nn.NewGroupNorm(&layout, name, c.model.Config.UNet.NormGroups, x.Shape().Dimensions[1])
	var flat []float32
	for _, p := range layout.Parameters() {
		own, _ := c.model.Layout.Lookup(p.Name)
		flat = append(flat, c.weights[own.Offset:own.Offset+own.Size()]...)
	}
	return c.single("unit/gn_out", func(in []*graph.Node) *graph.Node {
		pass := nn.Evaluate(nn.NewWeights(&layout, in[1]), nil)
		return graph.TransposeAllDims(norm.Forward(pass, graph.TransposeAllDims(in[0], 0, 2, 3, 1)), 0, 3, 1, 2)
	}, x, tensors.FromFlatDataAndDimensions(flat, len(flat)))
}

// single runs a program of one output and compares it.
func (c *comparison) single(name string, build func(in []*graph.Node) *graph.Node, args ...any) error {
	program, err := c.engine.NewProgram("parity-"+name, func(_ *graph.Graph, in []*graph.Node) []*graph.Node {
		return []*graph.Node{build(in)}
	})
	if err != nil {
		return err
	}
	defer program.Finalize()
	results, err := program.Call(args...)
	if err != nil {
		return err
	}
	values, err := float64s(results[0])
	if err != nil {
		return err
	}
	c.check(name, values)
	return nil
}
