package processparity

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func golden(t *testing.T) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", "process.json"))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestFixturesPass(t *testing.T) {
	report, err := Run("testdata")
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Err(); err != nil {
		var text strings.Builder
		if err := report.Print(&text); err != nil {
			t.Fatal(err)
		}
		t.Fatalf("%v\n%s", err, text.String())
	}
	if want := []string{"edm", "likelihood", "ode"}; !slices.Equal(report.Unknown, want) {
		t.Errorf("unknown entries %v, want %v", report.Unknown, want)
	}
	// 3 kinds at 7 times: 6 numbers, 2 + 4 arrays and two arrays for each of 2 to
	// 4 steps, the step size where there is Langevin's; 2 numbers a prior.
	sde := 7*(3*(6+2+4+2*2)+2*(2+2+1)) + 3*2
	count := 0
	for _, c := range report.Cases {
		if strings.HasPrefix(c.Name, "sde.") {
			count++
		}
	}
	if count != sde {
		t.Errorf("%d cases of sde compared, want %d", count, sde)
	}
}

// TestEveryNumberCounts changes one expected value at a time, a little, and
// wants exactly that case to fail.
func TestEveryNumberCounts(t *testing.T) {
	report, err := Run("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range []string{
		"sde.ve.at[3](t=0.35).std", "sde.vp.at[0](t=1e-05).discretize.f_coef",
		"sde.subvp.at[6](t=1).reverse.drift", "sde.vp.at[1](t=0.001).steps.langevin.x",
		"sde.ve.prior.logp", "drl_uniform_sigma.values[2].t",
		"ddim.table[4].alpha_bar", "ddim.steps[3].eta1.x_prev_clip_keep", "ddim.trajectory.x_end",
	} {
		path := strings.FieldsFunc(entry, func(r rune) bool { return strings.ContainsRune(".[]", r) })
		if strings.Contains(entry, "(") { // the file's path has no times
			head, tail, _ := strings.Cut(entry, "(")
			_, tail, _ = strings.Cut(tail, ").")
			path = strings.FieldsFunc(head+"."+tail, func(r rune) bool { return strings.ContainsRune(".[]", r) })
		}
		changed, err := compare(nudge(t, golden(t), path))
		if err != nil {
			t.Fatal(err)
		}
		var failed []string
		for _, c := range changed.Cases {
			if !c.Passed() {
				failed = append(failed, c.Name)
			}
		}
		if len(failed) != 1 || !sameEntry(failed[0], entry) {
			t.Errorf("%s changed: failed %v", entry, failed)
		}
		if len(changed.Cases) != len(report.Cases) {
			t.Errorf("%s changed: %d cases, want %d", entry, len(changed.Cases), len(report.Cases))
		}
	}
}

// sameEntry compares case names, of which the steps of ddim carry their times.
func sameEntry(name, entry string) bool {
	if before, after, found := strings.Cut(name, "("); found && !strings.Contains(entry, "(") {
		_, after, _ = strings.Cut(after, ")")
		name = before + after
	}
	return name == entry
}

// nudge multiplies the number (the first of an array) at path by 1 + 1e-6 and
// adds 1e-6.
func nudge(t *testing.T, content []byte, path []string) []byte {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(content))
	var root any
	if err := dec.Decode(&root); err != nil {
		t.Fatal(err)
	}
	var walk func(value any, path []string) any
	walk = func(value any, path []string) any {
		switch v := value.(type) {
		case map[string]any:
			if len(path) == 0 {
				t.Fatal("the path ends at an object")
			}
			if _, ok := v[path[0]]; !ok {
				t.Fatalf("no entry %v", path)
			}
			v[path[0]] = walk(v[path[0]], path[1:])
		case []any:
			i := 0
			if len(path) > 0 {
				i = int(path[0][0] - '0')
				path = path[1:]
			}
			v[i] = walk(v[i], path)
		case float64:
			return v*(1+1e-6) + math.Copysign(1e-6, v)
		}
		return value
	}
	out, err := json.Marshal(walk(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestUnknownEntriesAreListed(t *testing.T) {
	content := strings.Replace(string(golden(t)), `"sde": {`, `"sde": {"reflected": {"params": {"T": 1.0}},`, 1)
	content = strings.Replace(content, `"trajectory": {`, `"trajectory": {"colour": 1,`, 1)
	content = strings.Replace(content, `"schema"`, `"wavelets": {}, "schema"`, 1)
	report, err := compare([]byte(content))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"ddim.trajectory.colour", "edm", "likelihood", "ode", "sde.reflected", "wavelets"}
	if !slices.Equal(report.Unknown, want) {
		t.Errorf("unknown %v, want %v", report.Unknown, want)
	}
}

func TestBrokenFilesAreErrors(t *testing.T) {
	cases := map[string]string{
		"not JSON":    `{`,
		"array":       `[]`,
		"no schema":   `{}`,
		"schema 2":    `{"schema": 2}`,
		"no inputs":   `{"schema": 1, "tolerance": {"default": {"rel": 1, "abs": 1}}}`,
		"empty mean":  `{"schema": 1, "tolerance": {}, "inputs": {"mu": [], "s": 1}}`,
		"mean a word": `{"schema": 1, "tolerance": {}, "inputs": {"mu": "x", "s": 1}}`,
	}
	for name, content := range cases {
		if _, err := compare([]byte(content)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := Run(t.TempDir()); err == nil {
		t.Error("a folder without process.json: no error")
	}
	// What concerns a section is a failed case, not an end of all.
	const head = `{"schema": 1, "tolerance": {"default": {"rel": 1e-9, "abs": 0}}, "inputs": {"mu": [0], "s": 1, "x": [[1]], "score": [[1]], "noise_predictor": [[1]], "noise_corrector": [[1, 2]]}, `
	sections := map[string]string{
		"no parameters":   `"sde": {"ve": {}}}`,
		"bad parameters":  `"sde": {"ve": {"params": {"sigma_min": 2, "sigma_max": 1, "N": 10, "T": 1}}}}`,
		"other end":       `"sde": {"ve": {"params": {"sigma_min": 1, "sigma_max": 2, "N": 10, "T": 2}}}}`,
		"unequal lengths": `"sde": {"ve": {"params": {"sigma_min": 1, "sigma_max": 2, "N": 10, "T": 1}}}}`,
		"other schedule":  `"ddim": {"params": {"schedule": "cosine"}}}`,
		"far too long":    `"ddim": {"params": {"schedule": "linear", "T": 1000000000000, "beta_first": 0.1, "beta_last": 0.2}}}`,
		"step beyond":     `"ddim": {"params": {"schedule": "linear", "T": 2, "beta_first": 0.1, "beta_last": 0.2}, "table": [{"t": 2, "beta": 1}]}}`,
		"trajectory":      `"ddim": {"params": {"schedule": "linear", "T": 2, "beta_first": 0.1, "beta_last": 0.2}, "trajectory": {"steps": 1000000000000, "stride": 1}}}`,
		"a word":          `"drl_uniform_sigma": {"sigma_min": 1, "sigma_max": 2, "values": [{"u": 0, "t": "x"}]}}`,
		"two numbers":     `"drl_uniform_sigma": {"sigma_min": 1, "sigma_max": 2, "values": [{"u": 0, "t": [0, 0]}]}}`,
	}
	for name, section := range sections {
		report, err := compare([]byte(head + section))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(report.Cases) != 1 || report.Cases[0].Failure == nil {
			t.Errorf("%s: cases %+v, want one that could not be computed", name, report.Cases)
		}
	}
}
