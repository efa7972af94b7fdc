package main

import (
	"encoding/json"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/features"
	"noisebook/pkg/npy"
)

// pictureFolder holds n grey pictures of 2×2 pixels.
func pictureFolder(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		m := image.NewGray(image.Rect(0, 0, 2, 2))
		for p := range m.Pix {
			m.Pix[p] = uint8(37*i + i*i*p)
		}
		file, err := os.Create(filepath.Join(dir, string(rune('a'+i))+".png"))
		if err != nil {
			t.Fatal(err)
		}
		if err := png.Encode(file, m); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func runFeatures(t *testing.T, args ...string) (featuresReport, error) {
	t.Helper()
	text, err := executeMetric(t, newFeaturesCommand(), append(args, "--json")...)
	var report featuresReport
	if err == nil {
		at := strings.Index(text, "{") // behind the stages' lines
		if err := json.Unmarshal([]byte(text[at:]), &report); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
	}
	return report, err
}

// Features and statistics of a folder agree with its pixels, and equal content is measured once.
func TestFeaturesCommand(t *testing.T) {
	t.Setenv("NOISEBOOK_STORE", filepath.Join(t.TempDir(), "store"))
	pictures, out := pictureFolder(t, 6), t.TempDir()
	rows, statistics := filepath.Join(out, "f.npy"), filepath.Join(out, "s.npz")

	report, err := runFeatures(t, pictures, "--network", "pixels", "-o", rows)
	if err != nil {
		t.Fatal(err)
	}
	if report.Images != 6 || report.Width != 4 || report.Cached || report.Settings["features"] != "pixels" || len(report.Checksum) != 64 {
		t.Errorf("report %+v", report)
	}
	array, err := npy.Open(rows)
	if err != nil {
		t.Fatal(err)
	}
	matrix, err := array.Dense()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := matrix.At(2, 3), (37*2+4*3)/127.5-1; math.Abs(got-want) > 1e-6 || array.Type() != "float32" {
		t.Errorf("value %g of %s, want %g of float32", got, array.Type(), want)
	}

	report, err = runFeatures(t, pictures, "--network", "pixels", "-o", statistics)
	if err != nil || !report.Cached {
		t.Fatalf("%v, cached %v; want an answer from the store", err, report.Cached)
	}
	fromImages, err := features.ReadStatistics(statistics)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := runFeatures(t, rows, "--network", "identity", "-o", statistics); err != nil {
		t.Fatal(err)
	}
	fromFeatures, err := features.ReadStatistics(statistics)
	if err != nil {
		t.Fatal(err)
	}
	if fromImages.Samples != 6 || fromFeatures.Samples != 6 || !mat.EqualApprox(fromImages.Covariance, fromFeatures.Covariance, 1e-9) {
		t.Errorf("statistics of the images %v, of their features %v", fromImages, fromFeatures)
	}
}

func TestFeaturesCommandRefuses(t *testing.T) {
	t.Setenv("NOISEBOOK_STORE", filepath.Join(t.TempDir(), "store"))
	pictures := pictureFolder(t, 2)
	for want, args := range map[string][]string{
		"want NAME.npz":                   {pictures, "--network", "pixels", "-o", "f.csv"},
		"name them with -o NAME.npz":      {pictures, "--network", "identity"},
		`unknown feature network "vgg"`:   {pictures, "--network", "vgg"},
		"is no file, no folder and no da": {"nowhere", "--network", "pixels"},
		"--layer is for inception or une": {pictures, "--network", "pixels", "--layer", "pool3"},
		"no trained LeNet in the run sto": {pictures, "--network", "lenet"},
		"none.pth":                        {pictures, "--weights", "none.pth"},
		"unknown layer":                   {pictures, "--weights", "none.pth", "--layer", "pool7"},
	} {
		if _, err := runFeatures(t, args...); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v, want one line with %q", args[1:], err, want)
		}
	}
}

// The flags' measure gives one matrix a source, in order, and the settings.
func TestFeatureChoiceMeasures(t *testing.T) {
	t.Setenv("NOISEBOOK_STORE", filepath.Join(t.TempDir(), "store"))
	stack := filepath.Join(t.TempDir(), "stack.npy")
	if err := npy.Save(stack, []int{3, 2, 2}, []uint8{0, 0, 0, 0, 255, 255, 255, 255, 0, 255, 0, 255}); err != nil {
		t.Fatal(err)
	}
	var choice featureChoice
	var sets []featureSet
	command := &cobra.Command{RunE: func(command *cobra.Command, args []string) (err error) {
		sets, err = choice.measure(command, args...)
		return err
	}}
	choice.addFlags(command.Flags(), "features")
	if choice.chosen() {
		t.Error("a network is chosen before any flag")
	}
	if _, err := executeMetric(t, command, stack, pictureFolder(t, 2), "--features", "pixels"); err != nil {
		t.Fatal(err)
	}
	if len(sets) != 2 || sets[0].Source != stack || sets[0].Run == "" || sets[0].Checksum == sets[1].Checksum {
		t.Fatalf("sets %+v", sets)
	}
	if !slices.Equal(sets[0].Features.RawRowView(2), []float64{-1, 1, -1, 1}) {
		t.Errorf("features %v", sets[0].Features.RawRowView(2))
	}
	if settings := choice.settings(); settings["features"] != "pixels" || settings["values"] != "p/127.5 - 1" {
		t.Errorf("settings %v", settings)
	}
}

func TestIsImages(t *testing.T) {
	dir := t.TempDir()
	pixels, matrix, archive := filepath.Join(dir, "p.npy"), filepath.Join(dir, "m.npy"), filepath.Join(dir, "a.npz")
	if err := npy.Save(pixels, []int{1, 2, 2}, make([]uint8, 4)); err != nil {
		t.Fatal(err)
	}
	if err := npy.Save(matrix, []int{2, 2}, make([]float32, 4)); err != nil {
		t.Fatal(err)
	}
	if err := npy.SaveArchive(archive, func(a *npy.ArchiveWriter) error { return npy.AddArray(a, "mu", []int{2}, []float64{1, 2}) }); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{pixels: true, matrix: false, archive: false, dir: true, "mnist/test": true, "scores.csv": false, "nowhere/test": false} {
		if got, err := isImages(path); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", path, got, err, want)
		}
	}
	if err := os.WriteFile(matrix, []byte("no array"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := isImages(matrix); err == nil {
		t.Error("a damaged file: no error")
	}
}

// Unknown networks are an error, and so is a damaged file that the user names.
func TestWeightsGetRefuses(t *testing.T) {
	if _, err := executeMetric(t, newWeightsCommand(), "get", "vgg"); err == nil || !strings.Contains(err.Error(), "vgg") {
		t.Errorf("get vgg: %v", err)
	}
	folder := t.TempDir()
	t.Setenv("NOISEBOOK_DATA", folder)
	if err := os.WriteFile(filepath.Join(folder, "pt_inception-2015-12-05-6726825d.pth"), []byte("cut short"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := executeMetric(t, newWeightsCommand(), "get", "inception"); err == nil || !strings.Contains(err.Error(), "replace it") {
		t.Errorf("a damaged file in NOISEBOOK_DATA: %v", err)
	}
}
