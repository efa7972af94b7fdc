package nn

import . "github.com/gomlx/gomlx/core/graph"

// withGradient is forward(inputs) with a gradient of our own: vjp maps the
// output's adjoint to one for each input. It may use the inputs themselves, and
// is made of nodes, so that it has a gradient in turn.
func withGradient(forward func(inputs []*Node) *Node, vjp func(v *Node) []*Node, inputs ...*Node) *Node {
	var adjoints []*Node
	wrapped := make([]*Node, len(inputs))
	for i, input := range inputs {
		wrapped[i] = IdentityWithCustomGradient(input, func(_, _ *Node) *Node { return adjoints[i] })
	}
	// The adjoint reaches the output before it reaches any input.
	return IdentityWithCustomGradient(forward(wrapped), func(_, v *Node) *Node {
		adjoints = vjp(v)
		return v
	})
}
