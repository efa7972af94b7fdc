package published

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"noisebook/pkg/claim"
	"noisebook/pkg/tier"
)

const id = "joint/alpha-sweep"

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, f Folder) Artifact {
	t.Helper()
	known, err := claim.FindArtifact(id)
	if err != nil {
		t.Fatal(err)
	}
	a, err := f.Read(known)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func trial(t *testing.T) Trial {
	t.Helper()
	r, err := claim.NewReport(id, tier.Smoke, claim.Setting{Dataset: "fashion-mnist"})
	if err != nil {
		t.Fatal(err)
	}
	r.Judgements = []claim.Judgement{{Claim: "precision rises", Kind: claim.KindShape, Verdict: claim.NotRun, Reason: "tier smoke claims nothing"}}
	return Trial{Report: r, Rows: 7, Figures: 1, Seconds: 2.5}
}

func dryRun() DryRun {
	return DryRun{Artifact: id, Machine: "a processor", Commit: "1234567", Plans: []Plan{{
		ID: id, Tier: tier.Paper, Model: "joint on cifar-10", Trainings: 2, Parameters: 10, Steps: 1000, Batch: 256,
		GraphNodes: 20, StateBytes: 200, MeasuredBatch: 2, StepTime: time.Second, PeakBytes: 1 << 30, Device: "go",
	}}}
}

const drawing = `<svg width="72pt" height="36pt" xmlns="http://www.w3.org/2000/svg"><title>T</title><desc>C&amp;c</desc></svg>`

func TestWhatIsWrittenIsRead(t *testing.T) {
	f := In(t.TempDir())
	if empty := read(t, f); empty.Report != nil || empty.Trial != nil || empty.DryRun != nil || empty.Stages != nil || empty.Figures != nil || empty.Table.Columns != nil {
		t.Errorf("of nothing there is %+v", empty)
	}
	stages := []Stage{{"joint/train", "r1", "c", "1", 2.5}, {"joint/sample", "r2", "c+", "", 0.25}}
	if err := f.WriteStages(id, stages); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteTrial(trial(t)); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteDryRun(dryRun()); err != nil {
		t.Fatal(err)
	}
	put(t, f.TablePath(id), "alpha,precision\n1,0.5\n")
	for _, name := range []string{"alpha-sweep-by-class", "alpha-sweep", "alpha-samples", "samples"} {
		put(t, filepath.Join(f.Plots, "joint", name+".svg"), drawing)
	}
	a := read(t, f)
	if !slices.Equal(a.Stages, stages) || a.Table.Len() != 1 || a.Report != nil {
		t.Errorf("%+v", a)
	}
	if a.Trial == nil || a.Trial.Took() != 2500*time.Millisecond || len(a.Trial.Judgements) != 1 || a.Trial.Rows != 7 {
		t.Errorf("trial %+v", a.Trial)
	}
	if a.DryRun == nil || !slices.Equal(a.DryRun.Plans, dryRun().Plans) {
		t.Errorf("dry run %+v", a.DryRun)
	}
	if len(a.Figures) != 2 || a.Figures[0].Name != id || a.Figures[1].Name != id+"-by-class" {
		t.Errorf("figures %+v, want the artifact's own, its id first", a.Figures)
	}
}

func TestDamageIsAnError(t *testing.T) {
	known, err := claim.FindArtifact(id)
	if err != nil {
		t.Fatal(err)
	}
	for ending, text := range map[string]string{
		".json": "{", ".csv": "a,b\n1\n", ".stages.csv": "stage,run,commit,seed,seconds\na,b,c,1,long\n",
		".smoke.json": `{"artifact": "joint/samples", "tier": "smoke"}`, ".paper.json": `{"artifact": "joint/alpha-sweep"}`,
	} {
		f := In(t.TempDir())
		put(t, f.path(id, ending), text)
		if _, err := f.Read(known); err == nil || !strings.Contains(err.Error(), "alpha-sweep") {
			t.Errorf("%s: %v, want what is damaged", ending, err)
		}
	}
}

func TestForgeriesAreRefused(t *testing.T) {
	f := In(t.TempDir())
	larger := trial(t)
	larger.Tier = tier.CPU.String()
	judged := trial(t)
	judged.Judgements[0].Verdict = claim.TrendHolds
	for _, forged := range []Trial{larger, judged} {
		if err := f.WriteTrial(forged); err == nil {
			t.Errorf("a trial at tier %s with %q is written", forged.Tier, forged.Judgements[0].Verdict)
		}
	}
	for name, change := range map[string]func(*DryRun){
		"another tier": func(d *DryRun) { d.Plans[0].Tier = tier.CPU }, "another artifact": func(d *DryRun) { d.Plans[0].ID = "joint/samples" },
		"no plan": func(d *DryRun) { d.Plans = nil }, "no graph": func(d *DryRun) { d.Plans[0].GraphNodes = 0 }, "unknown": func(d *DryRun) { d.Artifact = "joint/none" },
	} {
		d := dryRun()
		change(&d)
		if err := f.WriteDryRun(d); err == nil {
			t.Errorf("%s: a dry run is written", name)
		}
	}
}

// Of joint/samples and joint/samples-by-class each has its own figures.
func TestFigureOf(t *testing.T) {
	for _, test := range []struct {
		name, id string
		want     bool
	}{
		{"joint/samples", "joint/samples", true},
		{"joint/samples-colour", "joint/samples", true},
		{"joint/samples-by-class", "joint/samples", false},
		{"joint/samples-by-class", "joint/samples-by-class", true},
		{"joint/samples-by-class-2", "joint/samples", false},
		{"joint/samplesx", "joint/samples", false},
		{"da/samples", "joint/samples", false},
	} {
		if got := FigureOf(test.name, test.id); got != test.want {
			t.Errorf("FigureOf(%q, %q) = %v", test.name, test.id, got)
		}
	}
}

func TestParseFigure(t *testing.T) {
	f, err := ParseFigure("n", []byte(drawing))
	if err != nil || f.Width != 96 || f.Height != 48 || f.Title != "T" || f.Caption != "C&c" {
		t.Errorf("%+v, %v", f, err)
	}
	head := `<svg width="10pt" height="10pt" xmlns:xlink="l"><title>T</title>`
	for text, want := range map[string]string{
		"":                                     "no width",
		"<svg>":                                "not well-formed",
		"<html></html>":                        "want an svg",
		"<svg><title>T</title></svg>":          "no width",
		`<svg width="1pt" height="1pt"></svg>`: "neither title nor desc",
		head + `<script>x</script></svg>`:      "script",
		head + `<g onload="x"/></svg>`:         "onload",
		head + `<image xlink:href="http://a/b.png"/></svg>`:              "http://a/b.png",
		head + `<use href="other.svg#a"/></svg>`:                         "other.svg",
		head + `<path style="fill:url(http://a)"/></svg>`:                "style",
		head + `<path style="fill:url(#a)"/><use href="#a"/></svg>`:      "",
		head + `<image xlink:href="data:image/png;base64,AAAA"/></svg>`:  "",
		head + `<a href="javascript:alert(1)"><path/></a></svg>`:         "javascript",
		head + `<foreignObject><div onclick="x"/></foreignObject></svg>`: "foreignObject",
	} {
		_, err := ParseFigure("n", []byte(text))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestComputingCountsSharedRunsOnce(t *testing.T) {
	model := Stage{Name: "joint/train", Run: "m", Seconds: 60}
	got := Computing([]Stage{model, {Run: "a", Seconds: 1}}, []Stage{model, {Run: "b", Seconds: 2}})
	if got != 63*time.Second {
		t.Errorf("%v, want 1m3s", got)
	}
}

func TestPlanSaysTheWhole(t *testing.T) {
	p := dryRun().Plans[0] // 1000 steps of 256, a step of 2 in a second
	if p.Whole() != 128_000*time.Second || !strings.Contains(p.String(), "about 35.6 hours") || !strings.Contains(p.String(), "trained 2 times") {
		t.Errorf("%v: %s", p.Whole(), p)
	}
	p.MeasuredBatch = 0
	if p.Whole() != 0 || !strings.Contains(p.String(), "no step was timed") {
		t.Errorf("%s", p)
	}
}
