package joint

import (
	"strings"
	"testing"

	"noisebook/pkg/claim"
	"noisebook/pkg/tier"
)

// generated is tab2 on a dataset with the given FIDs and target rates in the order of the rows.
func generated(column string, at tier.Tier, setting claim.Setting, fids, rates [4]float64) comparison {
	c := comparison{artifact: "tab2", at: at}
	for i, method := range []string{methodDDGM, methodSteered, methodJoint, methodConditional} {
		for seed := range uint64(3) {
			set := sampledSet{dataset: column, method: method, seed: seed, setting: setting}
			wobble := 0.1 * (float64(seed) - 1)
			c.measured = append(c.measured, set.measure("fid", fids[i]+wobble), set.measure("target_rate_pct", rates[i]+wobble))
		}
	}
	return c
}

func TestGenerationClaims(t *testing.T) {
	hit := [4]float64{10, 90, 10, 90}
	holds, fails, undecided, notRun := claim.TrendHolds, claim.TrendFails, claim.Undecided, claim.NotRun
	for name, test := range map[string]struct {
		dataset, column string
		at              tier.Tier
		fids, rates     [4]float64
		want            [4]claim.Verdict // lowest, joint against DDGM, both controls
	}{
		"as the paper says":       {"fashion-mnist", "FashionMNIST", tier.CPU, [4]float64{7.8, 7.9, 8.7, 5.9}, hit, [4]claim.Verdict{holds, holds, holds, holds}},
		"the exception":           {"cifar-100", "CIFAR-100", tier.CPU, [4]float64{29.7, 22.1, 17.4, 16.8}, hit, [4]claim.Verdict{holds, holds, holds, holds}},
		"turned round":            {"fashion-mnist", "FashionMNIST", tier.CPU, [4]float64{7.8, 7.9, 7, 9}, [4]float64{10, 5, 10, 5}, [4]claim.Verdict{fails, fails, fails, fails}},
		"not below every one":     {"fashion-mnist", "FashionMNIST", tier.CPU, [4]float64{7.8, 5, 8.7, 5.9}, hit, [4]claim.Verdict{fails, holds, holds, holds}},
		"hardly guided":           {"fashion-mnist", "FashionMNIST", tier.CPU, [4]float64{7.8, 7.9, 8.7, 5.9}, [4]float64{10, 15, 10, 15}, [4]claim.Verdict{holds, holds, fails, fails}},
		"equals cannot be told":   {"fashion-mnist", "FashionMNIST", tier.CPU, [4]float64{5, 5, 5, 5}, hit, [4]claim.Verdict{undecided, undecided, holds, holds}},
		"of another dataset":      {"fashion-mnist", "CIFAR-10", tier.CPU, [4]float64{7, 8, 9, 5}, hit, [4]claim.Verdict{undecided, undecided, undecided, undecided}},
		"smoke claims nothing":    {"fashion-mnist", "FashionMNIST", tier.Smoke, [4]float64{7.8, 7.9, 8.7, 5.9}, hit, [4]claim.Verdict{notRun, notRun, notRun, notRun}},
		"a variant stands beside": {"cifar10-jpeg", "CIFAR-10", tier.CPU, [4]float64{7.2, 8.1, 7.9, 6.4}, hit, [4]claim.Verdict{holds, holds, holds, holds}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := generated(test.column, test.at, claim.Setting{}, test.fids, test.rates).table()
			if err != nil {
				t.Fatal(err)
			}
			shapes, err := generationClaims(test.dataset)
			if err != nil || len(shapes) != len(test.want) {
				t.Fatalf("%d claims (%v)", len(shapes), err)
			}
			for i, shape := range shapes {
				if j := shape.Judge(test.at, got); j.Verdict != test.want[i] || !strings.Contains(j.Claim, test.dataset) {
					t.Errorf("%s: %s (%s%s), want %s", j.Claim, j.Verdict, j.Detail, j.Reason, test.want[i])
				}
			}
		})
	}
}

// Quoted models are of the paper's size and data: nothing else can be above or below them.
func TestQuotedModels(t *testing.T) {
	paper, err := paperSetting(claim.ReportedValue{Dataset: "CIFAR-10", Metric: "fid"})
	if err != nil {
		t.Fatal(err)
	}
	variant := paper
	variant.Dataset = "cifar10-jpeg"
	for name, test := range map[string]struct {
		at      tier.Tier
		setting claim.Setting
		fid     float64
		want    claim.Verdict
	}{
		"below":           {tier.Paper, paper, 7.9, claim.TrendHolds},
		"not below":       {tier.Paper, paper, 21, claim.TrendFails},
		"another dataset": {tier.Paper, variant, 7.9, claim.NotComparable},
		"a smaller tier":  {tier.CPU, paper, 7.9, claim.NotComparable},
		"smoke":           {tier.Smoke, paper, 7.9, claim.NotRun},
	} {
		t.Run(name, func(t *testing.T) {
			c := generated("CIFAR-10", test.at, test.setting, [4]float64{7, 7, test.fid, 6}, [4]float64{})
			c.artifact = "tab3"
			got, err := c.beatsQuoted(quotedClaim{"fid", methodJoint, []string{methodConditional}})
			if err != nil || len(got) != 1 {
				t.Fatalf("%d judgements (%v), want one: for CIFAR-10", len(got), err)
			}
			if j := got[0]; j.Verdict != test.want || *j.Reported != 20.2 || !strings.Contains(j.Claim, "GenViT") {
				t.Errorf("%s: %s, reported %g; want %s against GenViT's 20.2", j.Claim, j.Verdict, *j.Reported, test.want)
			}
		})
	}
	c := comparison{artifact: "tab4", at: tier.Paper, measured: []measurement{
		{Dataset: "CIFAR-10", Method: methodJoint, Metric: "accuracy_pct", Value: 96.4, Setting: paper},
	}}
	got, err := c.beatsQuoted(quotedClaim{"accuracy_pct", methodJoint, []string{"ViT-H", methodDDGM, "LSGM"}})
	if err != nil || len(got) != 1 || got[0].Verdict != claim.TrendHolds || *got[0].Reported != 95.9 {
		t.Errorf("%+v (%v), want above HybViT's 95.9", got, err)
	}
}

// Tab3 and tab4 train nothing and sample nothing that tab2 does not have.
func TestTablesShareTheirSets(t *testing.T) {
	for _, at := range tier.All() {
		table2 := Generation(at)
		table3, table4 := JointModels(at), HybridModels(at)
		for name, other := range map[string]RepeatedSuite{jointModelsID: table3.RepeatedSuite, hybridModelsID: table4.RepeatedSuite} {
			same := table2.RepeatedSuite
			same.Datasets = other.Datasets
			if asJSON(t, same) != asJSON(t, other) {
				t.Errorf("%s at tier %s has another suite than %s", name, at, generationID)
			}
		}
		if table3.Alpha != table2.Alpha {
			t.Errorf("tier %s: conditional samples have several α", at)
		}
	}
}
