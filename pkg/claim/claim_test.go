package claim

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"noisebook/pkg/table"
	"noisebook/pkg/tier"
)

func TestEmbeddedData(t *testing.T) {
	if _, err := load(); err != nil {
		t.Fatal(err)
	}
	artifacts := Artifacts()
	if len(artifacts) != 50 || len(ReportedValues("", "")) != 618 {
		t.Errorf("%d artifacts and %d reported values, want 50 and 618", len(artifacts), len(ReportedValues("", "")))
	}
	for paper, want := range map[string]int{"joint": 15, "da": 11, "drl": 14, "medi": 10} {
		n := 0
		for _, a := range artifacts {
			if a.Paper == paper {
				n++
			}
		}
		if n != want {
			t.Errorf("%d artifacts of %s, want %d", n, paper, want)
		}
	}
	sweep, err := FindArtifact("joint/alpha-sweep")
	if err != nil || sweep.Numbers != "fig4" || !strings.Contains(sweep.Shape, "precision rises and recall falls") {
		t.Errorf("%+v, %v", sweep, err)
	}
	artifacts[0].ID = "changed"
	if Artifacts()[0].ID == "changed" {
		t.Error("callers can change the embedded data")
	}
}

func TestReported(t *testing.T) {
	v, err := Reported("joint", "tab1", "SVHN", "Joint", "", "accuracy_pct")
	if err != nil || v.Value != 97.4 || v.Deviation != nil {
		t.Errorf("%+v, %v", v, err)
	}
	deviations := 0
	for _, v := range ReportedValues("", "") {
		if v.Deviation != nil {
			deviations++
		}
	}
	if deviations == 0 {
		t.Error("no standard deviation was read")
	}
	_, err = Reported("joint", "tab1", "SVHN", "Joint", "", "accuracy")
	if err == nil || !strings.Contains(err.Error(), `"joint | tab1 | SVHN | Joint |  | accuracy_pct"`) {
		t.Errorf("an unknown metric: %v", err)
	}
}

func TestDamagedDataIsAnError(t *testing.T) {
	header := "paper,artifact,dataset,method,condition,metric,value,sd\n"
	for text, want := range map[string]string{
		"":                            "want the columns",
		"a,b\n1,2\n":                  "want the columns",
		header + "j,t,d,m,,x,abc,\n":  "line 2",
		header + "j,t,d,m,,x,1,abc\n": "sd",
		header + "j,t,d,m,,x,1\n":     "fields",
		header + "j,t,d,m,,x,1,\n":    "",
		header + "j,t,d,m,,x,1,\n" + "j,t,d,m,,x,2,\n": "twice",
	} {
		_, err := parseReported([]byte(text))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, err := parseArtifacts([]byte("id,numbers,title,datasets in the paper,shape claim\nnopaper,1,2,3,4\n")); err == nil {
		t.Error("an id without a paper is accepted")
	}
}

func TestNearest(t *testing.T) {
	for typed, want := range map[string]string{
		"joint/alpha-swep": "joint/alpha-sweep", "alpha-sweep": "joint/alpha-sweep", "jiont/samples": "joint/samples",
		"silhouete": "drl/silhouette", "da/acuracy": "da/accuracy", "drl/Laplacenet": "drl/laplacenet",
	} {
		if got := Nearest(typed); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", typed, got, want)
		}
	}
	if _, err := FindArtifact("joint/alpha-swep"); err == nil || !strings.Contains(err.Error(), `did you mean "joint/alpha-sweep"`) {
		t.Errorf("%v", err)
	}
}

