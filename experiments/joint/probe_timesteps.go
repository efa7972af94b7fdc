package joint

import (
	"context"
	"fmt"
	"slices"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/data"
	"noisebook/pkg/figure"
	"noisebook/pkg/process"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// ProbeTimestepsConfig is fig2b: how well a logistic regression reads attributes
// off an unsupervised DDGM's features z_t, as the images drown in noise. Beyond
// the paper, the same for each depth of the UNet alone.
type ProbeTimestepsConfig struct {
	Tier tier.Tier `json:"tier"`
	// Model names the network; what is probed is its DDGM, trained without labels.
	Model     ModelConfig `json:"model"`
	Timesteps int         `json:"timesteps"` // evenly spaced from the first to the last
	// Coarse and Fine name the attributes that are drawn and compared. A dataset's
	// other attributes are probed too and stand in the table.
	Coarse      []string `json:"coarse"`
	Fine        []string `json:"fine"`
	TrainImages int      `json:"train_images"` // that a seed draws to learn from; 0 means all
	TestImages  int      `json:"test_images"`  // that a seed draws to test on; 0 means all
	C           float64  `json:"c"`            // of the regressions: a larger C is a weaker penalty
	Seeds       int      `json:"seeds"`        // of the noise and of the images drawn
}

const probeTimestepsID = "joint/probe-timesteps"

// ProbeTimesteps is fig2b at a tier. The paper names hair colour, necklace and
// glasses of CelebA, its ten timesteps not, nor how many images; the lower tiers
// derive attributes from the classes of Fashion-MNIST.
func ProbeTimesteps(t tier.Tier) ProbeTimestepsConfig {
	c := ProbeTimestepsConfig{
		Tier: t, Model: grey(t), Timesteps: choose(t, 3, 10, 10, 10),
		Coarse: attributeNames(fashionAttributes[:3]), Fine: attributeNames(fashionAttributes[3:]),
		TrainImages: choose(t, 200, 2000, 2000, 50_000), TestImages: choose(t, 200, 1000, 1000, 0),
		C: 0.01, Seeds: choose(t, 1, 1, 3, 3),
	}
	if t == tier.Paper {
		c.Model = large(t)
		c.Coarse = []string{"Black_Hair", "Blond_Hair", "Brown_Hair"}
		c.Fine = []string{"Wearing_Necklace", "Eyeglasses", "Wearing_Earrings"}
	}
	return c
}

// Validate says what is wrong, by field.
func (c ProbeTimestepsConfig) Validate() error {
	d, err := data.Describe(c.Model.Dataset)
	if err != nil {
		return fmt.Errorf("model.dataset: %w", err)
	}
	for field, names := range map[string][]string{"coarse": c.Coarse, "fine": c.Fine} {
		if len(names) == 0 {
			return fmt.Errorf("%s is empty: name at least one attribute", field)
		}
		if _, err := findAttributes(d, names); err != nil {
			return fmt.Errorf("%s: %w", field, err)
		}
	}
	switch {
	case slices.ContainsFunc(c.Coarse, func(name string) bool { return slices.Contains(c.Fine, name) }):
		return fmt.Errorf("coarse and fine share an attribute: name each once")
	case c.Timesteps < 2 || c.Timesteps > c.Model.Chain.Timesteps:
		return fmt.Errorf("timesteps is %d: it must be in 2 to %d", c.Timesteps, c.Model.Chain.Timesteps)
	case c.TrainImages < 0 || c.TestImages < 0:
		return fmt.Errorf("train_images and test_images must not be negative; 0 means all")
	case !(c.C > 0):
		return fmt.Errorf("c is %g: it must be positive", c.C)
	case c.Seeds < 1:
		return fmt.Errorf("seeds is %d: it must be at least 1", c.Seeds)
	}
	return nil
}

func (c ProbeTimestepsConfig) models() []ModelConfig { return []ModelConfig{c.Model.DDGM()} }

// probeColumns are the table: a row a regression.
var probeColumns = []string{"depth", "features", "attribute", "kind", "t", "seed", "train_images", "test_images", "auc", "converged"}

// Run trains or finds the DDGM, probes it at every timestep and seed, draws and judges.
func (c ProbeTimestepsConfig) Run(ctx context.Context, store *track.Store) (experiments.Outcome, error) {
	model := c.Model.DDGM()
	trained, err := model.Fit(ctx, store)
	if err != nil {
		return experiments.Outcome{}, err
	}
	description, err := data.Describe(model.Dataset)
	if err != nil {
		return experiments.Outcome{}, err
	}
	attributes, err := attributesOf(description)
	if err != nil {
		return experiments.Outcome{}, err
	}
	timesteps, err := process.BothEnds(model.Chain.Timesteps, c.Timesteps)
	if err != nil {
		return experiments.Outcome{}, err
	}
	prober := &timestepProber{trained: trained, files: description, parts: map[uint64][2]data.Split{}}
	defer prober.close()

	t := table.New(probeColumns...)
	var inputs []track.Input
	for seed := range uint64(c.Seeds) {
		for _, timestep := range timesteps {
			probes, err := prober.probe(ctx, store, TimestepProbeConfig{
				Network: model.Network, Chain: model.Chain, Dataset: model.Dataset, Resize: model.Resize,
				Timestep: timestep, Attributes: attributeNames(attributes), ByDepth: slices.Concat(c.Coarse, c.Fine),
				TrainCount: c.TrainImages, TestCount: c.TestImages, C: c.C, Seed: seed,
			})
			if err != nil {
				return experiments.Outcome{}, err
			}
			inputs = append(inputs, probes)
			for _, p := range probes.Value.Probes {
				if err := t.Append(p.Depth, p.Features, p.Attribute, c.kind(p.Attribute), timestep, seed, p.Train, p.Test, p.AUC, p.Converged); err != nil {
					return experiments.Outcome{}, err
				}
			}
		}
	}
	result, err := keepTable(ctx, store, probeTimestepsID, c, t, inputs...)
	if err != nil {
		return experiments.Outcome{}, err
	}
	return c.outcome(result, trained.Value)
}

// Kinds of attributes.
const (
	coarse = "coarse"
	fine   = "fine"
	other  = "other" // neither drawn nor compared
)

func (c ProbeTimestepsConfig) kind(name string) string {
	switch {
	case slices.Contains(c.Coarse, name):
		return coarse
	case slices.Contains(c.Fine, name):
		return fine
	}
	return other
}

func (c ProbeTimestepsConfig) outcome(result track.Result[tableResult], trained TrainedModel) (experiments.Outcome, error) {
	model := c.Model.DDGM()
	setting := claim.Setting{Dataset: model.Dataset, Samples: c.TestImages, Model: describe(model)}
	o, err := tabled(probeTimestepsID, c.Tier, result, setting, reportProvenance(result, trained, nil))
	if err != nil {
		return o, err
	}
	n := fmt.Sprintf("%d × %s test images", c.Seeds, countOrAll(c.TestImages))
	provenance := stamp(result, model, c.Tier, trained, n, "")
	drawn, err := drawProbes(o.Table, provenance)
	if err != nil {
		return o, err
	}
	byDepth, err := drawDepths(o.Table, provenance)
	if err != nil {
		return o, err
	}
	o.Figures = []experiments.NamedFigure{{Name: probeTimestepsID, Figure: drawn}, {Name: probeTimestepsID + "-depths", Figure: byDepth}}
	o.Report.Judgements, err = c.judge(o.Table, setting)
	return o, err
}

// countOrAll is a count of images in words.
func countOrAll(count int) string {
	if count == 0 {
		return "all"
	}
	return fmt.Sprint(count)
}

func drawProbes(t table.Table, provenance map[string]string) (*figure.Figure, error) {
	joined, err := t.Where("depth", allDepths)
	if err != nil {
		return nil, err
	}
	compared, err := comparedAttributes(joined)
	if err != nil {
		return nil, err
	}
	return figure.Curves(compared, figure.CurvesSpec{
		X: "t", Y: "auc", Group: "attribute", Panel: "kind", Seed: "seed",
		Title:  "Attributes read off the features of noised images",
		XLabel: "timestep t", YLabel: "AUC", YRange: aucRange, Lines: []figure.Line{chance},
		Caption:    "Logistic regressions on z_t, the pooled maps of all encoder blocks of a DDGM that has seen no label.",
		Provenance: provenance,
	})
}

func drawDepths(t table.Table, provenance map[string]string) (*figure.Figure, error) {
	compared, err := comparedAttributes(t)
	if err != nil {
		return nil, err
	}
	return figure.Curves(compared, figure.CurvesSpec{
		X: "t", Y: "auc", Group: "depth", Panel: "attribute", Seed: "seed",
		Title:  "Which depth of the UNet carries what, and until when",
		XLabel: "timestep t", YLabel: "AUC", YRange: aucRange, Lines: []figure.Line{chance},
		Caption:    "The same regressions on the maps of one half and size alone. z_t joins the input convolution, the encoder and the middle.",
		Provenance: provenance,
	})
}

var (
	aucRange = [2]float64{0.4, 1.02}
	chance   = figure.Line{Value: 0.5}
)

// comparedAttributes leaves out what is neither coarse nor fine.
func comparedAttributes(t table.Table) (table.Table, error) {
	kinds, err := t.Strings("kind")
	if err != nil {
		return table.Table{}, err
	}
	out := table.New(t.Columns...)
	for i, kind := range kinds {
		if kind != other {
			out.Rows = append(out.Rows, t.Rows[i])
		}
	}
	return out, nil
}
