package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"noisebook/pkg/joint"
	"noisebook/pkg/safetensors"
	"noisebook/pkg/train"
)

const jointFixtures = "../../pkg/parity/jointparity/testdata"

func TestWeightsImport(t *testing.T) {
	config, in := filepath.Join(jointFixtures, "config.json"), filepath.Join(jointFixtures, "weights.safetensors")
	out := filepath.Join(t.TempDir(), "out.safetensors")
	printed, err := execute(t, newWeightsCommand(), "import", "--config", config, in, out)
	if err != nil {
		t.Fatal(err)
	}
	// The fixture's README counts 1,307,727 numbers in all.
	if !strings.Contains(printed, "1306669 parameters and 1058 running statistics") {
		t.Errorf("printed %q", printed)
	}
	c, err := readJointConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	model, err := joint.New(c)
	if err != nil {
		t.Fatal(err)
	}
	got, err := train.ReadWeights(out, train.Network{Layout: model.Layout, Statistics: model.Statistics})
	if err != nil {
		t.Fatal(err)
	}
	file, err := safetensors.Read(in)
	if err != nil {
		t.Fatal(err)
	}
	values, statistics, err := model.FromPyTorch(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string][2][]float32{"weights": {got.Values, values}, "statistics": {got.Statistics, statistics}} {
		if len(pair[0]) != len(pair[1]) {
			t.Fatalf("%s: %d numbers, want %d", name, len(pair[0]), len(pair[1]))
		}
		for i := range pair[0] {
			if pair[0][i] != pair[1][i] {
				t.Fatalf("%s: number %d is %g, want %g", name, i, pair[0][i], pair[1][i])
			}
		}
	}
}

func TestWeightsImportErrors(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	config, in := filepath.Join(jointFixtures, "config.json"), filepath.Join(jointFixtures, "weights.safetensors")
	raw, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out.safetensors")
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"no config", []string{in, out}, "config"},
		{"config that is absent", []string{"--config", filepath.Join(dir, "absent.json"), in, out}, "absent.json"},
		{"config that is not JSON", []string{"--config", write("text.json", "C = 32"), in, out}, "text.json"},
		{"unknown architecture", []string{"--arch", "medi", "--config", config, in, out}, "use --arch joint"},
		{"another architecture", []string{"--config", write("three.json", strings.Replace(string(raw), `"num_res_blocks": 1`, `"num_res_blocks": 3`, 1)), in, out}, "another architecture"},
		{"our config with an unknown key", []string{"--config", write("ours.json", `{"unet": {"widht": 32}, "classes": 10}`), in, out}, "widht"},
		{"weights that are absent", []string{"--config", config, filepath.Join(dir, "absent.safetensors"), out}, "absent.safetensors"},
		{"weights that are something else", []string{"--config", config, write("pickle.safetensors", "PK\x03\x04"), out}, "safetensors"},
		{"a .pth that is damaged", []string{"--config", config, write("damaged.pth", "PK\x03\x04"), out}, "ZIP archive is damaged"},
		{"a folder that is absent", []string{"--config", config, in, filepath.Join(dir, "absent", "out.safetensors")}, "absent"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := execute(t, newWeightsCommand(), append([]string{"import"}, test.args...)...)
			if err == nil {
				t.Fatal("no error")
			}
			if message := err.Error(); !strings.Contains(message, test.want) || strings.Contains(message, "\n") {
				t.Errorf("error %q; want one line that says %q", message, test.want)
			}
		})
	}
	left, err := filepath.Glob(filepath.Join(dir, "*out*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
