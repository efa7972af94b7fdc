package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"noisebook/pkg/track"
)

func newStore(t testing.TB) *track.Store {
	t.Helper()
	store, err := track.Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	return store
}

type config struct {
	Seed int
	Text string
}

type value struct {
	Sum  int
	File track.Artifact
}

// stage saves an artifact, logs metrics and counts its computations.
func stage(name string, computed *atomic.Int32) track.Stage[config, value] {
	return track.Stage[config, value]{Name: name, Version: 1, Run: func(_ context.Context, job *track.Job, c config) (value, error) {
		computed.Add(1)
		for step := range c.Seed % 7 {
			job.Log(step, map[string]float64{"loss": 1 / float64(step+c.Seed+1)})
		}
		file, err := job.Save(name+".txt", func(w io.Writer) error {
			_, err := fmt.Fprint(w, c.Text)
			return err
		})
		if err == nil && c.Text == "fail" {
			err = errors.New("it was told to fail")
		}
		return value{Sum: c.Seed, File: file}, err
	}}
}

// call is one computation, so that it can be asked for again.
type call struct {
	stage  string
	config config
	input  int // an earlier call, or -1
}

// compute makes the calls, failures among them, and returns the ids of the runs
// that answered.
func compute(t testing.TB, store *track.Store, calls []call) (ids []string, computed int32) {
	t.Helper()
	var count atomic.Int32
	results := make([]track.Result[value], len(calls))
	for i, c := range calls {
		var inputs []track.Input
		if c.input >= 0 && results[c.input].OutputHash != "" {
			inputs = append(inputs, results[c.input])
		}
		var err error
		results[i], err = track.Do(t.Context(), store, stage(c.stage, &count), c.config, inputs...)
		if (err != nil) != (c.config.Text == "fail") {
			t.Fatal(err)
		}
		ids = append(ids, results[i].Run)
	}
	return ids, count.Load()
}

func randomCalls(random *rand.Rand, n int) []call {
	calls := make([]call, n)
	for i := range calls {
		calls[i] = call{stage: "stage" + fmt.Sprint(random.IntN(3)), config: config{Seed: random.IntN(1000), Text: fmt.Sprint(random.IntN(5))}, input: random.IntN(i+1) - 1}
		if random.IntN(6) == 0 {
			calls[i].config.Text = "fail"
		}
	}
	return calls
}

