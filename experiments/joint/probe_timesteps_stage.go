package joint

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"

	"noisebook/experiments"
	"noisebook/pkg/data"
	"noisebook/pkg/features"
	"noisebook/pkg/joint"
	"noisebook/pkg/probe"
	"noisebook/pkg/track"
)

// TimestepProbeConfig is what a DDGM's features tell of attributes at one timestep.
type TimestepProbeConfig struct {
	Network    joint.Config `json:"network"`
	Chain      ChainConfig  `json:"chain"`
	Dataset    string       `json:"dataset"`
	Resize     bool         `json:"resize,omitempty"`
	Timestep   int          `json:"timestep"`   // of the images' noise, which the network is told
	Attributes []string     `json:"attributes"` // asked of all encoder maps together, z_t
	ByDepth    []string     `json:"by_depth"`   // asked of each depth of the UNet too
	TrainCount int          `json:"train_count"`
	TestCount  int          `json:"test_count"`
	C          float64      `json:"c"`    // of the logistic regressions
	Seed       uint64       `json:"seed"` // of the noise, and of the images drawn
}

// TimestepProbes are the logistic regressions at one timestep.
type TimestepProbes struct {
	Probes []AttributeProbe `json:"probes"`
}

// AttributeProbe is one logistic regression.
type AttributeProbe struct {
	Depth     string  `json:"depth"`
	Features  int     `json:"features"`
	Attribute string  `json:"attribute"`
	Train     int     `json:"train"` // images that the question is put to
	Test      int     `json:"test"`
	AUC       float64 `json:"auc"`       // on the test images
	Converged bool    `json:"converged"` // the fit
}

// allDepths names z_t as the paper has it: every encoder map, joined.
const allDepths = "z_t"

// depth is a part of the network at one resolution: its columns [from, to).
type depth struct {
	name     string
	from, to int
}

// depthsOf are z_t, then each depth in the order that an image passes them. The
// unet's part is both halves.
func depthsOf(u features.UNet) []depth {
	blocks := u.Blocks()
	encoder := len(u.UNet.FeatureMaps())
	passed := append(slices.Clone(blocks[1:encoder]), blocks[0]) // the middle's columns come first
	passed = append(passed, blocks[encoder:]...)

	all := []depth{{allDepths, 0, u.UNet.FeatureWidth()}}
	for _, b := range passed {
		name := depthName(b)
		if last := &all[len(all)-1]; last.name == name {
			last.to = b.To
		} else {
			all = append(all, depth{name, b.From, b.To})
		}
	}
	return all
}

// depthName joins the blocks of one half whose maps have one size.
func depthName(b features.Block) string {
	half, _, _ := strings.Cut(b.Name, ".")
	switch {
	case b.Name == "encoder.0":
		return "input convolution"
	case half == "middle":
		return half
	}
	return fmt.Sprintf("%s %d×%d", half, b.Side, b.Side)
}

// timestepProber probes one trained network; it compiles it once and draws the
// images of a seed once.
type timestepProber struct {
	trained  track.Result[TrainedModel]
	files    data.Description
	dataset  *data.Dataset
	unet     features.UNet
	compiled *features.CompiledUNet
	parts    map[uint64][2]data.Split // training and test images by seed
}

func (p *timestepProber) close() {
	if p.compiled != nil {
		p.compiled.Close()
	}
}

// probe answers from the store or measures.
func (p *timestepProber) probe(ctx context.Context, store *track.Store, c TimestepProbeConfig) (track.Result[TimestepProbes], error) {
	stage := track.Stage[TimestepProbeConfig, TimestepProbes]{Name: "joint/timestep-probe", Version: 1, Run: p.run}
	return track.Do(ctx, store, stage, c, append(experiments.DatasetInputs(p.files), p.trained)...)
}

