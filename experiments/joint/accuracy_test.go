package joint

import (
	"fmt"
	"strings"
	"testing"

	"noisebook/pkg/claim"
	"noisebook/pkg/tier"
)

// rows are made-up accuracies on a dataset, by method, each of three seeds that differ a little.
type rows map[string]float64

// madeUpAccuracies is a table like tab1 with the same rows on every dataset of a suite.
func madeUpAccuracies(t *testing.T, s Suite, methods []string, made rows) *accuracies {
	t.Helper()
	a := ofAccuracies(comparison{artifact: "tab1", methods: methods, at: s.Tier})
	for _, name := range s.Datasets {
		if err := a.dataset(s, name); err != nil {
			t.Fatal(err)
		}
		for method, accuracy := range made {
			for seed := range 3 {
				a.add(method, (accuracy+0.1*float64(seed-1))/100, 10_000, uint64(seed), nil)
			}
		}
	}
	return &a
}

// verdicts finds the verdict of the one claim that holds every word.
func verdictOf(t *testing.T, judgements []claim.Judgement, words ...string) claim.Judgement {
	t.Helper()
	var found []claim.Judgement
	for _, j := range judgements {
		all := true
		for _, word := range words {
			all = all && strings.Contains(j.Claim, word)
		}
		if all {
			found = append(found, j)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d claims with %q", len(found), words)
	}
	return found[0]
}

func TestAccuracyClaims(t *testing.T) {
	for name, test := range map[string]struct {
		made                     rows
		joint, classifier, other claim.Verdict
		at                       tier.Tier
	}{
		"as the paper says": {rows{methodClassifier: 94, methodProbe: 80.9, methodJoint: 96.4}, claim.TrendHolds, claim.TrendHolds, claim.TrendHolds, tier.Paper},
		"below the quoted":  {rows{methodClassifier: 94, methodProbe: 80.9, methodJoint: 95}, claim.TrendHolds, claim.TrendHolds, claim.TrendFails, tier.Paper},
		"turned round":      {rows{methodClassifier: 60, methodProbe: 70, methodJoint: 50}, claim.TrendFails, claim.TrendFails, claim.TrendFails, tier.Paper},
		"all alike":         {rows{methodClassifier: 60, methodProbe: 60, methodJoint: 60}, claim.Undecided, claim.Undecided, claim.TrendFails, tier.Paper},
		"a small network":   {rows{methodClassifier: 60, methodProbe: 50, methodJoint: 97}, claim.TrendHolds, claim.TrendHolds, claim.NotComparable, tier.CPU},
		"nothing probed":    {rows{methodClassifier: 94, methodJoint: 96.4}, claim.TrendHolds, claim.Undecided, claim.TrendHolds, tier.Paper},
		"smoke":             {rows{methodClassifier: 94, methodProbe: 80.9, methodJoint: 96.4}, claim.NotRun, claim.NotRun, claim.NotRun, tier.Smoke},
	} {
		t.Run(name, func(t *testing.T) {
			c := Accuracy(test.at)
			c.Datasets = []string{"cifar-10", "fashion-mnist"}
			a := madeUpAccuracies(t, c.Suite, nil, test.made)
			made, err := a.table()
			if err != nil {
				t.Fatal(err)
			}
			judgements, err := c.conclusion(nil).judge(made, a.comparison)
			if err != nil {
				t.Fatal(err)
			}
			for _, dataset := range c.Datasets {
				if got := verdictOf(t, judgements, "above the classifier", dataset); got.Verdict != test.joint {
					t.Errorf("%s: %s (%s%s), want %s", got.Claim, got.Verdict, got.Detail, got.Reason, test.joint)
				}
				if got := verdictOf(t, judgements, "above the probe", dataset); got.Verdict != test.classifier {
					t.Errorf("%s: %s (%s%s), want %s", got.Claim, got.Verdict, got.Detail, got.Reason, test.classifier)
				}
			}
			if got := verdictOf(t, judgements, "above HybViT", "CIFAR-10"); got.Verdict != test.other {
				t.Errorf("%s: %s (%s), want %s", got.Claim, got.Verdict, got.Reason, test.other)
			}
			// Two shapes on each dataset, other joint models on one, a number a row.
			if want := 2*2 + 1 + 2*len(test.made); len(judgements) != want {
				t.Errorf("%d judgements, want %d", len(judgements), want)
			}
		})
	}
}

func TestProbeAccuracyClaims(t *testing.T) {
	for name, test := range map[string]struct {
		made                        rows
		informative, below, control claim.Verdict
	}{
		"as the paper says":   {rows{methodClassifier: 94.7, methodProbe: 60.6, methodUntrained: 40, methodConstant: 10}, claim.TrendHolds, claim.TrendHolds, claim.TrendHolds},
		"hardly informative":  {rows{methodClassifier: 94.7, methodProbe: 50, methodUntrained: 40, methodConstant: 10}, claim.TrendFails, claim.TrendHolds, claim.TrendHolds},
		"above the labels":    {rows{methodClassifier: 80, methodProbe: 85, methodUntrained: 87, methodConstant: 10}, claim.TrendHolds, claim.TrendFails, claim.TrendFails},
		"no lead to keep":     {rows{methodClassifier: 10, methodProbe: 60, methodUntrained: 60, methodConstant: 10}, claim.Undecided, claim.TrendFails, claim.Undecided},
		"nothing to compare":  {rows{methodClassifier: 94.7, methodProbe: 60.6}, claim.Undecided, claim.TrendHolds, claim.Undecided},
		"an unlucky majority": {rows{methodClassifier: 94.7, methodProbe: 91, methodUntrained: 40, methodConstant: 90}, claim.TrendFails, claim.TrendHolds, claim.TrendHolds},
	} {
		t.Run(name, func(t *testing.T) {
			c := ProbeAccuracy(tier.CPU)
			a := madeUpAccuracies(t, c.Suite, []string{methodClassifier, methodProbe}, test.made)
			made, err := a.table()
			if err != nil {
				t.Fatal(err)
			}
			judgements, err := c.conclusion(nil).judge(made, a.comparison)
			if err != nil {
				t.Fatal(err)
			}
			for _, dataset := range c.Datasets {
				for words, want := range map[string]claim.Verdict{"informative": test.informative, "below the classifier": test.below, "control": test.control} {
					if got := verdictOf(t, judgements, words, dataset); got.Verdict != want {
						t.Errorf("%s: %s (%s%s), want %s", got.Claim, got.Verdict, got.Detail, got.Reason, want)
					}
				}
			}
			if _, err := drawComparison(made, "title", "", nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// Table 1 and figure 2a are read off the same models and probes.
func TestAccuraciesShareTheModels(t *testing.T) {
	for _, at := range tier.All() {
		if a, b := fmt.Sprintf("%+v", AccuracyConfig(ProbeAccuracy(at))), fmt.Sprintf("%+v", Accuracy(at)); a != b {
			t.Errorf("tier %s: fig2a is of %s, tab1 of %s", at, a, b)
		}
	}
}

// At the paper's size z_t has the length that §B.1 gives for 32×32×3; its 1,856
// for 28×28×1 is that formula with C = 64, where the network has 21·C.
func TestWidths(t *testing.T) {
	judgements, err := ProbeAccuracy(tier.Paper).widths()
	if err != nil || len(judgements) != 2 {
		t.Fatalf("%d judgements (%v), want two", len(judgements), err)
	}
	if got := verdictOf(t, judgements, "32x32x3"); got.Verdict != claim.Reproduced || *got.Value != 3712 {
		t.Errorf("%+v", got)
	}
	if got := verdictOf(t, judgements, "28x28x1"); got.Verdict != claim.Differs || *got.Value != 21*64 {
		t.Errorf("%+v", got)
	}
}

func TestRefusedColumns(t *testing.T) {
	for override, want := range map[string]string{
		"datasets=":                      "datasets is empty",
		"datasets=celeba":                "attributes",
		"datasets=mnist":                 "no results on MNIST",
		"datasets=cifar-10,cifar10-jpeg": "both are the paper's CIFAR-10",
		"datasets=svhn,svhn":             "twice",
		"datasets=fashion":               "fashion-mnist",
		"probe.seeds=0":                  "probe: seeds is 0",
		"probe.images=-1":                "probe: images is -1",
		"probe.train.steps=0":            "probe.train: steps is 0",
	} {
		for _, a := range Artifacts() {
			if a.ID != accuracyID && a.ID != probeAccuracyID {
				continue
			}
			if _, err := a.New(tier.Quick, override); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %s: %v, want %q", a.ID, override, err, want)
			}
		}
	}
}
