package joint

import (
	"context"
	"fmt"
	"image/color"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"

	"noisebook/pkg/claim"
	"noisebook/pkg/config"
	"noisebook/pkg/npy"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// madeUpPaths are tier cpu's paths; each class is decided from a t that a
// function gives, on both sides of which the probability differs.
func madeUpPaths(t *testing.T, classes []string, decided func(alpha float64, class int) float64) table.Table {
	t.Helper()
	c := DecisionPath(tier.CPU)
	paths := table.New(pathColumns...)
	for _, alpha := range c.Alphas {
		for class, name := range classes {
			for seed := range 3 {
				for step := range 25 {
					at := math.Round(499 * float64(24-step) / 24)
					p := 0.1
					if at <= decided(alpha, class) {
						p = 0.8
					}
					if err := paths.Append(alpha, name, seed, at, 10, p+0.01*float64(seed), p); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	return paths
}

var tenClasses = strings.Fields("airplane automobile bird cat deer dog frog horse ship truck")

func TestDecisionPathClaims(t *testing.T) {
	byAlpha := func(alpha float64) float64 { return 4*alpha - 1 }
	for name, test := range map[string]struct {
		decided func(alpha float64, class int) float64
		want    [3]claim.Verdict // sooner with α, classes differ, the cat is late
	}{
		"as the paper says": {func(alpha float64, class int) float64 {
			if class == 3 {
				return byAlpha(alpha) / 2
			}
			return byAlpha(alpha) + 100*min(alpha, 1)
		}, [3]claim.Verdict{claim.TrendHolds, claim.TrendHolds, claim.TrendHolds}},
		"turned round": {func(alpha float64, class int) float64 {
			if class == 3 {
				return 450 - alpha
			}
			return 350 - alpha
		}, [3]claim.Verdict{claim.TrendFails, claim.TrendHolds, claim.TrendFails}},
		"all alike": {func(float64, int) float64 { return 250 }, [3]claim.Verdict{claim.TrendFails, claim.TrendFails, claim.TrendFails}},
		"nothing is decided": {func(float64, int) float64 { return -1 },
			[3]claim.Verdict{claim.TrendFails, claim.Undecided, claim.Undecided}},
	} {
		t.Run(name, func(t *testing.T) {
			c := DecisionPath(tier.CPU)
			c.Model.Dataset = "cifar-10"
			judgements := c.judge(madeUpPaths(t, tenClasses, test.decided), tenClasses)
			if len(judgements) != 3 {
				t.Fatalf("%d claims, want 3", len(judgements))
			}
			for i, want := range test.want {
				if got := judgements[i]; got.Verdict != want {
					t.Errorf("%s: %s (%s%s), want %s", got.Claim, got.Verdict, got.Detail, got.Reason, want)
				}
			}
		})
	}
	c := DecisionPath(tier.CPU)
	if got := c.judge(madeUpPaths(t, tenClasses, func(float64, int) float64 { return 250 }), tenClasses); len(got) != 2 {
		t.Errorf("%d claims on %s, want no word of cats", len(got), c.Model.Dataset)
	}
}

func TestDecidedFrom(t *testing.T) {
	for name, test := range map[string]struct {
		probabilities []float64 // at t = 0, 10, 20, 30
		want          float64
	}{
		"from the middle on":     {[]float64{0.9, 0.6, 0.4, 0.1}, 10},
		"from the start":         {[]float64{0.9, 0.9, 0.9, 0.9}, 30},
		"a half is no decision":  {[]float64{0.9, 0.5, 0.9, 0.9}, 0},
		"lost again":             {[]float64{0.2, 0.9, 0.9, 0.9}, neverDecided},
		"won, lost and won back": {[]float64{0.9, 0.9, 0.3, 0.9}, 10},
	} {
		paths := table.New("t", "probability")
		for i := range test.probabilities {
			at := len(test.probabilities) - 1 - i // as a sampler goes
			if err := paths.Append(10*at, test.probabilities[at]); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := decidedFrom(paths); err != nil || got != test.want {
			t.Errorf("%s: decided from %g (%v), want %g", name, got, err, test.want)
		}
	}
}

func TestDecisionsAreCountedByClass(t *testing.T) {
	p := DecisionPoint{Probability: make([]float64, 2), Share: make([]float64, 2)}
	nine := float32(math.Log(9))
	p.add([]float32{nine, 0, nine, 0, 0, 0, 0, nine, 99, 99}, []int32{0, 1, 0, 1}, 0.5) // two images a class; the last row pads
	for class, want := range []struct{ probability, share float64 }{{0.7, 1}, {0.5, 0.5}} {
		if math.Abs(p.Probability[class]-want.probability) > 1e-6 || p.Share[class] != want.share {
			t.Errorf("class %d has %g and %g, want %g and %g", class, p.Probability[class], p.Share[class], want.probability, want.share)
		}
	}
}

func TestDecisionPathIsDrawn(t *testing.T) {
	c := DecisionPath(tier.CPU)
	paths := madeUpPaths(t, tenClasses, func(alpha float64, class int) float64 { return alpha + float64(10*class) })
	path, err := c.drawPath(paths, tenClasses, map[string]string{"run": "r1"})
	if err != nil {
		t.Fatal(err)
	}
	byClass, err := c.drawClasses(paths, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(path.SVG), "mean over 10 classes") || !strings.Contains(string(path.SVG), "frog") {
		t.Error("a panel is missing")
	}
	if text := string(byClass.SVG); strings.Index(text, "truck") > strings.Index(text, "airplane") {
		t.Error("classes are not in the order of their decision")
	}
}

// The shown images are those of the class and of the points asked for.
func TestCleanAt(t *testing.T) {
	store, err := track.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pixels := []uint8{0, 1, 10, 11, 20, 21} // 3 points of 2 classes, a pixel each
	type none struct{}
	stage := track.Stage[none, DecisionTrace]{Name: "test", Version: 1, Run: func(_ context.Context, job *track.Job, _ none) (DecisionTrace, error) {
		saved, err := job.Save("clean.npy", func(w io.Writer) error { return npy.Write(w, []int{3, 2, 1, 1, 1}, pixels) })
		return DecisionTrace{Points: make([]DecisionPoint, 3), Clean: saved}, err
	}}
	trace, err := track.Do(t.Context(), store, stage, none{})
	if err != nil {
		t.Fatal(err)
	}
	pictures, err := cleanAt(store, trace.Value, 1, []int{0, 2})
	if err != nil {
		t.Fatal(err)
	}
	var got []uint8
	for _, p := range pictures {
		got = append(got, color.GrayModel.Convert(p.At(0, 0)).(color.Gray).Y)
	}
	if !reflect.DeepEqual(got, []uint8{1, 21}) {
		t.Errorf("pixels %v, want those of class 1 at both ends", got)
	}
	if _, err := cleanAt(store, trace.Value, 2, []int{0}); err == nil || !strings.Contains(fmt.Sprint(err), "class 2") {
		t.Errorf("a class that is not there: %v", err)
	}
}

func TestRefusedPaths(t *testing.T) {
	for change, want := range map[string]string{
		"alphas=":          "alphas is empty",
		"alphas=0,7":       "class_alpha is 30: name one of alphas",
		"class_alpha=0":    "class_alpha is 0",
		"classes=":         "classes is empty",
		"classes=3,10":     "classes has 10",
		"per_class=0":      "per_class is 0",
		"points=1":         "points is 1",
		"seeds=0":          "seeds is 0",
		"sampler.steps=-1": "steps is -1",
	} {
		c := DecisionPath(tier.CPU)
		if err := config.Set(&c, change); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", change, err, want)
		}
	}
}
