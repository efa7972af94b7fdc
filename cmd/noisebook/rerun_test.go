package main

import (
	"bytes"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"noisebook/pkg/track"
)

func TestRerun(t *testing.T) {
	l := newLab(t)
	l.ok("run", toyID, "--set", "train.lr=0.2", "--set", "train.seed=4", "--set", "at=1,2")
	job := l.kind(track.KindJob)[0]
	out := l.ok("rerun", job.ID, "--tolerance", "0")
	if !strings.Contains(out, "4 metrics compared, 0 are not in both") {
		t.Errorf("%s", out)
	}
	again := l.kind(track.KindJob)[0]
	if again.ID == job.ID || again.Tags["rerun_of"] != job.ID || again.Params["train.seed"] != int64(4) {
		t.Errorf("the rerun is %+v", again)
	}
	if l.trainings() != 2 {
		t.Errorf("trained %d times, want a rerun that computes", l.trainings())
	}

	l.write("shift", "0.5") // the code has changed, so to say
	code, stdout, stderr := l.run("rerun", job.ID, "--tolerance", "0.01")
	if code != 1 || !strings.Contains(stderr, "2 of 4 metrics differ by more than 1 %") || !strings.Contains(stdout, "+0.5") {
		t.Errorf("%d\n%s%s", code, stdout, stderr)
	}
	if out := l.ok("rerun", job.ID); !strings.Contains(out, "+0.5") {
		t.Errorf("without a tolerance: %s", out)
	}
	// A table's own stage, all that stores of the first format have, can be rerun as well.
	if out := l.ok("rerun", job.Uses[1].Run); !strings.Contains(out, "fid") {
		t.Errorf("of a stage: %s", out)
	}
	for want, id := range map[string]string{"rerun that one": job.Uses[0].Run, `no run "nope"`: "nope"} {
		if code, _, stderr := l.run("rerun", id); code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("%s: %d, %s", id, code, stderr)
		}
	}
}

// commitProgram is the noisebook command of a commit: all that a rerun at the
// commit asks of it is that it runs an artifact and publishes its numbers.
const commitProgram = `package main

import (
	"fmt"
	"os"
	"strings"
)

const value = VALUE

func main() {
	if os.Getenv("NOISEBOOK_STORE") == "" || strings.Join(os.Args[1:], " ") != "run drl/silhouette --tier quick --set train.lr=0.2" {
		fmt.Fprintln(os.Stderr, "asked for", os.Args)
		os.Exit(1)
	}
	if err := os.MkdirAll("build/results/drl", 0o755); err != nil {
		panic(err)
	}
	table := fmt.Sprintf("at,fid,note\n0,%v,x\n1,%v,x\n", value, value+1)
	report := fmt.Sprintf("{\"artifact\":\"drl/silhouette\",\"tier\":\"quick\",\"judgements\":[{\"claim\":\"x nears α = 0\",\"kind\":\"shape\",\"verdict\":\"trend holds\",\"value\":%v}]}", value)
	for name, text := range map[string]string{"csv": table, "json": report} {
		if err := os.WriteFile("build/results/drl/silhouette."+name, []byte(text), 0o644); err != nil {
			panic(err)
		}
	}
}
`

func TestRerunAtCommit(t *testing.T) {
	l := newLab(t)
	git := func(args ...string) {
		t.Helper()
		command := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.org"}, args...)...)
		command.Dir = l.root
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	put := func(value string) {
		t.Helper()
		l.write("cmd/noisebook/main.go", strings.Replace(commitProgram, "VALUE", value, 1))
	}
	if err := os.MkdirAll(filepath.Join(l.root, "cmd", "noisebook"), 0o755); err != nil {
		t.Fatal(err)
	}
	l.write(".gitignore", "store\ntrained-*\nbuild\n")
	l.write("go.mod", "module noisebook\n\ngo 1.26.0\n")
	put("0.25")
	git("init", "--quiet")
	git("add", ".")
	git("commit", "--quiet", "-m", "first")
	l.ok("run", toyID, "--set", "train.lr=0.2")
	clean := l.kind(track.KindJob)[0]
	put("math.Inf(1)") // does not build: were it used, the rerun would fail
	git("commit", "--quiet", "-am", "second")

	code, stdout, stderr := l.run("rerun", clean.ID, "--at-commit", "--tolerance", "0.01")
	if code != 1 || !strings.Contains(stdout, "0.25") || !strings.Contains(stderr, "differ by more than 1 %") {
		t.Errorf("%d\n%s%s", code, stdout, stderr)
	}

	// A changed checkout: the recorded changes are applied to the commit.
	l.write("go.mod", "module noisebook\n\ngo 1.26.0\n\n// changed\n")
	put("0.75")
	l.ok("run", toyID, "--set", "train.lr=0.2", "--recompute", "all")
	dirty := l.kind(track.KindJob)[0]
	if !dirty.Provenance.Dirty || dirty.Provenance.Diff == nil {
		t.Fatalf("%+v", dirty.Provenance)
	}
	put("1")
	if code, stdout, stderr := l.run("rerun", dirty.ID, "--at-commit"); code != 0 || !strings.Contains(stdout, "0.75") {
		t.Errorf("of a changed checkout: %d\n%s%s", code, stdout, stderr)
	}
	if out, err := exec.Command("git", "-C", l.root, "worktree", "list").Output(); err != nil || strings.Count(string(out), "\n") != 1 {
		t.Errorf("worktrees are left: %s, %v", out, err)
	}
	if len(l.kind(track.KindJob)) != 2 {
		t.Error("a rerun at a commit wrote into the store")
	}
}

func TestRelativeDifference(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, test := range []struct{ a, b, want float64 }{
		{2, 2, 0}, {2, 3, 0.5}, {-2, -3, 0.5}, {0, 0, 0}, {0, 1, inf}, {nan, nan, 0}, {nan, 1, inf}, {1, nan, inf}, {inf, inf, 0}, {inf, 1, inf},
	} {
		if got := relativeDifference(test.a, test.b); got != test.want {
			t.Errorf("%g and %g: %g, want %g", test.a, test.b, got, test.want)
		}
	}
}

func TestCompareMetrics(t *testing.T) {
	before := map[string][]float64{"a": {1, 2, 3}, "b": {1}, "gone": {1}, "longer": {1}}
	after := map[string][]float64{"a": {1, 2.2, 3}, "b": {1}, "new": {1}, "longer": {1, 2}}
	var out bytes.Buffer
	err := compareMetrics(&out, before, after, 0.05)
	if err == nil || err.Error() != "1 of 2 metrics differ by more than 5 %" {
		t.Error(err)
	}
	for _, want := range []string{"value 2 of 3 beyond the tolerance", "+0.2", "not comparable"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &out)
		}
	}
	if err := compareMetrics(&out, map[string][]float64{"a": {1}}, map[string][]float64{"b": {1}}, 0.05); err == nil {
		t.Error("nothing was compared and nothing said")
	}
}
