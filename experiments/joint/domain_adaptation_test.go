package joint

import (
	"slices"
	"strings"
	"testing"

	"noisebook/pkg/claim"
	"noisebook/pkg/config"
	"noisebook/pkg/engine/enginetest"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
	"noisebook/pkg/train"
)

// Adaptation moves encoder and decoder; the head keeps its weights to the bit, in
// the last weights and in their average, and its statistics unless they follow
// the target.
func TestAdaptationLeavesTheHead(t *testing.T) {
	e := enginetest.Go(t)
	for _, statistics := range []HeadStatistics{StatisticsFrozen, StatisticsFollow} {
		source := tinyJoint()
		source.Train.WeightDecay = 0.1 // would shrink the head
		c := AdaptConfig{Steps: []int{5}, LearningRate: 0.01, Statistics: statistics}.model(source, "mnist", 5)
		net, objective, err := c.Training()
		if err != nil {
			t.Fatal(err)
		}
		before := train.Weights{Values: net.Layout.Initialize(5), Statistics: net.Statistics.Initialize(5)}
		for i := range before.Values {
			before.Values[i] += 0.1 / float32(i+3) // so that no bit pattern is a round one
		}
		for i := range before.Statistics {
			before.Statistics[i] += 0.1 / float32(i+3)
		}
		net.Initial = &before
		batches, err := c.batches(stripes())
		if err != nil {
			t.Fatal(err)
		}
		after, err := train.Run(t.Context(), e, net, objective, batches, [3]int{4, 4, 1}, c.Train, train.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if follow := statistics == StatisticsFollow; slices.Equal(after.Statistics, before.Statistics) == follow {
			t.Errorf("%s: the head's running statistics moved: %v", statistics, !follow)
		}
		moved := map[bool]int{} // parameters, by whether they are the head's
		for _, p := range net.Layout.Parameters() {
			was := before.Values[p.Offset : p.Offset+p.Size()]
			for _, is := range [][]float32{after.Weights, after.Average} {
				if !slices.Equal(is[p.Offset:p.Offset+p.Size()], was) {
					moved[strings.HasPrefix(p.Name, "head.")]++
				}
			}
		}
		if moved[true] > 0 || moved[false] < 20 {
			t.Errorf("%s: %d parameters of the head moved, %d others", statistics, moved[true], moved[false])
		}
	}
}

// A shorter adaptation is the beginning of a longer one.
func TestAdaptationsAreOneCurve(t *testing.T) {
	a := AdaptConfig{Steps: []int{2, 5}, LearningRate: 0.01, Statistics: StatisticsFrozen}
	source := tinyJoint()
	source.Train.CosineDecay, source.Train.Warmup = true, 2
	short, long := losses(t, a.model(source, "mnist", 2)), losses(t, a.model(source, "mnist", 5))
	for i := range short {
		if short[i]["loss"] != long[i]["loss"] {
			t.Errorf("step %d: loss %g of the shorter, %g of the longer", i+1, short[i]["loss"], long[i]["loss"])
		}
	}
}

func TestAdaptationRefusesWhatMovesTheHead(t *testing.T) {
	classifies, decays := tinyJoint(), tinyJoint().DDGM()
	decays.Train.WeightDecay = 0.1
	for _, c := range []ModelConfig{classifies, decays} {
		c.Dataset = "mnist"
		if _, err := c.Adapt(t.Context(), nil, track.Result[TrainedModel]{}); err == nil || !strings.Contains(err.Error(), "head") {
			t.Errorf("class_scale %g, weight_decay %g: %v", c.Objective.ClassScale, c.Train.WeightDecay, err)
		}
	}
}

// madeUpPairs is a table of tab6 on two pairs with one seed.
func madeUpPairs(t *testing.T, accuracy map[string][2]float64) adaptations {
	t.Helper()
	a := adaptations{comparison: DomainAdaptation(tier.CPU).comparison()}
	for i, p := range []pair{
		{source: ModelConfig{Dataset: "usps-esl"}, target: "mnist"},
		{source: ModelConfig{Dataset: "mnist"}, target: "usps-esl"},
	} {
		for method, values := range accuracy {
			steps := 0
			if method == methodJoint {
				steps = 500
				if err := a.add(p, method, "adapt_steps=50", 50, 0.01, 100, track.Result[Evaluated]{}); err != nil { // of no account
					t.Fatal(err)
				}
			}
			if err := a.add(p, method, "", steps, values[i]/100, 100, track.Result[Evaluated]{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return a
}

func TestAdaptationClaims(t *testing.T) {
	const above, below, raises = 0, 1, 2
	for name, test := range map[string]struct {
		accuracy map[string][2]float64
		want     map[int]claim.Verdict
	}{
		"as the paper says": {map[string][2]float64{methodClassifier: {54.7, 72.2}, methodBefore: {60, 80}, methodJoint: {90.5, 92.7}, methodTarget: {96.8, 99.4}},
			map[int]claim.Verdict{above: claim.TrendHolds, below: claim.TrendHolds, raises: claim.TrendHolds}},
		"one pair the other way": {map[string][2]float64{methodClassifier: {54.7, 92.2}, methodBefore: {60, 95}, methodJoint: {97, 92.7}, methodTarget: {96.8, 99.4}},
			map[int]claim.Verdict{above: claim.TrendFails, below: claim.TrendFails, raises: claim.TrendFails}},
		"a little above": {map[string][2]float64{methodClassifier: {85, 90}, methodBefore: {80, 80}, methodJoint: {89, 94}, methodTarget: {96.8, 99.4}},
			map[int]claim.Verdict{above: claim.TrendFails, raises: claim.TrendHolds}},
		"no upper bound": {map[string][2]float64{methodClassifier: {54.7, 72.2}, methodBefore: {60, 80}, methodJoint: {90.5, 92.7}},
			map[int]claim.Verdict{above: claim.TrendHolds, below: claim.Undecided}},
	} {
		t.Run(name, func(t *testing.T) {
			a := madeUpPairs(t, test.accuracy)
			made, err := a.table()
			if err != nil {
				t.Fatal(err)
			}
			for which, want := range test.want {
				if got := adaptationClaims()[which].Judge(tier.CPU, made); got.Verdict != want {
					t.Errorf("%s: %s (%s%s), want %s", got.Claim, got.Verdict, got.Detail, got.Reason, want)
				}
			}
			numbers, err := a.judge()
			if err != nil {
				t.Fatal(err)
			}
			for _, j := range numbers { // the variant is no USPS
				if j.Verdict != claim.NotComparable || !strings.Contains(j.Reason, "usps-esl") {
					t.Errorf("%s: %s (%s)", j.Claim, j.Verdict, j.Reason)
				}
			}
		})
	}
}

func TestAdaptationIsDrawn(t *testing.T) {
	a := madeUpPairs(t, map[string][2]float64{methodClassifier: {54.7, 72.2}, methodBefore: {60, 80}, methodJoint: {90.5, 92.7}, methodTarget: {96.8, 99.4}})
	made, err := a.table()
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := DomainAdaptation(tier.CPU).figures(made, "", map[string]string{"tier": "cpu"})
	if err != nil || len(drawn) != 2 || len(drawn[0].PNG) < 1000 || len(drawn[1].PNG) < 1000 {
		t.Errorf("%d figures, %v", len(drawn), err)
	}
}

func TestPairsOfThePaper(t *testing.T) {
	c := DomainAdaptation(tier.Paper)
	pairs, err := c.pairs(7)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range pairs {
		names = append(names, p.name())
		bound, source := p.upperBound(), p.source.Network.UNet
		if bound.Dataset != p.target || !bound.Network.EncoderOnly || bound.Network.UNet.ImageSize != source.ImageSize || bound.Train.Seed != 7 || !bound.Resize {
			t.Errorf("%s: the upper bound is %+v", p.name(), bound)
		}
	}
	if want := []string{"svhn→mnist", "usps→mnist", "mnist→usps"}; !slices.Equal(names, want) {
		t.Errorf("pairs %v, want %v", names, want)
	}
	if size := pairs[0].source.Network.UNet; size.ImageSize != 32 || size.Channels != 3 {
		t.Errorf("MNIST meets SVHN at %d×%d×%d", size.ImageSize, size.ImageSize, size.Channels)
	}
}

func TestRefusedAdaptations(t *testing.T) {
	for override, want := range map[string]string{
		"targets=mnist":            "1 names for 2 datasets",
		"targets=mnist,digits":     "unknown data set",
		"targets=mnist,cifar-100":  "number of classes",
		"adapt.steps=":             "steps is empty",
		"adapt.steps=100,100":      "ascend",
		"adapt.steps=0,100":        "above 0",
		"adapt.learning_rate=0":    "learning_rate is 0",
		"seeds=0":                  "seeds is 0",
		"datasets=usps-esl,celeba": "number of classes",
	} {
		c := DomainAdaptation(tier.CPU)
		if err := config.Set(&c, override); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", override, err, want)
		}
	}
	for override, want := range map[string]string{
		"shares=":                     "shares is empty",
		"shares=0.1,1":                "descend",
		"shares=1,0":                  "(0, 1]",
		"shares_of_100_classes=2":     "shares_of_100_classes is [2]",
		"datasets=celeba":             "attributes",
		"seeds=0":                     "seeds is 0",
		"datasets=fashion-mnist,what": "unknown data set",
	} {
		c := SemiSupervised(tier.CPU)
		if err := config.Set(&c, override); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", override, err, want)
		}
	}
}
