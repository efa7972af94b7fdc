package joint

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"noisebook/pkg/claim"
	"noisebook/pkg/config"
	"noisebook/pkg/features"
	"noisebook/pkg/joint"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
)

// madeUpProbes are tier cpu's probes with the AUC that a function gives at a share of the path.
func madeUpProbes(t *testing.T, auc func(kind string, share float64) float64) table.Table {
	t.Helper()
	c := ProbeTimesteps(tier.CPU)
	probes := table.New(probeColumns...)
	for _, depth := range []string{allDepths, "middle"} {
		for _, name := range append(append([]string{"other"}, c.Coarse...), c.Fine...) {
			for i := range 10 {
				for seed := range 3 {
					value := auc(c.kind(name), float64(i)/9) + 0.005*float64(seed-1)
					if err := probes.Append(depth, 224, name, c.kind(name), 499*i/9, seed, 4000, 2000, value, true); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	return probes
}

// fallingAUC falls from best to chance about the share of the path that middle names.
func fallingAUC(best, middle float64) func(share float64) float64 {
	return func(share float64) float64 { return 0.5 + (best-0.5)/(1+math.Exp(15*(share-middle))) }
}

func judgedProbes(t *testing.T, at tier.Tier, probes table.Table) []claim.Judgement {
	t.Helper()
	c := ProbeTimesteps(at)
	judgements, err := c.judge(probes, claim.Setting{Dataset: c.Model.Dataset, Model: describe(c.Model.DDGM())})
	if err != nil {
		t.Fatal(err)
	}
	return judgements
}

func TestProbeTimestepsClaims(t *testing.T) {
	early, late := fallingAUC(0.9, 0.3), fallingAUC(1, 0.8)
	for name, test := range map[string]struct {
		coarse, fine func(share float64) float64
		want         [3]claim.Verdict // lasts longer, is read near noise, is read alone
	}{
		"as the paper says": {late, early, [3]claim.Verdict{claim.TrendHolds, claim.TrendHolds, claim.TrendHolds}},
		"turned round":      {early, late, [3]claim.Verdict{claim.TrendFails, claim.TrendFails, claim.TrendFails}},
		"all alike":         {late, late, [3]claim.Verdict{claim.TrendFails, claim.TrendFails, claim.TrendFails}},
		"noise hides nothing": {func(float64) float64 { return 0.9 }, func(float64) float64 { return 0.8 },
			[3]claim.Verdict{claim.TrendFails, claim.TrendHolds, claim.TrendFails}},
		"never readable": {late, func(float64) float64 { return 0.52 }, [3]claim.Verdict{claim.Undecided, claim.TrendHolds, claim.TrendHolds}},
		"undefined":      {late, func(float64) float64 { return math.NaN() }, [3]claim.Verdict{claim.Undecided, claim.Undecided, claim.Undecided}},
	} {
		t.Run(name, func(t *testing.T) {
			judgements := judgedProbes(t, tier.CPU, madeUpProbes(t, func(kind string, share float64) float64 {
				switch kind {
				case coarse:
					return test.coarse(share)
				case fine:
					return test.fine(share)
				}
				return 0.99 // of no consequence
			}))
			for i, want := range test.want {
				if got := judgements[i]; got.Verdict != want {
					t.Errorf("%s: %s (%s%s), want %s", got.Claim, got.Verdict, got.Detail, got.Reason, want)
				}
			}
			if number := judgements[3]; number.Verdict != claim.NotComparable || *number.Reported != 5248 {
				t.Errorf("features: %s, reported %g", number.Verdict, *number.Reported)
			}
		})
	}
}

func TestProbeTimestepsCannotTellWithoutAKind(t *testing.T) {
	probes := madeUpProbes(t, func(string, float64) float64 { return 0.8 })
	alone, err := probes.Where("kind", coarse)
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range judgedProbes(t, tier.CPU, alone)[:3] {
		if j.Verdict != claim.Undecided || !strings.Contains(j.Reason, "no fine attribute") {
			t.Errorf("%s: %s (%s)", j.Claim, j.Verdict, j.Reason)
		}
	}
}

func TestLastReadable(t *testing.T) {
	r := reading{t: []float64{0, 100, 200}, auc: []float64{0.9, 0.8, 0.6}} // the middle is 0.7
	if last, err := r.lastReadable(); err != nil || math.Abs(last-150) > 1e-9 {
		t.Errorf("readable until %g (%v), want 150: half-way between two timesteps", last, err)
	}
	r.auc = []float64{0.9, 0.6, 0.75}
	if last, err := r.lastReadable(); err != nil || last != 200 {
		t.Errorf("readable until %g (%v), want the last timestep", last, err)
	}
}

// The paper tier has the paper's count of features, and its model is CelebA's DDGM.
func TestProbeTimestepsPaperTier(t *testing.T) {
	c := ProbeTimesteps(tier.Paper)
	m, err := joint.New(c.Model.DDGM().Network)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Encoder.FeatureWidth(); got != 5248 {
		t.Errorf("z_t has %d features, the paper's 5248", got)
	}
	if c.Model.DDGM().Objective.ClassScale != 0 || c.Model.Dataset != "celeba" || c.Timesteps != 10 {
		t.Errorf("%+v", c)
	}
}

// The DDGM is the one that the tables train.
func TestProbeTimestepsSharesTheDDGM(t *testing.T) {
	for _, at := range tier.All() {
		c := ProbeTimesteps(at)
		shared, err := suite(at, c.Model.Dataset).Model(c.Model.Dataset)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(c.models(), []ModelConfig{shared.DDGM()}) {
			t.Errorf("tier %s trains %+v, the tables %+v", at, c.models()[0], shared.DDGM())
		}
	}
}

// Depths cut every column of both halves into parts, after z_t itself.
func TestDepths(t *testing.T) {
	m, err := joint.New(grey(tier.CPU).Network)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range depthsOf(features.UNet{UNet: m.UNet, Part: features.Both}) {
		got = append(got, fmt.Sprintf("%s %d:%d", d.name, d.from, d.to))
	}
	// C = 32: the middle's columns come first, though its map comes after the encoder's.
	want := []string{"z_t 0:224", "input convolution 64:96", "encoder 14×14 96:128", "encoder 7×7 128:224", "middle 0:64",
		"decoder 7×7 224:288", "decoder 14×14 288:416"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("depths %q, want %q", got, want)
	}
}

func TestProbesAreDrawn(t *testing.T) {
	probes := madeUpProbes(t, func(string, float64) float64 { return 0.8 })
	flat, err := drawProbes(probes, map[string]string{"run": "r1"})
	if err != nil {
		t.Fatal(err)
	}
	byDepth, err := drawDepths(probes, nil)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(flat.SVG); !strings.Contains(text, "footwear") || strings.Contains(text, "other") {
		t.Error("the figure lacks an attribute, or has one that is not compared")
	}
	if !strings.Contains(string(byDepth.SVG), "middle") {
		t.Error("the figure of depths has no middle")
	}
}

func TestRefusedProbes(t *testing.T) {
	for change, want := range map[string]string{
		"coarse=":             "coarse is empty",
		"fine=necklace":       `no attribute "necklace": it has footwear`,
		"fine=footwear":       "share an attribute",
		"timesteps=1":         "timesteps is 1",
		"timesteps=501":       "in 2 to 500",
		"train_images=-1":     "must not be negative",
		"c=0":                 "c is 0",
		"seeds=0":             "seeds is 0",
		"model.dataset=mnist": "no attributes",
	} {
		c := ProbeTimesteps(tier.CPU)
		if err := config.Set(&c, change); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", change, err, want)
		}
	}
}
