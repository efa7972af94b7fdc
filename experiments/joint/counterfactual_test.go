package joint

import (
	"math"
	"slices"
	"strings"
	"testing"

	"noisebook/pkg/augment"
	"noisebook/pkg/claim"
	"noisebook/pkg/data"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
)

func TestDecide(t *testing.T) {
	for _, test := range []struct {
		dataset, name string
		words         [2]string // empty: refused
	}{
		{"fashion-mnist", "Sneaker or Ankle boot", [2]string{"Sneaker", "Ankle boot"}},
		{"fashion-mnist", "T-shirt/top or Dress", [2]string{"T-shirt/top", "Dress"}},
		{"malaria200", "uninfected or parasitized", [2]string{"uninfected", "parasitized"}},
		{"celeba", "Smiling", [2]string{"Smiling", "not Smiling"}},
		{"fashion-mnist", "Sneaker or Sneaker", [2]string{}},
		{"fashion-mnist", "Sneaker or Hat", [2]string{}},
		{"fashion-mnist", "Sneaker", [2]string{}},
		{"celeba", "Smiling or Young", [2]string{}},
	} {
		got, err := decide(describeData(t, test.dataset), test.name)
		if (err == nil) != (test.words[0] != "") || got.words != test.words {
			t.Errorf("%s, %q: %v, %v", test.dataset, test.name, got.words, err)
		}
	}
}

func TestAnswers(t *testing.T) {
	classes := data.Split{Labels: []int32{2, 0}}
	if a := showsClass(2); !a.given([]float64{1, 0, 3}) || a.given([]float64{3, 0, 1}) || !a.labelled(classes, 0) || a.labelled(classes, 1) || !slices.Equal(a.target(classes, 1), []int32{2}) {
		t.Error("the answer of a class")
	}
	faces := data.Split{Attributes: []uint8{1, 0, 1, 0, 0, 1}, AttributeCount: 3}
	has, lacks := hasAttribute{0, true}, hasAttribute{0, false}
	if !has.given([]float64{0.1, -1, -1}) || has.given([]float64{-0.1, 9, 9}) || has.given([]float64{0.1}) == lacks.given([]float64{0.1}) {
		t.Error("the sign of the attribute's logit decides, and no other")
	}
	if !has.labelled(faces, 0) || has.labelled(faces, 1) || !lacks.labelled(faces, 1) {
		t.Error("the labels of an attribute")
	}
	if got := lacks.target(faces, 0); !slices.Equal(got, []int32{0, 0, 1}) {
		t.Errorf("target %v: the image's other attributes must stay", got)
	}
	if got := has.target(faces, 1); !slices.Equal(got, []int32{1, 0, 1}) || faces.Attributes[3] != 0 {
		t.Errorf("target %v of attributes %v", got, faces.Attributes)
	}
}

func TestChanges(t *testing.T) {
	change := meanChange([]uint8{0, 255, 10, 10, 0, 0}, []uint8{255, 255, 10, 10, 51, 0}, 2)
	for i, want := range []float64{0.5, 0, 0.1} {
		if math.Abs(change[i]-want) > 1e-12 {
			t.Errorf("pixel %d changes by %g, want %g", i, change[i], want)
		}
	}
	for _, test := range []struct {
		change []float64
		want   float64
	}{
		{slices.Repeat([]float64{0.5}, 20), 0.1},                        // everywhere
		{append([]float64{0.7}, make([]float64, 19)...), 1},             // in one pixel
		{append([]float64{0.3, 0.4, 0.3}, make([]float64, 17)...), 0.7}, // in three, of which two count
		{make([]float64, 20), 0},                                        // nowhere
	} {
		if got := topShare(test.change, 0.1); math.Abs(got-test.want) > 1e-12 {
			t.Errorf("%v: %g, want %g", test.change, got, test.want)
		}
	}
}

