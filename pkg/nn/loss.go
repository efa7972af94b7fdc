package nn

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// CrossEntropy of logits [B, K] with class labels [B], in nats, each example: [B].
func CrossEntropy(logits, labels *Node) *Node {
	target := OneHot(labels, logits.Shape().Dimensions[1], dtypes.Float32)
	return Neg(ReduceSum(Mul(target, LogSoftmax(Wide(logits), -1)), -1))
}
