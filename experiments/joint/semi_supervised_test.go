package joint

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"noisebook/pkg/claim"
	"noisebook/pkg/data"
	"noisebook/pkg/engine/enginetest"
	"noisebook/pkg/joint"
	"noisebook/pkg/nn"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
	"noisebook/pkg/train"
)

// tinyJoint is a joint model that trains in moments, on images of [stripes].
func tinyJoint() ModelConfig {
	c := ModelConfig{
		Network: joint.Config{
			UNet: nn.UNetConfig{
				ImageSize: 4, Channels: 1, Width: 4, Multipliers: []int{1, 2}, Blocks: 1,
				AttentionAt: []int{2}, Heads: 2, NormGroups: 2, Patch: 1,
			},
			Classes: 2, HeadDropout: 0.2,
		},
		Chain:     FashionMNIST().Chain,
		Objective: joint.Objective{DiffusionScale: 1, ClassScale: 0.5, Noisy: joint.NoisyNone},
		Train:     train.Config{Steps: 6, Batch: 4, LearningRate: 0.01, EMADecay: 0.5, Seed: 1},
	}
	return c
}

// stripes are 40 small images of two classes.
func stripes() data.Split {
	s := data.Split{Height: 4, Width: 4, Channels: 1}
	for i := range 40 {
		for p := range 16 {
			s.Images = append(s.Images, uint8(10*i%200+50*((p>>(2*(i%2)))%2)))
		}
		s.Labels = append(s.Labels, int32(i%2))
	}
	return s
}

