package jointparity

import (
	"fmt"
	"strconv"
	"strings"

	"noisebook/pkg/process"
)

// tables compares the schedule's float64 tables, element by element.
func (c *comparison) tables() error {
	s := c.schedule
	c.check("sched/betas", s.Betas)
	c.check("sched/alphas_cumprod", s.AlphasCumprod)
	c.check("sched/posterior_mean_coef1", s.PosteriorMeanClean)
	c.check("sched/posterior_mean_coef2", s.PosteriorMeanState)
	c.check("sched/posterior_variance", s.PosteriorVariance)
	c.check("sched/posterior_log_variance_clipped", s.PosteriorLogVarianceClipped)
	for name, steps := range c.named("sched/betas_cosine_T") {
		n, err := strconv.Atoi(steps)
		if err != nil {
			continue // not a name of this layout: it is listed as unknown
		}
		betas, err := process.Cosine(n)
		if err != nil {
			c.fail(name, err)
			continue
		}
		c.check(name, betas)
	}
	return nil
}

// named yields the folder's entries that begin with prefix, and what follows it.
func (c *comparison) named(prefix string) func(yield func(name, rest string) bool) {
	return func(yield func(name, rest string) bool) {
		for _, name := range c.cases.Names() {
			if rest, ok := strings.CutPrefix(name, prefix); ok && !yield(name, rest) {
				return
			}
		}
	}
}

// fail reports an entry that is known but could not be computed.
func (c *comparison) fail(name string, err error) {
	c.known[name] = true
	c.report.Fail(name, fmt.Errorf("not computed: %w", err))
}
