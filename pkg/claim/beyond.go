package claim

import (
	"fmt"

	"noisebook/pkg/tier"
)

// Beyond is the claim that a measure rises above a number that the paper
// quotes, such as another model's, or falls below it.
type Beyond struct {
	Claim     string // in words: "FID below HybViT's on CIFAR-10"
	Reported  float64
	Direction Direction
	Setting   Setting // the paper's
}

// Judge compares a measured value. As with a [Number], only the paper's tier in
// the paper's setting can tell.
func (b Beyond) Judge(at tier.Tier, value float64, ours Setting) Judgement {
	j := besideReported(b.Claim, b.Reported, at, value, b.Setting.Differences(ours))
	j.Kind = KindShape
	if j.Verdict != "" {
		return j
	}
	distance := value - b.Reported
	j.Distance = fmt.Sprintf("%+.4g", distance)
	j.Verdict = TrendFails
	if distance*float64(b.Direction) > 0 {
		j.Verdict = TrendHolds
	}
	return j
}
