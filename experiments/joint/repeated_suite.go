package joint

import (
	"fmt"
	"slices"
	"strings"

	"noisebook/pkg/tier"
)

// RepeatedSuite is a sampled suite for a table of the paper: every set is drawn
// with several seeds, and every dataset has a column of its own.
type RepeatedSuite struct {
	SampledSuite
	Seeds int `json:"seeds"` // of sampling
}

func repeatedSuite(t tier.Tier, datasets ...string) RepeatedSuite {
	return RepeatedSuite{sampledSuite(t, datasets...), choose(t, 1, 1, 3, 3)}
}

// Validate says what is wrong, by field.
func (s RepeatedSuite) Validate() error {
	if err := s.SampledSuite.Validate(); err != nil {
		return err
	}
	if s.Seeds < 1 {
		return fmt.Errorf("seeds is %d: it must be at least 1", s.Seeds)
	}
	return areApart(s.Datasets)
}

// seeds are those of sampling: the first ones.
func (s RepeatedSuite) seeds() []uint64 {
	seeds := make([]uint64, s.Seeds)
	for i := range seeds {
		seeds[i] = uint64(i)
	}
	return seeds
}

// sampler is how the sets are drawn, in words.
func (s RepeatedSuite) sampler() string {
	if s.Sampler.Steps == 0 {
		return fmt.Sprintf("%s, all steps", s.Sampler.Method)
	}
	return fmt.Sprintf("%s, %d steps", s.Sampler.Method, s.Sampler.Steps)
}

// conclusion is that of a table of sets.
func (s RepeatedSuite) conclusion(id, title, caption string, sets []sampledSet) conclusion {
	of := conclusion{id: id, title: title, caption: caption, datasets: s.Datasets}
	var sizes []string
	for _, set := range sets {
		of.inputs = append(of.inputs, set.trained, set.scores)
		sizes = append(sizes, fmt.Sprintf("%d × %d", s.Seeds, set.setting.Samples))
	}
	of.drawn = map[string]string{"sampler": s.sampler(), "features": s.Reference.Network.Title(), "n": strings.Join(slices.Compact(sizes), ", ") + " images a row"}
	return of
}
