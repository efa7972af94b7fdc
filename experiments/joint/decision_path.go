package joint

import (
	"context"
	"fmt"
	"image"
	"slices"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/data"
	"noisebook/pkg/npy"
	"noisebook/pkg/sample"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// DecisionPathConfig is fig6: what the joint model's own classifier says of the
// samples of Algorithm 1 on their way from noise to image.
type DecisionPathConfig struct {
	Tier    tier.Tier     `json:"tier"`
	Model   ModelConfig   `json:"model"` // with noisy classifiers, which decide at every t
	Sampler sample.Config `json:"sampler"`
	Alphas  []float64     `json:"alphas"`
	// ClassAlpha, one of Alphas, is the step size at which classes are compared.
	ClassAlpha float64 `json:"class_alpha"`
	Classes    []int   `json:"classes"`   // with a panel each; the first one's samples are shown
	PerClass   int     `json:"per_class"` // images that aim at each class, a seed
	Batch      int     `json:"batch"`
	Points     int     `json:"points"` // steps of the path in the table, evenly spaced with both ends
	Seeds      int     `json:"seeds"`  // of sampling
}

const decisionPathID = "joint/decision-path"

// DecisionPath is fig6 at a tier. The paper's α, axes and number of images
// cannot be read; it shows CIFAR-10. The classes with a panel are there the
// paper's late one (3, the cat) and four beside it, on Fashion-MNIST bag, ankle
// boot, trouser, dress and shirt.
func DecisionPath(t tier.Tier) DecisionPathConfig {
	c := DecisionPathConfig{
		Tier: t, Model: model(t), Sampler: sampler(t),
		Alphas:     choose(t, []float64{0, 100}, []float64{0, 3, 10, 30, 100}, []float64{0, 1, 3, 10, 30, 100}, []float64{0, 10, 30, 100, 250, 500}),
		ClassAlpha: conditionalAlpha(t),
		Classes:    choose(t, []int{8, 6}, []int{8, 9, 1, 3, 6}, []int{8, 9, 1, 3, 6}, []int{3, 0, 1, 5, 8}),
		PerClass:   choose(t, 2, 10, 10, 50), Batch: choose(t, 20, 100, 100, 250),
		Points: choose(t, 3, 20, 25, 50), Seeds: choose(t, 1, 1, 3, 3),
	}
	if t != tier.Paper {
		c.Sampler.Steps = choose(t, 4, 20, 50, 0)
	}
	return c
}

// Validate says what is wrong, by field.
func (c DecisionPathConfig) Validate() error {
	classes := c.Model.Network.Classes
	outside := slices.IndexFunc(c.Classes, func(class int) bool { return class < 0 || class >= classes })
	switch {
	case c.Model.Network.Attributes:
		return fmt.Errorf("model.network.attributes: a path is that of one class; take a dataset with classes")
	case len(c.Alphas) == 0:
		return fmt.Errorf("alphas is empty: name at least one step size")
	case !slices.Contains(c.Alphas, c.ClassAlpha):
		return fmt.Errorf("class_alpha is %g: name one of alphas, %v", c.ClassAlpha, c.Alphas)
	case c.ClassAlpha == 0:
		return fmt.Errorf("class_alpha is 0: nothing aims at a class without guidance; name another of alphas")
	case len(c.Classes) == 0:
		return fmt.Errorf("classes is empty: name those with a panel")
	case outside >= 0:
		return fmt.Errorf("classes has %d: it must be in 0 to %d", c.Classes[outside], classes-1)
	case c.PerClass < 1 || c.Batch < 1:
		return fmt.Errorf("per_class is %d and batch %d: both must be at least 1", c.PerClass, c.Batch)
	case c.Points < 2:
		return fmt.Errorf("points is %d: a path has at least 2", c.Points)
	case c.Seeds < 1:
		return fmt.Errorf("seeds is %d: it must be at least 1", c.Seeds)
	}
	return nil
}

func (c DecisionPathConfig) models() []ModelConfig { return []ModelConfig{c.Model} }

// pathColumns are the table: a row a step size, class, seed and step.
var pathColumns = []string{"alpha", "class", "seed", "t", "images", "probability", "share"}

// Run trains or finds the model, watches it sample at every α, draws and judges.
func (c DecisionPathConfig) Run(ctx context.Context, store *track.Store) (experiments.Outcome, error) {
	trained, err := c.Model.Fit(ctx, store)
	if err != nil {
		return experiments.Outcome{}, err
	}
	description, err := data.Describe(c.Model.Dataset)
	if err != nil {
		return experiments.Outcome{}, err
	}
	g := newGenerator(c.Model, trained, c.Sampler, c.Batch)
	defer g.close()

	t := table.New(pathColumns...)
	var inputs []track.Input
	var first []DecisionTrace // of the first seed, an α each
	for _, alpha := range c.Alphas {
		for seed := range uint64(c.Seeds) {
			trace, err := g.decisions(ctx, store, DecisionTraceConfig{
				Network: c.Model.Network, Chain: c.Model.Chain, Sampler: c.Sampler,
				Alpha: alpha, PerClass: c.PerClass, Batch: c.Batch, Points: c.Points, Seed: seed,
			})
			if err != nil {
				return experiments.Outcome{}, err
			}
			inputs = append(inputs, trace)
			if seed == 0 {
				first = append(first, trace.Value)
			}
			for _, p := range trace.Value.Points {
				for class, name := range description.Classes {
					if err := t.Append(alpha, name, seed, p.Timestep, c.PerClass, p.Probability[class], p.Share[class]); err != nil {
						return experiments.Outcome{}, err
					}
				}
			}
		}
	}
	result, err := keepTable(ctx, store, decisionPathID, c, t, inputs...)
	if err != nil {
		return experiments.Outcome{}, err
	}
	return c.outcome(store, result, trained.Value, description.Classes, first)
}

func (c DecisionPathConfig) outcome(store *track.Store, result track.Result[tableResult], trained TrainedModel, classes []string, traces []DecisionTrace) (experiments.Outcome, error) {
	setting := claim.Setting{Dataset: c.Model.Dataset, Samples: c.Seeds * c.PerClass, Model: describe(c.Model)}
	o, err := tabled(decisionPathID, c.Tier, result, setting, reportProvenance(result, trained, nil))
	if err != nil {
		return o, err
	}
	provenance := stamp(result, c.Model, c.Tier, trained, fmt.Sprintf("%d × %d images a class", c.Seeds, c.PerClass), "")
	path, err := c.drawPath(o.Table, classes, provenance)
	if err != nil {
		return o, err
	}
	byClass, err := c.drawClasses(o.Table, provenance)
	if err != nil {
		return o, err
	}
	shown := stamp(result, c.Model, c.Tier, trained, "", "")
	samples, err := c.drawSamples(store, traces, classes[c.Classes[0]], shown)
	if err != nil {
		return o, err
	}
	o.Figures = []experiments.NamedFigure{
		{Name: decisionPathID, Figure: path},
		{Name: decisionPathID + "-classes", Figure: byClass},
		{Name: decisionPathID + "-samples", Figure: samples},
	}
	o.Report.Judgements = c.judge(o.Table, classes)
	return o, nil
}

// cleanAt reads the x̂_0 of a class's first image at some points of a path.
func cleanAt(store *track.Store, trace DecisionTrace, class int, points []int) ([]image.Image, error) {
	path, err := store.Path(trace.Clean)
	if err != nil {
		return nil, err
	}
	array, err := npy.Open(path)
	if err != nil {
		return nil, err
	}
	shape, values := array.Shape(), array.Float64s() // [points, classes, H, W, C]
	if len(shape) != 5 || shape[0] != len(trace.Points) || class >= shape[1] {
		return nil, fmt.Errorf("joint: the clean images have shape %v, want %d points and class %d", shape, len(trace.Points), class)
	}
	size := shape[2] * shape[3] * shape[4]
	pixels := make([]uint8, 0, len(points)*size)
	for _, point := range points {
		for _, v := range values[(point*shape[1]+class)*size:][:size] {
			pixels = append(pixels, uint8(v))
		}
	}
	split := data.Split{Images: pixels, Height: shape[2], Width: shape[3], Channels: shape[4]}
	var pictures []image.Image
	for i := range points {
		pictures = append(pictures, split.Image(i))
	}
	return pictures, nil
}