// losses trains a tiny model on stripes and returns each step's terms.
func losses(t *testing.T, c ModelConfig) []map[string]float64 {
	t.Helper()
	e := enginetest.Go(t)
	net, objective, err := c.Training()
	if err != nil {
		t.Fatal(err)
	}
	batches, err := c.batches(stripes())
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]float64
	_, err = train.Run(t.Context(), e, net, objective, batches, [3]int{4, 4, 1}, c.Train, train.Options{
		Progress: func(_, _ int, values map[string]float64) { out = append(out, values) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-5*math.Max(1, math.Abs(b)) }

// When the buffer knows every label it fills at each step with the step's own
// batch: training is that of the clean objective.
func TestAllLabelsThroughTheBuffer(t *testing.T) {
	clean, buffered := tinyJoint(), tinyJoint()
	buffered.Labels = LabelsConfig{Share: 0.999, Seed: 3} // of 20 images a class, all
	if !buffered.Labels.partial() {
		t.Fatal("the share does not go through the buffer")
	}
	want := losses(t, clean)
	for i, got := range losses(t, buffered) {
		for _, term := range []string{"loss", "diffusion", "classification"} {
			if !near(got[term], want[i][term]) {
				t.Errorf("step %d: %s is %g through the buffer, %g without", i+1, term, got[term], want[i][term])
			}
		}
	}
}

// Partial labels change the classification alone: until the buffer is full
// for the first time, and not longer, the model learns what a DDGM learns.
func TestUntilTheBufferIsFullADDGMTrains(t *testing.T) {
	few := tinyJoint()
	few.Labels = LabelsConfig{Share: 0.25, Seed: 3} // about one of each batch of four
	batches, err := few.batches(stripes())
	if err != nil {
		t.Fatal(err)
	}
	full := 0 // the first step whose buffer is full
	images, labels := make([]float32, 8*16), make([]int32, 8)
	for ; ; full++ {
		if err := batches.Fill(full, images, labels); err != nil {
			t.Fatal(err)
		}
		if labels[4] >= 0 {
			break
		}
	}
	few.Train.Steps = full + 3
	ddgm := few.DDGM()
	want := losses(t, ddgm)
	apart := false
	for i, got := range losses(t, few) {
		same := near(got["diffusion"], want[i]["diffusion"])
		if i <= full && !same {
			t.Errorf("step %d: diffusion loss %g, of a DDGM %g, and no label was used before", i+1, got["diffusion"], want[i]["diffusion"])
		}
		if i < full && !near(got["loss"], got["diffusion"]) {
			t.Errorf("step %d: loss %g, diffusion alone %g, and the buffer is not full", i+1, got["loss"], got["diffusion"])
		}
		if i == full && near(got["loss"], got["diffusion"]) {
			t.Errorf("step %d: the buffer is full and nothing is classified", i+1)
		}
		apart = apart || !same
	}
	if full == 0 || !apart {
		t.Errorf("the buffer is full at step %d, and the losses stay those of a DDGM: %v", full+1, !apart)
	}
}

// madeUpShares is a table of tab5 on one dataset, three seeds that differ a little.
func madeUpShares(t *testing.T, shares []float64, accuracy map[string]func(pct float64) float64) table.Table {
	t.Helper()
	l := SemiSupervised(tier.CPU).comparison()
	for _, pct := range shares {
		for seed := range uint64(3) {
			for _, method := range []string{methodClassifier, methodJoint, methodProbe} {
				if accuracy[method] == nil {
					continue
				}
				condition := fmt.Sprintf("labelled_pct=%g", pct)
				l.measured = append(l.measured, measurement{
					Dataset: "CIFAR-10", Method: method, Condition: condition,
					Metric: "accuracy_pct", Value: accuracy[method](pct) + float64(seed)/10, Seed: seed,
					Setting: claim.Setting{Dataset: "cifar-10"},
					Further: semiCells(condition, KnownLabels{OfClass: []int{int(pct), int(pct) + 1}}, "1"),
				})
			}
		}
	}
	made, err := l.table()
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestSemiSupervisedClaims(t *testing.T) {
	all := []float64{100, 10, 5, 1}
	classifier := func(pct float64) float64 { return 50 + 15*math.Log10(pct) }
	leadOf := func(few, full float64) func(float64) float64 {
		return func(pct float64) float64 {
			if pct == 100 {
				return classifier(pct) + full
			}
			return classifier(pct) + few
		}
	}
	level := func(value float64) func(float64) float64 { return func(float64) float64 { return value } }
	const ahead, further, probe, near = 0, 1, 2, 3
	for name, test := range map[string]struct {
		shares []float64
		joint  func(float64) float64
		probe  func(float64) float64
		want   map[int]claim.Verdict
	}{
		"as the paper says": {all, leadOf(20, 2), level(75), map[int]claim.Verdict{
			ahead: claim.TrendHolds, further: claim.TrendHolds, probe: claim.TrendHolds, near: claim.TrendHolds}},
		"below the classifier": {all, leadOf(-5, -1), level(40), map[int]claim.Verdict{
			ahead: claim.TrendFails, further: claim.TrendFails, probe: claim.TrendFails, near: claim.TrendFails}},
		"above at some shares": {all, leadOf(-1, 2), level(40), map[int]claim.Verdict{ahead: claim.TrendFails, further: claim.TrendFails}},
		"by more with all":     {all, leadOf(1, 2), level(40), map[int]claim.Verdict{ahead: claim.TrendHolds, further: claim.TrendFails}},
		"less behind with few": {all, leadOf(-1, -5), level(40), map[int]claim.Verdict{ahead: claim.TrendFails, further: claim.TrendFails}},
		"no share of 5":        {[]float64{100, 1}, leadOf(20, 2), level(75), map[int]claim.Verdict{ahead: claim.TrendHolds, near: claim.Undecided}},
		"few labels alone":     {[]float64{10, 5}, leadOf(20, 2), level(75), map[int]claim.Verdict{further: claim.Undecided, near: claim.Undecided}},
		"all labels alone":     {[]float64{100}, leadOf(20, 2), level(75), map[int]claim.Verdict{ahead: claim.TrendHolds, further: claim.Undecided}},
		"no probe":             {all, leadOf(20, 2), nil, map[int]claim.Verdict{ahead: claim.TrendHolds, probe: claim.Undecided}},
	} {
		t.Run(name, func(t *testing.T) {
			made := madeUpShares(t, test.shares, map[string]func(float64) float64{methodClassifier: classifier, methodJoint: test.joint, methodProbe: test.probe})
			for which, want := range test.want {
				if got := semiClaims()[which].Judge(tier.CPU, made); got.Verdict != want {
					t.Errorf("%s: %s (%s%s), want %s", got.Claim, got.Verdict, got.Detail, got.Reason, want)
				}
			}
		})
	}
}

// The paper's own numbers, put into our rows, meet every claim.
func TestThePapersNumbersMeetItsSemiSupervisedClaims(t *testing.T) {
	l := SemiSupervised(tier.CPU).comparison()
	for _, v := range l.reported() {
		l.measured = append(l.measured, measurement{Dataset: v.Dataset, Method: v.Method, Condition: v.Condition, Metric: v.Metric, Value: v.Value, Further: semiCells(v.Condition, KnownLabels{}, "")})
	}
	made, err := l.table()
	if err != nil {
		t.Fatal(err)
	}
	for _, shape := range semiClaims() {
		if j := shape.Judge(tier.CPU, made); j.Verdict != claim.TrendHolds {
			t.Errorf("%s: %s (%s%s)", j.Claim, j.Verdict, j.Detail, j.Reason)
		}
	}
	if drawn, err := drawSemiSupervised(made, "", map[string]string{"tier": "cpu"}); err != nil || len(drawn.PNG) < 1000 {
		t.Errorf("the figure: %v", err)
	}
}

func TestSemiSupervisedModelsAreOfTheConfig(t *testing.T) {
	c := SemiSupervised(tier.Paper)
	many, err := c.Model("cifar-100")
	if err != nil {
		t.Fatal(err)
	}
	few, err := c.Model("svhn")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.shares(many), []float64{1, 0.1, 0.05, 0.01}) || !slices.Equal(c.shares(few), []float64{1, 0.05, 0.01}) {
		t.Errorf("shares %v of 100 classes, %v of 10", c.shares(many), c.shares(few))
	}
	if ddgm := few.DDGM(); ddgm.Labels != (LabelsConfig{}) {
		t.Errorf("the DDGM sees labels: %+v", ddgm.Labels)
	}
}

func TestKnownLabelsCells(t *testing.T) {
	if got := (KnownLabels{OfClass: []int{5, 3, 4}}).cells(); !slices.Equal(got, []string{"12", "3", "5"}) {
		t.Errorf("%v", got)
	}
	if got := (KnownLabels{}).cells(); !slices.Equal(got, []string{"", "", ""}) {
		t.Errorf("%v of nothing", got)
	}
}
