package learn

import (
	"strings"
	"testing"

	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

func TestEvaluatingNamesTheField(t *testing.T) {
	for _, at := range tier.All() {
		if err := Evaluating(at).Validate(); err != nil {
			t.Errorf("tier %s: %v", at, err)
		}
	}
	for want, spoil := range map[string]func(*EvaluatingConfig){
		"counts is empty": func(c *EvaluatingConfig) { c.Counts = nil },
		"counts has 101":  func(c *EvaluatingConfig) { c.Counts = []int{20, 101} },
		"counts has 20":   func(c *EvaluatingConfig) { c.Counts = []int{50, 20} },
		"repeats is 0":    func(c *EvaluatingConfig) { c.Repeats = 0 },
	} {
		c := Evaluating(tier.Smoke)
		spoil(&c)
		if _, err := c.Run(t.Context(), (*track.Store)(nil)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one that says %q", err, want)
		}
	}
}
