package joint

import (
	"slices"
	"strings"
	"testing"

	"noisebook/pkg/claim"
	"noisebook/pkg/tier"
)

// theirs is the paper's setting for a dataset.
func theirs(t *testing.T, dataset string) claim.Setting {
	t.Helper()
	s, err := paperSetting(claim.ReportedValue{Dataset: dataset, Method: methodJoint, Metric: "accuracy_pct"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestComparisonJudges(t *testing.T) {
	variant := theirs(t, "CIFAR-10")
	variant.Dataset = "cifar10-jpeg"
	for name, test := range map[string]struct {
		at      tier.Tier
		setting claim.Setting
		values  []float64
		want    claim.Verdict
		reason  string
	}{
		"met":             {tier.Paper, theirs(t, "CIFAR-10"), []float64{96, 96.6}, claim.Reproduced, ""},
		"missed":          {tier.Paper, theirs(t, "CIFAR-10"), []float64{94}, claim.Differs, ""},
		"another dataset": {tier.Paper, variant, []float64{96.4}, claim.NotComparable, "cifar10-jpeg"},
		"a smaller tier":  {tier.CPU, theirs(t, "CIFAR-10"), []float64{96.4}, claim.NotComparable, "tier cpu"},
		"smoke":           {tier.Smoke, theirs(t, "CIFAR-10"), []float64{96.4}, claim.NotRun, "smoke"},
	} {
		t.Run(name, func(t *testing.T) {
			c := comparison{artifact: "tab1", at: test.at}
			for seed, value := range test.values {
				c.measured = append(c.measured, measurement{Dataset: "CIFAR-10", Method: "Joint", Metric: "accuracy_pct", Value: value, Seed: uint64(seed), Setting: test.setting})
			}
			judgements, err := c.judge()
			if err != nil || len(judgements) != 1 {
				t.Fatalf("%d judgements (%v), want one: the paper has one such number", len(judgements), err)
			}
			j := judgements[0]
			if j.Verdict != test.want || !strings.Contains(j.Reason, test.reason) || *j.Reported != 96.4 {
				t.Errorf("%+v, want %s for %q", j, test.want, test.reason)
			}
			sentence, err := c.differences()
			if err != nil || (sentence == "") != (test.reason == "") || !strings.Contains(sentence, test.reason) {
				t.Errorf("caption %q (%v)", sentence, err)
			}
		})
	}
}

func TestComparisonTable(t *testing.T) {
	c := comparison{artifact: "tab1", at: tier.CPU, measured: []measurement{
		{Dataset: "CIFAR-10", Method: "Joint", Metric: "accuracy_pct", Value: 80, Setting: theirs(t, "CIFAR-10")},
		{Dataset: "CIFAR-10", Method: "MLP on nothing", Metric: "accuracy_pct", Value: 10},
	}}
	got, err := c.table()
	if err != nil {
		t.Fatal(err)
	}
	paper, err := got.Where("source", sourcePaper)
	if err != nil {
		t.Fatal(err)
	}
	if want := len(claim.ReportedValues("joint", "tab1")); paper.Len() != want {
		t.Errorf("%d rows of the paper, want all %d", paper.Len(), want)
	}
	if datasets, err := paper.Distinct("dataset"); err != nil || !slices.Equal(datasets, []string{"FashionMNIST", "SVHN", "CIFAR-10", "CIFAR-100"}) {
		t.Errorf("datasets %q (%v), want the order of the paper's columns", datasets, err)
	}
	here, err := got.Where("source", sourceHere)
	if err != nil {
		t.Fatal(err)
	}
	notes, err := here.Strings("note")
	if err != nil || len(notes) != 2 || !strings.Contains(notes[0], "tier cpu") || notes[1] != noSuchRow {
		t.Errorf("notes %q (%v)", notes, err)
	}
	if judgements, err := c.judge(); err != nil || len(judgements) != 1 {
		t.Errorf("%d judgements (%v): a row without a counterpart has none", len(judgements), err)
	}
	if drawn, err := drawComparison(got, "Accuracy", "", nil); err != nil || !strings.Contains(string(drawn.SVG), "accuracy, %") {
		t.Errorf("the table is not drawn with its measure: %v", err)
	}
}

// Every number of the paper's tables has a measure, and those on a dataset of ours a setting.
func TestComparisonKnowsThePapersTables(t *testing.T) {
	for _, artifact := range []string{"tab1", "tab2", "tab3", "tab4", "tab5"} {
		c := comparison{artifact: artifact, at: tier.Paper}
		for _, v := range c.reported() {
			c.measured = append(c.measured, measurement{Dataset: v.Dataset, Method: v.Method, Condition: v.Condition, Metric: v.Metric, Value: v.Value})
		}
		judgements, err := c.judge()
		if err != nil || len(judgements) != len(c.reported()) {
			t.Errorf("%s: %d judgements of %d numbers (%v)", artifact, len(judgements), len(c.reported()), err)
		}
		got, err := c.table()
		if err != nil {
			t.Fatal(err)
		}
		if artifact == "tab5" { // its conditions stand in one place
			continue
		}
		if _, err := drawComparison(got, artifact, "", nil); err != nil {
			t.Errorf("%s: %v", artifact, err)
		}
	}
}

func TestPaperDataset(t *testing.T) {
	for ours, want := range map[string]string{
		"fashion-mnist": "FashionMNIST", "cifar-10": "CIFAR-10", "cifar10-jpeg": "CIFAR-10", "svhn": "SVHN", "celeba": "CelebA",
	} {
		if got, err := paperDataset(ours); err != nil || got != want {
			t.Errorf("%s is the paper's %q (%v), want %q", ours, got, err, want)
		}
	}
	if got, err := paperDataset("mnist"); err == nil {
		t.Errorf("mnist is the paper's %q, which has no table with it", got)
	}
}