func TestNumberVerdicts(t *testing.T) {
	paper := Setting{Dataset: "CIFAR-10", Features: "Inception", Samples: 50000, Model: "C=128"}
	other := func(change func(*Setting)) Setting {
		s := paper
		change(&s)
		return s
	}
	for _, test := range []struct {
		name   string
		at     tier.Tier
		value  float64
		ours   Setting
		want   Verdict
		reason []string
	}{
		{"equal", tier.Paper, 7.2, paper, Reproduced, nil},
		{"within", tier.Paper, 7.7, paper, Reproduced, nil},
		{"at the tolerance", tier.Paper, 6.7, paper, Reproduced, nil},
		{"outside", tier.Paper, 7.71, paper, Differs, nil},
		{"another dataset", tier.Paper, 7.2, other(func(s *Setting) { s.Dataset = "Fashion-MNIST" }), NotComparable, []string{"dataset: Fashion-MNIST, the paper CIFAR-10"}},
		{"another network", tier.Paper, 7.2, other(func(s *Setting) { s.Features = "LeNet" }), NotComparable, []string{"feature network: LeNet, the paper Inception"}},
		{"fewer samples", tier.Paper, 7.2, other(func(s *Setting) { s.Samples = 1000 }), NotComparable, []string{"samples: 1000, the paper 50000"}},
		{"another model", tier.Paper, 7.2, other(func(s *Setting) { s.Model = "C=32" }), NotComparable, []string{"model: C=32, the paper C=128"}},
		{"unknown setting", tier.Paper, 7.2, Setting{}, NotComparable, []string{"dataset: not stated", "feature network", "samples", "model"}},
		{"NaN", tier.Paper, math.NaN(), paper, NotComparable, []string{"NaN"}},
		{"infinite", tier.CPU, math.Inf(1), paper, NotComparable, []string{"Inf"}},
		{"cpu, equal", tier.CPU, 7.2, paper, NotComparable, []string{"tier cpu is smaller"}},
		{"quick, equal", tier.Quick, 7.2, paper, NotComparable, []string{"tier quick is smaller"}},
		{"quick, other", tier.Quick, 7.2, Setting{Dataset: "x"}, NotComparable, []string{"dataset", "tier quick"}},
		{"smoke, equal", tier.Smoke, 7.2, paper, NotRun, []string{"tier smoke claims nothing"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			j := Number{Claim: "FID", Reported: 7.2, Tolerance: 0.5, Setting: paper}.Judge(test.at, test.value, test.ours)
			if j.Verdict != test.want || j.Kind != KindNumber || j.Reported == nil || *j.Reported != 7.2 {
				t.Errorf("%+v, want %s", j, test.want)
			}
			for _, part := range test.reason {
				if !strings.Contains(j.Reason, part) {
					t.Errorf("reason %q lacks %q", j.Reason, part)
				}
			}
			if (j.Reason == "") != (test.reason == nil) {
				t.Errorf("reason %q", j.Reason)
			}
			if err := j.validate(test.at); err != nil {
				t.Error(err)
			}
		})
	}
	j := Number{Reported: 95.3, Tolerance: 0.1}.Judge(tier.Paper, 94.1, Setting{})
	if j.Distance != "-1.2" || j.Detail != "tolerance 0.1" {
		t.Errorf("distance %q, detail %q", j.Distance, j.Detail)
	}
}

// curve is a table of y = f(x) for n values of x and three seeds.
func curve(n int, f func(x float64) float64) table.Table {
	t := table.New("alpha", "seed", "precision")
	for i := range n {
		for seed := range 3 {
			x := float64(10 * i)
			if err := t.Append(x, seed, f(x)+0.01*float64(seed-1)); err != nil {
				panic(err)
			}
		}
	}
	return t
}

