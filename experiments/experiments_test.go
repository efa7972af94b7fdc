package experiments

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/claim"
	"noisebook/pkg/engine/enginetest"
	"noisebook/pkg/figure"
	"noisebook/pkg/nn"
	"noisebook/pkg/published"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
	"noisebook/pkg/train"
)

const testID = "joint/alpha-sweep"

func outcome(t *testing.T) Outcome {
	t.Helper()
	o := Outcome{ID: testID, Tier: tier.CPU, Table: table.New("alpha", "precision")}
	if err := o.Table.Append(100.0, 0.5); err != nil {
		t.Fatal(err)
	}
	o.Figures = []NamedFigure{{testID, &figure.Figure{SVG: []byte("<svg/>"), PNG: []byte("png"), Caption: "c"}}}
	var err error
	if o.Report, err = claim.NewReport(testID, tier.CPU, claim.Setting{Dataset: "fashion-mnist"}); err != nil {
		t.Fatal(err)
	}
	o.Report.Judgements = []claim.Judgement{{Claim: "precision rises", Kind: claim.KindShape, Verdict: claim.TrendHolds}}
	return o
}

func files(t *testing.T, root string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			relative, _ := filepath.Rel(root, path)
			list = append(list, filepath.ToSlash(relative))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestPublish(t *testing.T) {
	root := t.TempDir()
	results, plots := filepath.Join(root, "results"), filepath.Join(root, "plots")
	o := outcome(t)
	o.Stages = []published.Stage{{Name: "joint/train", Run: "r", Commit: "c", Seed: "1", Seconds: 2.5}}
	want := []string{"plots/joint/alpha-sweep.png", "plots/joint/alpha-sweep.svg", "results/joint/alpha-sweep.csv", "results/joint/alpha-sweep.json", "results/joint/alpha-sweep.stages.csv"}
	for range 2 { // a second time replaces the files
		paths, err := o.Publish(published.Folder{Results: results, Plots: plots})
		if err != nil {
			t.Fatal(err)
		}
		if got := files(t, root); !slices.Equal(got, want) || len(paths) != len(want) {
			t.Fatalf("files %v of which %v are named, want %v", got, paths, want)
		}
		for _, path := range paths {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
				t.Errorf("%s: %v, %v", path, info, err)
			}
		}
	}
	csv, err := os.Open(filepath.Join(results, "joint", "alpha-sweep.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer csv.Close()
	if read, err := table.ReadCSV(csv); err != nil || read.Len() != 1 || read.Rows[0][1] != "0.5" {
		t.Errorf("%v, %v", read, err)
	}
	if report, err := claim.ReadReport(results, testID); err != nil || report.Summary() != "1 trend holds" {
		t.Errorf("%+v, %v", report, err)
	}
}

// A report that may not be published leaves neither report nor scraps.
func TestPublishRefuses(t *testing.T) {
	root := t.TempDir()
	o := outcome(t)
	o.Report.Judgements[0].Verdict = claim.Reproduced // no reduced tier may say so
	if _, err := o.Publish(published.In(root)); err == nil {
		t.Fatal("a reduced tier publishes a reproduction")
	}
	if got := files(t, root); len(got) != 0 {
		t.Errorf("a refused report leaves %v", got)
	}
}

// A figure under another artifact's name would be shown there.
func TestPublishRefusesForeignFigures(t *testing.T) {
	root := t.TempDir()
	o := outcome(t)
	o.Figures[0].Name = "joint/samples"
	if _, err := o.Publish(published.In(root)); err == nil || !strings.Contains(err.Error(), "joint/samples") || len(files(t, root)) > 0 {
		t.Errorf("%v, files %v", err, files(t, root))
	}
}

func TestDistinct(t *testing.T) {
	models := Distinct([]Model{
		{Name: "joint", Key: "a", Trainings: 1}, {Name: "joint", Key: "b", Trainings: 1}, {Name: "joint", Key: "a", Trainings: 1},
		{Name: "joint on another", Key: "a", Trainings: 1}, {Name: "joint", Key: "a", Steps: 2, Trainings: 1},
	})
	if len(models) != 4 || models[0].Trainings != 2 || models[0].Name != "joint" || models[1].Trainings != 1 || models[1].Name == "joint" || models[3].Name == models[1].Name {
		t.Errorf("%+v", models)
	}
}

func TestPublishWhereNothingCanBeWritten(t *testing.T) {
	root := t.TempDir()
	blocked := filepath.Join(root, "results") // a file where the folder should be
	if err := os.WriteFile(blocked, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := outcome(t).Publish(published.In(root))
	if err == nil || !strings.Contains(err.Error(), "results") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v, want one line that names the folder", err)
	}
	if got := files(t, root); len(got) != 1 {
		t.Errorf("files %v, want the one that was there", got)
	}
}

func TestParts(t *testing.T) {
	parts := outcome(t).Parts()
	if len(parts) != 2 {
		t.Fatalf("%d parts, want the figure and the verdicts", len(parts))
	}
	if _, ok := parts[0].(*figure.Figure); !ok {
		t.Errorf("the first part is a %T", parts[0])
	}
	if _, ok := parts[1].(claim.Report); !ok {
		t.Errorf("the second part is a %T", parts[1])
	}
}

func TestPermutation(t *testing.T) {
	a, b := Permutation(50, 1), Permutation(50, 1)
	if !slices.Equal(a, b) || slices.Equal(a, Permutation(50, 2)) {
		t.Error("a permutation must follow from its seed")
	}
	slices.Sort(a)
	for i, v := range a {
		if v != i {
			t.Fatalf("%d is missing", i)
		}
	}
}

func TestPlanTraining(t *testing.T) {
	e := enginetest.Go(t)
	net := train.Network{Layout: &nn.Layout{}, Statistics: &nn.Layout{}}
	linear := nn.NewLinear(net.Layout, "linear", 4, 3)
	objective := func(p *nn.Pass, images, labels *graph.Node) (*graph.Node, []train.Term) {
		logits := linear.Forward(p, graph.Reshape(images, -1, 4))
		return graph.ReduceAllMean(nn.CrossEntropy(logits, labels)), nil
	}
	c := train.Config{Steps: 100, Batch: 64, LearningRate: 0.1}
	dry, err := PlanTraining(t.Context(), e, net, objective, [3]int{2, 2, 1}, c, 0)
	if err != nil {
		t.Fatal(err)
	}
	if dry.Parameters != 15 || dry.Steps != 100 || dry.Batch != 64 || dry.GraphNodes < 20 || dry.StateBytes != 5*4*15 || dry.StepTime != 0 {
		t.Errorf("%+v", dry)
	}
	if !strings.Contains(dry.String(), "15 parameters") || !strings.Contains(dry.String(), "no step was timed") {
		t.Errorf("%s", dry)
	}
	measured, err := PlanTraining(t.Context(), e, net, objective, [3]int{2, 2, 1}, c, 8)
	if err != nil {
		t.Fatal(err)
	}
	if measured.MeasuredBatch != 8 || measured.StepTime <= 0 || measured.Batch != 64 || measured.GraphNodes != dry.GraphNodes {
		t.Errorf("%+v", measured)
	}
	if !strings.Contains(measured.String(), "step of batch 8") {
		t.Errorf("%s", measured)
	}
}