// tree is the content of a store's runs and objects by path, without locks.
func tree(t testing.TB, store *track.Store) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, top := range []string{"runs", "objects"} {
		err := filepath.WalkDir(filepath.Join(store.Dir(), top), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || isLocal(entry.Name()) {
				return err
			}
			data, err := os.ReadFile(path)
			name, _ := filepath.Rel(store.Dir(), path)
			files[name] = string(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func differences(a, b map[string]string) (names []string) {
	for name, content := range a {
		if other, ok := b[name]; !ok || other != content {
			names = append(names, name)
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// runsJSON is all that can be read of a store's runs.
func runsJSON(t testing.TB, store *track.Store) string {
	t.Helper()
	runs, err := store.Runs()
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(runs, func(a, b track.Run) int { return strings.Compare(a.ID, b.ID) })
	var out strings.Builder
	for _, run := range runs {
		journal, err := run.Journal()
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(struct {
			track.Run
			Journal track.Journal
		}{run, journal})
		if err != nil {
			t.Fatal(err)
		}
		out.Write(append(data, '\n'))
	}
	return out.String()
}

func exportAll(t testing.TB, store *track.Store, o ExportOptions, ids ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "runs.tar.zst")
	if _, err := ExportFile(t.Context(), store, file, ids, o); err != nil {
		t.Fatal(err)
	}
	return file
}

func mustImport(t testing.TB, store *track.Store, source string) Report {
	t.Helper()
	report, err := Import(t.Context(), store, source)
	if err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(store.Dir(), ".import-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("the import left %v behind, %v", left, err)
	}
	return report
}

// Whatever was computed, exported and imported into an empty store reads the same
// there and answers the same calls.
func TestRoundTrip(t *testing.T) {
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 1))
		calls := randomCalls(random, 1+random.IntN(8))
		here, there := newStore(t), newStore(t)
		ids, _ := compute(t, here, calls)
		report := mustImport(t, there, exportAll(t, here, ExportOptions{}, ids...))
		if diff := differences(tree(t, here), tree(t, there)); len(diff) > 0 {
			t.Fatalf("seed %d: these files differ: %v", seed, diff)
		}
		if a, b := runsJSON(t, here), runsJSON(t, there); a != b {
			t.Fatalf("seed %d: runs read\n%s, were\n%s", seed, b, a)
		}
		failing := int32(0)
		for _, c := range calls {
			if c.config.Text == "fail" {
				failing++
			}
		}
		if _, computed := compute(t, there, calls); computed != failing {
			t.Errorf("seed %d: %d of %d calls were computed again, want the %d failed ones", seed, computed, len(calls), failing)
		}
		if len(report.Messages) > 0 || report.Same+len(report.United) > 0 {
			t.Errorf("seed %d: %+v", seed, report)
		}
	}
}

func TestImportTwiceChangesNothing(t *testing.T) {
	here, there := newStore(t), newStore(t)
	ids, _ := compute(t, here, randomCalls(rand.New(rand.NewPCG(3, 3)), 8))
	for _, source := range []string{exportAll(t, here, ExportOptions{}, ids...), here.Dir()} {
		mustImport(t, there, source)
		before := tree(t, there)
		report := mustImport(t, there, source)
		if diff := differences(before, tree(t, there)); len(diff) > 0 || len(report.Added)+len(report.United)+report.Objects+len(report.Messages) > 0 {
			t.Errorf("%s: %v changed, %+v", source, diff, report)
		}
	}
	if report := mustImport(t, here, there.Dir()); len(report.Added)+len(report.United) > 0 {
		t.Errorf("back into the first store: %+v", report)
	}
}

func TestExportTakesWhatARunDependsOn(t *testing.T) {
	store := newStore(t)
	calls := []call{{"data", config{1, "a"}, -1}, {"train", config{2, "b"}, 0}, {"evaluate", config{3, "c"}, 1}, {"other", config{4, "d"}, -1}}
	ids, _ := compute(t, store, calls)
	sweep, err := store.Start(t.Context(), track.StartOptions{Kind: track.KindSweep, Name: "sweep"})
	if err != nil {
		t.Fatal(err)
	}
	member, err := store.Start(t.Context(), track.StartOptions{Kind: track.KindJob, Name: "member", Parent: sweep.ID()})
	if err != nil {
		t.Fatal(err)
	}
	store.SetParent(member.ID())
	compute(t, store, calls[3:]) // a hit, which the member uses
	store.SetParent("")
	if err := errors.Join(member.End(nil), sweep.End(nil)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		ids   []string
		alone bool
		want  []string
	}{
		"inputs":          {ids[2:3], false, ids[:3]},
		"alone":           {ids[2:3], true, ids[2:3]},
		"in the middle":   {ids[1:2], false, ids[:2]},
		"sweep":           {[]string{sweep.ID()}, false, []string{sweep.ID(), member.ID(), ids[3]}},
		"named twice":     {[]string{ids[0], ids[0][:8]}, false, ids[:1]},
		"two, one within": {[]string{ids[1], ids[0]}, false, ids[:2]},
	} {
		var out bytes.Buffer
		summary, err := Export(t.Context(), store, &out, c.ids, ExportOptions{Alone: c.alone})
		slices.Sort(summary.Runs)
		want := slices.Sorted(slices.Values(c.want))
		if err != nil || !slices.Equal(summary.Runs, want) || summary.Written != int64(out.Len()) {
			t.Errorf("%s: %v (%v), want %v", name, summary.Runs, err, want)
		}
	}
	if _, err := Export(t.Context(), store, io.Discard, []string{"nothing"}, ExportOptions{}); err == nil {
		t.Error("a run that is not there was exported")
	}
}

func TestExportSaysWhatIsMissing(t *testing.T) {
	store := newStore(t)
	ids, _ := compute(t, store, []call{{"data", config{1, "a"}, -1}, {"train", config{2, "b"}, 0}})
	train, err := store.Run(ids[1])
	if err != nil {
		t.Fatal(err)
	}
	_, artifacts, err := train.Result()
	if err != nil {
		t.Fatal(err)
	}
	path, err := store.Path(artifacts[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(path), store.Trash(t.Context(), ids[0])); err != nil {
		t.Fatal(err)
	}
	summary, err := Export(t.Context(), store, io.Discard, ids[1:], ExportOptions{})
	if err != nil || len(summary.Messages) != 2 || !strings.Contains(strings.Join(summary.Messages, "\n"), "train.txt") || !strings.Contains(strings.Join(summary.Messages, "\n"), ids[0]) {
		t.Errorf("%+v, %v", summary, err)
	}
	if err := os.WriteFile(path, []byte("something else"), 0o644); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "a.tar.zst")
	if _, err := ExportFile(t.Context(), store, file, ids[1:], ExportOptions{}); err == nil || !strings.Contains(err.Error(), "changed on disk") {
		t.Errorf("a changed artifact was exported: %v", err)
	}
	if left, err := os.ReadDir(filepath.Dir(file)); err != nil || len(left) > 0 {
		t.Errorf("the failed export left %v", left)
	}
}

// A run may go on recording while it is exported, and be imported again later.
func TestExportOfARunningRun(t *testing.T) {
	here, there := newStore(t), newStore(t)
	run, err := here.Start(t.Context(), track.StartOptions{Name: "long"})
	if err != nil {
		t.Fatal(err)
	}
	run.LogValue("loss", 0, 1)
	if err := run.Flush(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	summary, err := Export(t.Context(), here, &out, []string{run.ID()}, ExportOptions{})
	if err != nil || len(summary.Messages) != 1 || !strings.Contains(summary.Messages[0], "is running") {
		t.Fatalf("%+v, %v", summary, err)
	}
	file := filepath.Join(t.TempDir(), "a.tar.zst")
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	mustImport(t, there, file)
	run.LogValue("loss", 1, 0.5)
	if err := run.End(nil); err != nil {
		t.Fatal(err)
	}
	// The copy counts as running while its writer, which lives, may have just paused.
	again := exportAll(t, here, ExportOptions{}, run.ID())
	if report := mustImport(t, there, again); len(report.United) > 0 || !strings.Contains(strings.Join(report.Messages, ""), "running here") {
		t.Errorf("%+v", report)
	}
	empty := newStore(t)
	mustImport(t, empty, again)
	copied, err := empty.Run(run.ID())
	if err != nil || copied.State != track.Finished || copied.Last["loss"].Value != 0.5 {
		t.Errorf("%+v, %v", copied, err)
	}
}