func (p *timestepProber) run(ctx context.Context, job *track.Job, c TimestepProbeConfig) (TimestepProbes, error) {
	job.Seed(int64(c.Seed))
	if err := p.prepare(ctx, job, c); err != nil {
		return TimestepProbes{}, err
	}
	parts := p.images(c)
	training, test := parts[0], parts[1]
	total := training.Len() + test.Len()
	// Other noise for the test images: z_t of image i has the noise of its seed and i.
	z, err := p.compiled.At(ctx, training, c.Timestep, 2*c.Seed, func(done, _ int) { job.Progress(done, total, nil) })
	if err != nil {
		return TimestepProbes{}, err
	}
	tested, err := p.compiled.At(ctx, test, c.Timestep, 2*c.Seed+1, func(done, _ int) { job.Progress(training.Len()+done, total, nil) })
	if err != nil {
		return TimestepProbes{}, err
	}
	description, err := data.Describe(c.Dataset)
	if err != nil {
		return TimestepProbes{}, err
	}
	attributes, err := findAttributes(description, c.Attributes)
	if err != nil {
		return TimestepProbes{}, err
	}
	var out TimestepProbes
	for _, d := range depthsOf(p.unet) {
		for _, a := range attributes {
			if d.name != allDepths && !slices.Contains(c.ByDepth, a.name) {
				continue
			}
			probed, err := c.fit(ctx, a, d, training, test, z, tested)
			if err != nil {
				return TimestepProbes{}, fmt.Errorf("%s, %s: %w", a.name, d.name, err)
			}
			out.Probes = append(out.Probes, probed)
		}
	}
	return out, nil
}

// fit learns an attribute from a depth's columns of the features of the training
// images and reads it off those of the test images.
func (c TimestepProbeConfig) fit(ctx context.Context, a attribute, d depth, training, test data.Split, z, tested *mat.Dense) (AttributeProbe, error) {
	set := func(images data.Split, z *mat.Dense) probe.Set {
		rows, answers := a.of(images)
		return probe.Set{X: columns(pick(z, rows), d.from, d.to), Labels: answers}
	}
	parts := probe.Splits{Train: set(training, z), Test: set(test, tested)}
	regression := probe.Standardized{Probe: probe.Logistic{C: c.C, Tolerance: probeTolerance}}
	outcome, err := probe.Evaluate(ctx, parts, []probe.Candidate{{Probe: regression}}, []probe.Metric{probe.AUC}, c.Seed)
	if err != nil {
		return AttributeProbe{}, err
	}
	out := AttributeProbe{Depth: d.name, Features: d.to - d.from, Attribute: a.name, Train: parts.Train.Len(), Test: parts.Test.Len()}
	for _, v := range outcome.Values {
		switch {
		case v.Split == "test" && v.Metric == probe.AUC.Name:
			out.AUC = v.Value
		case v.Split == "test" && v.Metric == "converged":
			out.Converged = v.Value == 1
		}
	}
	if math.IsNaN(out.AUC) {
		return AttributeProbe{}, fmt.Errorf("all %d test images answer alike: raise test_images", out.Test)
	}
	return out, nil
}

// probeTolerance is far finer than an AUC can show.
const probeTolerance = 1e-5

// columns copies the columns [from, to).
func columns(x *mat.Dense, from, to int) *mat.Dense {
	rows, _ := x.Dims()
	return mat.DenseCopyOf(x.Slice(0, rows, from, to))
}

// prepare loads the data and compiles the network, once.
func (p *timestepProber) prepare(ctx context.Context, job *track.Job, c TimestepProbeConfig) error {
	if p.compiled != nil {
		return nil
	}
	var err error
	if p.dataset, err = (ModelConfig{Dataset: c.Dataset, Network: c.Network, Resize: c.Resize}).load(ctx, job); err != nil {
		return err
	}
	model, weights, err := openModel(job, c.Network, p.trained.Value)
	if err != nil {
		return err
	}
	chain, err := c.Chain.Process()
	if err != nil {
		return err
	}
	e, err := experiments.Engine(ctx, job)
	if err != nil {
		return err
	}
	p.unet = features.UNet{Network: network(model), UNet: model.UNet, Chain: chain, Part: features.Both}
	p.compiled, err = p.unet.Compile(e, weights)
	return err
}

// images are the training and test images of the seed, drawn without repetition; a count of 0 means all.
func (p *timestepProber) images(c TimestepProbeConfig) [2]data.Split {
	if drawn, ok := p.parts[c.Seed]; ok {
		return drawn
	}
	draw := func(part data.Split, count int) data.Split {
		if count == 0 || count >= part.Len() {
			return part
		}
		return part.Subset(experiments.Permutation(part.Len(), c.Seed)[:count])
	}
	drawn := [2]data.Split{draw(p.dataset.Train, c.TrainCount), draw(p.dataset.Test, c.TestCount)}
	p.parts[c.Seed] = drawn
	return drawn
}
