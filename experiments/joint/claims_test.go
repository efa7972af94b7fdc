package joint

import (
	"math"
	"strings"
	"testing"

	"noisebook/pkg/augment"
	"noisebook/pkg/claim"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
)

// curve gives a measure at a step size; rate, precision and recall of a made-up sweep.
type curve func(alpha float64) float64

// madeUp is a sweep over tier cpu's step sizes with three seeds that differ a little.
func madeUp(t *testing.T, precision, recall, rate curve) table.Table {
	t.Helper()
	s := table.New(sweepColumns...)
	for _, alpha := range AlphaSweep(tier.CPU).Alphas {
		for seed := range 3 {
			wobble := 0.01 * float64(seed-1)
			if err := s.Append(alpha, seed, 1000, precision(alpha)+wobble, recall(alpha)-wobble, 0.7, 0.6, rate(alpha), 10); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s
}

func rising(alpha float64) float64  { return 0.4 + 0.5*alpha/(alpha+200) }
func falling(alpha float64) float64 { return 0.9 - 0.6*max(0, alpha)/(max(0, alpha)+200) }
func flat(float64) float64          { return 0.5 }
func guidedRate(alpha float64) float64 {
	return 0.1 + 0.8*math.Tanh(alpha/100)
}

// judged gives each claim of the sweep's verdict, as Run does.
func judged(t *testing.T, at tier.Tier, s table.Table) map[string]claim.Judgement {
	t.Helper()
	guided, err := withAlpha(s, func(alpha float64) bool { return alpha >= 0 })
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]claim.Judgement{}
	for _, shape := range sweepClaims() {
		with := guided
		if shape.withControl {
			with = s
		}
		short, _, _ := strings.Cut(shape.Claim, " ")
		if strings.Contains(shape.Claim, "best together") {
			short = "best"
		}
		out[strings.TrimSuffix(short, ":")] = shape.Judge(at, with)
	}
	return out
}

func TestSweepClaims(t *testing.T) {
	for name, test := range map[string]struct {
		precision, recall, rate curve
		want                    map[string]claim.Verdict
	}{
		"as the paper says": {rising, falling, guidedRate, map[string]claim.Verdict{
			"precision": claim.TrendHolds, "recall": claim.TrendHolds, "best": claim.TrendHolds, "control": claim.TrendHolds}},
		"turned round": {falling, rising, func(a float64) float64 { return guidedRate(-a) }, map[string]claim.Verdict{
			"precision": claim.TrendFails, "recall": claim.TrendFails, "control": claim.TrendFails}},
		"nothing happens": {flat, flat, flat, map[string]claim.Verdict{
			"precision": claim.TrendFails, "recall": claim.TrendFails, "best": claim.TrendFails, "control": claim.TrendFails}},
		"best too early": {flat, func(a float64) float64 { return 0.5 - a/4000 }, guidedRate, map[string]claim.Verdict{
			"recall": claim.TrendHolds, "best": claim.TrendFails}},
	} {
		t.Run(name, func(t *testing.T) {
			got := judged(t, tier.CPU, madeUp(t, test.precision, test.recall, test.rate))
			for which, want := range test.want {
				if got[which].Verdict != want {
					t.Errorf("%s: %s (%s), want %s", which, got[which].Verdict, got[which].Detail, want)
				}
			}
			if len(got) != 4 {
				t.Errorf("%d claims, want 4", len(got))
			}
		})
	}
}

// The control is no point of the trend: precision at −α may be anything.
func TestControlIsNotPartOfTheTrend(t *testing.T) {
	high := func(alpha float64) float64 {
		if alpha < 0 {
			return 2
		}
		return rising(alpha)
	}
	if got := judged(t, tier.CPU, madeUp(t, high, falling, guidedRate))["precision"]; got.Verdict != claim.TrendHolds {
		t.Errorf("%s: %s", got.Verdict, got.Detail)
	}
}

func TestSweepWithoutControlCannotTell(t *testing.T) {
	guided, err := withAlpha(madeUp(t, rising, falling, guidedRate), func(alpha float64) bool { return alpha >= 0 })
	if err != nil {
		t.Fatal(err)
	}
	if got := judged(t, tier.CPU, guided)["control"]; got.Verdict != claim.Undecided || !strings.Contains(got.Reason, "no negative α") {
		t.Errorf("%s: %s", got.Verdict, got.Reason)
	}
}

func TestSmokeClaimsNothing(t *testing.T) {
	for which, got := range judged(t, tier.Smoke, madeUp(t, rising, falling, guidedRate)) {
		if got.Verdict != claim.NotRun {
			t.Errorf("%s: %s at tier smoke", which, got.Verdict)
		}
	}
}

func TestSweepIsDrawn(t *testing.T) {
	drawn, err := drawSweep(madeUp(t, rising, falling, guidedRate), map[string]string{"run": "r1", "tier": "cpu"})
	if err != nil {
		t.Fatal(err)
	}
	if len(drawn.PNG) < 1000 || !strings.Contains(string(drawn.SVG), "<svg") {
		t.Errorf("%d bytes of PNG, %d of SVG", len(drawn.PNG), len(drawn.SVG))
	}
	if _, err := drawSweep(table.New("alpha"), nil); err == nil {
		t.Error("a table without measures is drawn")
	}
}

// The LeNet is right on 80 % of the test images: 40 % of a row are too few.
func TestRowsShowTheirClass(t *testing.T) {
	check := rowsShowTheirClass(0.8)
	s := table.New("class", "target_rate")
	for class, rate := range map[string]float64{"Dress": 0.9, "Bag": 0.41} {
		if err := s.Append(class, rate); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := check(s); err != nil || !got.Holds || got.Value != 0.41 || !strings.Contains(got.Detail, "right on 80 %") {
		t.Errorf("%+v, %v", got, err)
	}
	if err := s.Append("Shirt", 0.4); err != nil {
		t.Fatal(err)
	}
	if got, err := check(s); err != nil || got.Holds || !strings.Contains(got.Detail, "missed by Shirt 40 %") {
		t.Errorf("%+v, %v", got, err)
	}
	for _, empty := range []table.Table{table.New("class"), table.New("class", "target_rate")} {
		if _, err := check(empty); err == nil {
			t.Error("a table without rates is judged")
		}
	}
}

// unconditionalSet is what fig9 draws of a dataset, with made-up scores.
func unconditionalSet(t *testing.T, c UnconditionalConfig, dataset string, scores Scores) sampledSet {
	t.Helper()
	m, err := c.Model(dataset)
	if err != nil {
		t.Fatal(err)
	}
	column, _ := paperDataset(dataset)
	set := sampledSet{dataset: column, method: methodJoint, model: m.Joint(), setting: c.setting(m, methodJoint)}
	set.scores.Value = scores
	return set
}

// Numbers of another dataset or network are never called reproduced, nor are
// those of a training without the authors' augmentation, which only tier paper has.
func TestUnconditionalNumbers(t *testing.T) {
	scores := Scores{FID: 7.9, Precision: 0.65, Recall: 0.57} // the paper has 7.9, 69.9 % and 56.4 % on CIFAR-10
	judged := func(c UnconditionalConfig, dataset string) []claim.Judgement {
		judgements, err := c.judge(unconditionalSet(t, c, dataset, scores), table.Table{})
		if err != nil {
			t.Fatal(err)
		}
		return judgements
	}
	plain, paper := Unconditional(tier.Paper), Unconditional(tier.Paper)
	plain.Colour.Augment = augment.Config{}
	for _, test := range []struct {
		c       UnconditionalConfig
		dataset string
	}{{Unconditional(tier.Quick), "fashion-mnist"}, {Unconditional(tier.CPU), "fashion-mnist"}, {Unconditional(tier.CPU), "cifar10-jpeg"}, {plain, "cifar-10"}} {
		judgements := judged(test.c, test.dataset)
		if len(judgements) != 3 {
			t.Fatalf("tier %s: %d judgements on %s", test.c.Tier, len(judgements), test.dataset)
		}
		for _, j := range judgements {
			if j.Verdict != claim.NotComparable || !strings.Contains(j.Reason, "augmented") || j.Reported == nil {
				t.Errorf("tier %s, %s: %s (%s)", test.c.Tier, j.Claim, j.Verdict, j.Reason)
			}
		}
	}
	for i, j := range judged(paper, "cifar-10") {
		if want := []claim.Verdict{claim.Reproduced, claim.Differs, claim.Reproduced}[i]; j.Verdict != want {
			t.Errorf("tier paper, %s: %s (%s), want %s", j.Claim, j.Verdict, j.Reason, want)
		}
	}
	for _, dataset := range paper.Datasets {
		if n := len(judged(paper, dataset)); n != 3 {
			t.Errorf("%d judgements on %s, want FID, precision and recall", n, dataset)
		}
	}
	if n := len(judged(paper, "mnist")); n != 0 {
		t.Errorf("%d judgements on MNIST, of which the paper has no samples", n)
	}
	lenet := Unconditional(tier.Paper)
	lenet.Reference.Network = LeNetFeatures
	for _, j := range judged(lenet, "cifar-10") {
		if j.Verdict != claim.NotComparable || !strings.Contains(j.Reason, "feature network") {
			t.Errorf("%s by a LeNet's features: %s (%s)", j.Claim, j.Verdict, j.Reason)
		}
	}
}
