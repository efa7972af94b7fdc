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

// BinaryCrossEntropy of logits with labels 0 or 1 of the same shape, in nats, each number:
// log(1 + eˣ) − x·y, written so that no exponential overflows.
func BinaryCrossEntropy(logits, labels *Node) *Node {
	x, y := Wide(logits), ConvertDType(labels, dtypes.Float32)
	return Add(Sub(MaxScalar(x, 0), Mul(x, y)), Log1P(Exp(Neg(Abs(x)))))
}