// madeUpFlips is a table of two directions, three step sizes and two seeds by a function of the column and step size.
func madeUpFlips(t *testing.T, alpha float64, value func(column string, alpha float64) float64) table.Table {
	t.Helper()
	out := table.New(counterfactualColumns...)
	for _, direction := range [][2]string{{"a", "b"}, {"b", "a"}} {
		for _, at := range []float64{-alpha, 0, alpha} {
			for seed := range 2 {
				cells := []any{"fashion-mnist", direction[0], direction[1], at, seed, 100}
				for _, column := range counterfactualColumns[len(cells):] {
					cells = append(cells, value(column, at))
				}
				if err := out.Append(cells...); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return out
}

func TestCounterfactualClaims(t *testing.T) {
	x := explanations{ExplanationConfig: CounterfactualCelebA(tier.CPU).ExplanationConfig}
	good := func(column string, alpha float64) float64 {
		up := math.Max(0, alpha) / x.Alpha
		return map[string]float64{"flip_rate": 0.1 + 0.8*up, "external_flip_rate": 0.1 + 0.6*up, "l1": 0.05 + 0.05*up, "top_decile_share": 0.3 + 0.2*up, "apart": 0.2}[column]
	}
	const own, external, kept, localised = 0, 1, 2, 3
	for name, test := range map[string]struct {
		value func(column string, alpha float64) float64
		fails []int
	}{
		"as the paper says": {good, nil},
		"nothing happens":   {func(string, float64) float64 { return 0.3 }, []int{own, external, kept, localised}},
		"the sign is wrong": {func(column string, alpha float64) float64 { return good(column, -alpha) }, []int{own, external, localised}},
		"noise flips it as well": {func(column string, alpha float64) float64 {
			if alpha == 0 && strings.HasSuffix(column, "flip_rate") {
				return 0.95
			}
			return good(column, alpha)
		}, []int{own, external}},
		"only the model itself is fooled": {func(column string, alpha float64) float64 {
			if column == "external_flip_rate" {
				return 0.1
			}
			return good(column, alpha)
		}, []int{external}},
		"all is replaced": {func(column string, alpha float64) float64 {
			if column == "l1" {
				return 0.25
			}
			return good(column, alpha)
		}, []int{kept}},
	} {
		got, err := x.shapes(madeUpFlips(t, x.Alpha, test.value))
		if err != nil || len(got) != 4 {
			t.Fatalf("%s: %d claims, %v", name, len(got), err)
		}
		for i, j := range got {
			want := claim.TrendHolds
			if slices.Contains(test.fails, i) {
				want = claim.TrendFails
			}
			if j.Verdict != want {
				t.Errorf("%s: %q: %s (%s), want %s", name, j.Claim, j.Verdict, j.Detail, want)
			}
		}
	}
	// One direction that does not flip is enough to fail.
	oneWay := madeUpFlips(t, x.Alpha, good)
	for i, row := range oneWay.Rows {
		if row[1] == "b" {
			oneWay.Rows[i][6] = "0"
		}
	}
	if got, _ := x.shapes(oneWay); got[own].Verdict != claim.TrendFails || got[external].Verdict != claim.TrendHolds {
		t.Errorf("one direction without a flip: %s, %s", got[own].Verdict, got[external].Verdict)
	}
	// Seeds that disagree cannot tell.
	divided := madeUpFlips(t, x.Alpha, good)
	for i, row := range divided.Rows {
		if row[4] == "1" {
			divided.Rows[i][6] = "0.5" // as often with guidance as without, in every second seed
		}
	}
	if got, _ := x.shapes(divided); got[own].Verdict != claim.Undecided || got[external].Verdict != claim.TrendHolds {
		t.Errorf("seeds that disagree: %s, %s", got[own].Verdict, got[external].Verdict)
	}
	// Without a control, or without anything, the table cannot tell.
	without, err := madeUpFlips(t, x.Alpha, good).Where("alpha", x.Alpha)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []table.Table{without, table.New(counterfactualColumns...)} {
		if got, _ := x.shapes(s); got[own].Verdict != claim.Undecided || got[localised].Verdict != claim.Undecided {
			t.Errorf("%d rows: %s, %s", s.Len(), got[own].Verdict, got[localised].Verdict)
		}
	}
	x.Tier = tier.Smoke
	got, err := x.shapes(madeUpFlips(t, x.Alpha, good))
	if err != nil || got[own].Verdict != claim.NotRun {
		t.Errorf("tier smoke: %v, %v", got, err)
	}
}

// The paper's 98 % are of an augmented training, on its cells and at its size: nothing else is compared with it.
func TestMalariaAccuracy(t *testing.T) {
	paper, err := CounterfactualMalaria(tier.Paper).Model("malaria")
	if err != nil {
		t.Fatal(err)
	}
	plain := paper
	plain.Augment = augment.Config{}
	few, err := CounterfactualMalaria(tier.CPU).Model("malaria200")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		at       tier.Tier
		model    ModelConfig
		accuracy float64
		want     claim.Verdict
	}{
		{tier.Paper, paper, 0.978, claim.Reproduced},
		{tier.Paper, paper, 0.95, claim.Differs},
		{tier.Paper, plain, 0.98, claim.NotComparable},
		{tier.Paper, few, 0.98, claim.NotComparable},
		{tier.CPU, few, 0.98, claim.NotComparable},
		{tier.Smoke, few, 0.98, claim.NotRun},
	} {
		got, err := malariaAccuracy(test.at, explainedDataset{model: test.model, trained: TrainedModel{Accuracy: test.accuracy, TestImages: 40}})
		if err != nil || len(got) != 1 || got[0].Verdict != test.want {
			t.Errorf("%s, %g: %v, %v, want %s", test.at, test.accuracy, got, err, test.want)
		} else if test.at != tier.Smoke && !strings.Contains(got[0].Detail, "of 40 test images (95 % interval") {
			t.Errorf("no interval in %q", got[0].Detail)
		}
	}
	shoes, err := CounterfactualMalaria(tier.CPU).Model("fashion-mnist")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := malariaAccuracy(tier.CPU, explainedDataset{model: shoes}); err != nil || len(got) != 0 {
		t.Errorf("shoes are judged as cells: %v, %v", got, err)
	}
}

func TestRefusedExplanations(t *testing.T) {
	for override, want := range map[string]string{
		"decisions=":                      "decisions has none on fashion-mnist",
		"decisions=Sneaker or Hat":        `decisions has "Sneaker or Hat"`,
		"datasets=fashion-mnist,cifar-10": "decisions has none on cifar-10",
		"noised=0":                        "noised is 0",
		"noised=1.5":                      "noised is 1.5",
		"alpha=-30":                       "alpha is -30",
		"images=0":                        "images, seeds and batch are 0",
		"columns=1000":                    "columns is 1000",
		"large.train.steps=0":             "large.train: steps is 0",
	} {
		for _, a := range Artifacts() {
			if a.ID != counterfactualCelebAID {
				continue
			}
			if _, err := a.New(tier.Quick, override); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", override, err, want)
			}
		}
	}
}

func TestStepSizesHaveTheControls(t *testing.T) {
	c := ExplanationConfig{Alpha: 30, Alphas: []float64{100, 30, 3}}
	if got, want := c.stepSizes(), []float64{-30, 0, 3, 30, 100}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Tier cpu counts on 100 images a direction and three seeds at least, from the
// model that fig4 trains.
func TestCounterfactualsAtTierCPU(t *testing.T) {
	for _, c := range []ExplanationConfig{CounterfactualCelebA(tier.CPU).ExplanationConfig, CounterfactualMalaria(tier.CPU).ExplanationConfig} {
		if c.Images < 100 || c.Seeds < 3 || c.Noised != 0.2 || !c.Right {
			t.Errorf("%d images, %d seeds, noised %g, right %t", c.Images, c.Seeds, c.Noised, c.Right)
		}
		m, err := c.Model("fashion-mnist")
		if err != nil {
			t.Fatal(err)
		}
		if asJSON(t, m) != asJSON(t, model(tier.CPU)) {
			t.Error("the model of Fashion-MNIST is another than fig4's")
		}
	}
}