func TestBeyondVerdicts(t *testing.T) {
	paper := Setting{Dataset: "CIFAR-10", Features: "Inception"}
	for name, test := range map[string]struct {
		at        tier.Tier
		direction Direction
		value     float64
		ours      Setting
		want      Verdict
	}{
		"below":           {tier.Paper, Falls, 7.9, paper, TrendHolds},
		"not below":       {tier.Paper, Falls, 30, paper, TrendFails},
		"equal":           {tier.Paper, Falls, 26.4, paper, TrendFails},
		"above":           {tier.Paper, Rises, 30, paper, TrendHolds},
		"not above":       {tier.Paper, Rises, 7.9, paper, TrendFails},
		"another dataset": {tier.Paper, Falls, 7.9, Setting{Dataset: "x", Features: "Inception"}, NotComparable},
		"a smaller tier":  {tier.CPU, Falls, 7.9, paper, NotComparable},
		"smoke":           {tier.Smoke, Falls, 7.9, paper, NotRun},
		"NaN":             {tier.Paper, Falls, math.NaN(), paper, NotComparable},
	} {
		t.Run(name, func(t *testing.T) {
			j := Beyond{Claim: "FID below HybViT's", Reported: 26.4, Direction: test.direction, Setting: paper}.Judge(test.at, test.value, test.ours)
			if j.Verdict != test.want || j.Kind != KindShape || *j.Reported != 26.4 {
				t.Errorf("%+v, want %s", j, test.want)
			}
			if told := test.want == TrendHolds || test.want == TrendFails; told != (j.Distance != "") || told != (j.Reason == "") {
				t.Errorf("distance %q, reason %q", j.Distance, j.Reason)
			}
			if err := j.validate(test.at); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestShapeVerdicts(t *testing.T) {
	rising := curve(6, func(x float64) float64 { return x })
	falling := curve(6, func(x float64) float64 { return -x })
	single := table.New("alpha", "precision")
	for alpha := range 2 {
		if err := single.Append(alpha, alpha+1); err != nil {
			t.Fatal(err)
		}
	}
	rises := Monotone(Trend{X: "alpha", Y: "precision", Direction: Rises, MinPoints: 6})
	falls := Monotone(Trend{X: "alpha", Y: "precision", Direction: Falls, MinPoints: 6})
	for _, test := range []struct {
		name   string
		at     tier.Tier
		check  func(table.Table) (Evidence, error)
		table  table.Table
		want   Verdict
		reason string
		detail string
	}{
		{"rises", tier.CPU, rises, rising, TrendHolds, "", "Spearman +1.00 over 6 values, threshold +0.80"},
		{"rises at paper", tier.Paper, rises, rising, TrendHolds, "", "+1.00"},
		{"falls", tier.CPU, falls, falling, TrendHolds, "", "Spearman -1.00 over 6 values, threshold -0.80"},
		{"does not rise", tier.CPU, rises, falling, TrendFails, "", "-1.00"},
		{"does not fall", tier.CPU, falls, rising, TrendFails, "", "+1.00"},
		{"hump", tier.CPU, rises, curve(6, func(x float64) float64 { return -(x - 25) * (x - 25) }), TrendFails, "", "over 6"},
		{"flat", tier.CPU, rises, flat(6), TrendFails, "", "is 1 at every alpha"},
		{"quick is marked", tier.Quick, rises, rising, TrendHolds, "", "; few samples"},
		{"smoke", tier.Smoke, rises, rising, NotRun, "tier smoke claims nothing", ""},
		{"too few points", tier.CPU, rises, curve(5, func(x float64) float64 { return x }), Undecided, "5 values of alpha, want at least 6", ""},
		{"NaN", tier.CPU, rises, curve(6, func(float64) float64 { return math.NaN() }), Undecided, "NaN", ""},
		{"no such column", tier.CPU, rises, table.New("a"), Undecided, `no column "alpha"`, ""},
		{"above", tier.CPU, Above("alpha", "20", "10", "precision", 0), rising, TrendHolds, "", "precision: 20 20, 10 10"},
		{"not above", tier.CPU, Above("alpha", "10", "20", "precision", 0), rising, TrendFails, "", ""},
		{"within the margin", tier.CPU, Above("alpha", "20", "10", "precision", 15), rising, TrendFails, "", ""},
		{"too close", tier.CPU, Above("seed", "2", "0", "precision", 0), rising, Undecided, "twice the standard error", ""},
		{"too close below", tier.CPU, Above("seed", "0", "2", "precision", 0), rising, Undecided, "twice the standard error", ""},
		{"accuracy above", tier.CPU, AccuracyAbove("method", "joint", "plain", "accuracy_pct", "images"), accuracies(92, 90, 10_000), TrendHolds, "", "joint 92, plain 90"},
		{"accuracy below", tier.CPU, AccuracyAbove("method", "plain", "joint", "accuracy_pct", "images"), accuracies(92, 90, 10_000), TrendFails, "", ""},
		{"accuracy of few images", tier.CPU, AccuracyAbove("method", "joint", "plain", "accuracy_pct", "images"), accuracies(92, 90, 100), Undecided, "difference at 8.1", ""},
		{"accuracy beyond 100 %", tier.CPU, AccuracyAbove("method", "joint", "plain", "accuracy_pct", "images"), accuracies(192, 90, 100), Undecided, "192 % on 100 images", ""},
		{"of one row", tier.CPU, Above("alpha", "1", "0", "precision", 0), single, TrendHolds, "", "1 2, 0 1"},
		{"no such group", tier.CPU, Above("seed", "7", "0", "precision", 0), rising, Undecided, "no row with seed = 7", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			j := Shape{Claim: "c", Check: test.check}.Judge(test.at, test.table)
			if j.Verdict != test.want || !strings.Contains(j.Reason, test.reason) || !strings.Contains(j.Detail, test.detail) {
				t.Errorf("%+v, want %s", j, test.want)
			}
			if (j.Reason == "") != (test.reason == "") {
				t.Errorf("reason %q", j.Reason)
			}
			if err := j.validate(test.at); err != nil {
				t.Error(err)
			}
		})
	}
}

// accuracies are of two methods, one row each.
func accuracies(joint, plain float64, images int) table.Table {
	t := table.New("method", "accuracy_pct", "images")
	t.Rows = [][]string{{"joint", fmt.Sprint(joint), fmt.Sprint(images)}, {"plain", fmt.Sprint(plain), fmt.Sprint(images)}}
	return t
}

func flat(n int) table.Table {
	t := table.New("alpha", "precision")
	for i := range n {
		if err := t.Append(float64(i), 1.0); err != nil {
			panic(err)
		}
	}
	return t
}

// TestReportsKeepTheRules tries every verdict of every kind at every tier.
func TestReportsKeepTheRules(t *testing.T) {
	shape := map[Verdict]bool{TrendHolds: true, TrendFails: true, Undecided: true, NotComparable: true}
	reducedNumber := map[Verdict]bool{NotComparable: true}
	paperNumber := map[Verdict]bool{Reproduced: true, Differs: true, NotComparable: true}
	smoke := map[Verdict]bool{NotRun: true}
	for _, at := range tier.All() {
		for _, kind := range []string{KindNumber, KindShape, "other"} {
			allowed := map[Verdict]bool{}
			switch {
			case kind == "other":
			case at == tier.Smoke:
				allowed = smoke
			case kind == KindShape:
				allowed = shape
			case at == tier.Paper:
				allowed = paperNumber
			default:
				allowed = reducedNumber
			}
			for _, verdict := range []Verdict{Reproduced, Differs, TrendHolds, TrendFails, Undecided, NotComparable, NotRun, "splendid"} {
				r := Report{Artifact: "joint/alpha-sweep", Tier: at.String(), Judgements: []Judgement{{Kind: kind, Verdict: verdict, Reason: "r"}}}
				if err := r.Validate(); (err == nil) != allowed[verdict] {
					t.Errorf("%s %s %s: %v", at, kind, verdict, err)
				}
			}
		}
	}
	r := Report{Artifact: "joint/alpha-sweep", Tier: "cpu", Judgements: []Judgement{{Kind: KindNumber, Verdict: NotComparable}}}
	if err := r.Validate(); err == nil || !strings.Contains(err.Error(), "reason") {
		t.Errorf("not comparable without a reason: %v", err)
	}
	if _, err := NewReport("joint/alpha-swep", tier.CPU, Setting{}); err == nil {
		t.Error("a report of an unknown artifact")
	}
}

func TestReportFile(t *testing.T) {
	results := t.TempDir()
	if _, err := ReadReport(results, "joint/alpha-sweep"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no report yet: %v", err)
	}
	report, err := NewReport("joint/alpha-sweep", tier.CPU, Setting{Dataset: "Fashion-MNIST", Samples: 1000})
	if err != nil {
		t.Fatal(err)
	}
	report.Judgements = []Judgement{
		Shape{Claim: "precision rises", Check: Monotone(Trend{X: "alpha", Y: "precision", Direction: Rises})}.Judge(tier.CPU, curve(6, math.Sqrt)),
		Shape{Claim: "recall falls", Check: Monotone(Trend{X: "alpha", Y: "precision", Direction: Falls})}.Judge(tier.CPU, curve(6, math.Sqrt)),
		Number{Claim: "FID", Reported: 7.2}.Judge(tier.CPU, 20, Setting{}),
	}
	report.Provenance = map[string]string{"run": "abc"}
	if err := WriteReport(results, report); err != nil {
		t.Fatal(err)
	}
	back, err := ReadReport(results, "joint/alpha-sweep")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprintf("%+v", plain(back)), fmt.Sprintf("%+v", plain(report)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if entries, _ := os.ReadDir(filepath.Join(results, "joint")); len(entries) != 1 {
		t.Errorf("leftovers: %v", entries)
	}

	forged := report
	forged.Judgements = []Judgement{{Claim: "FID", Kind: KindNumber, Verdict: Reproduced}}
	if err := WriteReport(results, forged); err == nil {
		t.Error("a reduced tier may write reproduced")
	}
	if again, err := ReadReport(results, "joint/alpha-sweep"); err != nil || len(again.Judgements) != 3 {
		t.Errorf("the refused report changed the file: %v", err)
	}
	path := ReportPath(results, "joint/alpha-sweep")
	if err := os.WriteFile(path, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadReport(results, "joint/alpha-sweep"); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("damaged file: %v", err)
	}
}

func plain(r Report) string {
	text := ""
	for _, j := range r.Judgements {
		text += FormatValue(j.Value) + FormatValue(j.Reported)
		j.Value, j.Reported = nil, nil
		text += fmt.Sprintf("%+v", j)
	}
	r.Judgements = nil
	return text + fmt.Sprintf("%+v", r)
}

func TestPrintAndSummary(t *testing.T) {
	value, reported := 0.94, 7.2
	r := Report{Artifact: "joint/alpha-sweep", Title: "T", Tier: "cpu", Dataset: "Fashion-MNIST", Judgements: []Judgement{
		{Claim: "precision rises", Kind: KindShape, Verdict: TrendHolds, Value: &value, Detail: "Spearman +0.94"},
		{Claim: "recall falls", Kind: KindShape, Verdict: TrendHolds},
		{Claim: "FID", Kind: KindNumber, Verdict: NotComparable, Reported: &reported, Reason: "another dataset"},
	}}
	var out bytes.Buffer
	if err := r.Print(&out); err != nil {
		t.Fatal(err)
	}
	want := `joint/alpha-sweep: T (tier cpu, Fashion-MNIST)
verdict         claim            measured  reported  distance
trend holds     precision rises  0.94      –         –
trend holds     recall falls     –         –         –
not comparable  FID              –         7.2       –
  precision rises: Spearman +0.94
  FID: another dataset
2 trends hold, 1 not comparable
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	if got := (Report{}).Summary(); got != "not run" {
		t.Errorf("empty summary %q", got)
	}
}
