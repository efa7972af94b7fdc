package main

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"noisebook/pkg/data"
	"noisebook/pkg/fetch"
)

// execute runs a command and returns what it prints.
func execute(t *testing.T, command *cobra.Command, args ...string) (output string, err error) {
	t.Helper()
	var text bytes.Buffer
	command.SetArgs(args)
	command.SetOut(&text)
	command.SetErr(&text)
	command.SilenceUsage, command.SilenceErrors = true, true
	err = command.ExecuteContext(t.Context())
	return text.String(), err
}

func TestDataShow(t *testing.T) {
	if _, missing, err := data.Locate("fashion-mnist"); err != nil || len(missing) > 0 {
		t.Skipf("Fashion-MNIST is not on this machine: missing %v (%v)", missing, err)
	}
	picture := filepath.Join(t.TempDir(), "samples.png")
	output, err := execute(t, newDataCommand(), "show", "fashion-mnist", "--out", picture, "--per-class", "3")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"60000 training and 10000 test images of 28×28×1", "Ankle boot   6000   1000",
		"c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888", picture} {
		if !strings.Contains(output, part) {
			t.Errorf("output does not say %q:\n%s", part, output)
		}
	}
	in, err := os.Open(picture)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	sheet, err := png.Decode(in)
	if err != nil || sheet.Bounds().Dy() != 10*60+4 {
		t.Errorf("the picture is %v high (%v), want ten rows", sheet.Bounds(), err)
	}
	if _, err := execute(t, newDataCommand(), "show", "fashion-mnist", "--out", "/nonexistent/x.png"); err == nil ||
		!strings.Contains(err.Error(), "cannot write /nonexistent/x.png") {
		t.Errorf("error of a bad path is %v", err)
	}
}

// Attributes are shown by their frequencies, and each has a row of faces.
func TestDataShowsAttributes(t *testing.T) {
	split := func(attributes ...uint8) data.Split {
		n := len(attributes) / 40
		return data.Split{Images: make([]uint8, n*12), Attributes: attributes, AttributeCount: 40, Height: 2, Width: 2, Channels: 3}
	}
	description, err := data.Describe("celeba")
	if err != nil {
		t.Fatal(err)
	}
	faces := make([]uint8, 4*40)
	faces[0], faces[40], faces[80], faces[119] = 1, 1, 1, 1 // three with the first attribute, one with the last
	dataset := &data.Dataset{Name: "celeba", Title: "CelebA", Attributes: description.Attributes, Train: split(faces...),
		Validation: split(faces[:40]...), Test: split(faces[120:]...)}
	var text bytes.Buffer
	if err := describeDataset(&text, dataset); err != nil {
		t.Fatal(err)
	}
	plain := strings.Join(strings.Fields(text.String()), " ")
	for _, part := range []string{"CelebA: 4 training, 1 validation and 1 test images of 2×2×3", "5_o_Clock_Shadow 75.0 % 100.0 % 0.0 %",
		"Young 25.0 % 0.0 % 0.0 %", "parts: official"} {
		if !strings.Contains(plain, part) {
			t.Errorf("output does not say %q:\n%s", part, text.String())
		}
	}
	picture := filepath.Join(t.TempDir(), "samples.png")
	if err := writeContactSheet(picture, dataset, 2, 1, 1); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(picture)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if sheet, err := png.Decode(in); err != nil || sheet.Bounds().Dy() != 40*6+4 {
		t.Errorf("the picture is %v (%v), want forty rows", sheet.Bounds(), err)
	}
}

// Without --out the picture lies beside the data set in the cache.
func TestDataShowsRealVariants(t *testing.T) {
	for name, want := range map[string]string{
		"usps-esl":   "9 9 644 177",
		"malaria200": "1 parasitized 80 20",
	} {
		if _, missing, err := data.Locate(name); err != nil || len(missing) > 0 {
			t.Skipf("%s is not on this machine: missing %v (%v)", name, missing, err)
		}
		t.Setenv("NOISEBOOK_CACHE", t.TempDir())
		output, err := execute(t, newDataCommand(), "show", name)
		if err != nil {
			t.Fatal(err)
		}
		plain := strings.Join(strings.Fields(output), " ")
		for _, part := range []string{want, "a variant of ", "never comparable", filepath.Join("data", name, "samples.png")} {
			if !strings.Contains(plain, part) {
				t.Errorf("output does not say %q:\n%s", part, output)
			}
		}
	}
}

func TestDataCommandErrors(t *testing.T) {
	for _, args := range [][]string{{"get", "fashion"}, {"show", "fashion"}} {
		if _, err := execute(t, newDataCommand(), args...); err == nil || !strings.Contains(err.Error(), `unknown data set "fashion"`) {
			t.Errorf("%v: error %v", args, err)
		}
	}
	if _, err := execute(t, newDataCommand(), "show", "mnist", "--per-class", "0"); err == nil {
		t.Error("--per-class 0 is accepted")
	}
}

func TestDataList(t *testing.T) {
	t.Setenv("NOISEBOOK_CACHE", t.TempDir())
	t.Setenv("NOISEBOOK_DATA", "")
	output, err := execute(t, newDataCommand(), "ls")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		"mnist 10 classes CC BY-SA 3.0 not here; get it: bin/noisebook data get mnist",
		"cifar10-jpeg 10 classes cifar-10 none stated not here",
		"celeba 40 attributes non-commercial research, no copies passed on not here",
	} {
		if !strings.Contains(strings.Join(strings.Fields(output), " "), row) {
			t.Errorf("output does not say %q:\n%s", row, output)
		}
	}
}

func TestDoctor(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "go.mod"), []byte("module noisebook\n\ngo 1.26.0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Chdir(root)
	t.Setenv("NOISEBOOK_CACHE", t.TempDir())
	output, err := execute(t, newDoctorCommand())
	if err == nil || !strings.Contains(err.Error(), "missing parts: ") {
		t.Errorf("error is %v, want the number of missing parts", err)
	}
	for _, part := range []string{"PART", "gopls", "kernel spec", "bin/noisebook setup --only python", "bin/noisebook setup --only kernel", "run store"} {
		if !strings.Contains(output, part) {
			t.Errorf("output does not say %q:\n%s", part, output)
		}
	}
	if entries, err := os.ReadDir(root); err != nil || len(entries) != 1 {
		t.Errorf("doctor changed the folder: %v (%v)", entries, err)
	}
	t.Chdir(t.TempDir())
	if _, err := execute(t, newDoctorCommand()); err == nil || !strings.Contains(err.Error(), "not inside the Noisebook repository") {
		t.Errorf("error outside the repository is %v", err)
	}
}

func TestSetupRejectsUnknownParts(t *testing.T) {
	if _, err := execute(t, newSetupCommand(), "--only", "dota"); err == nil || !strings.Contains(err.Error(), `unknown part "dota"`) {
		t.Errorf("error is %v", err)
	}
}

func TestProgressPrinter(t *testing.T) {
	event := fetch.Event{File: "plugin", Source: "mirror", Total: 4_000_000}
	var log bytes.Buffer
	printer := newProgressPrinter(&log)
	for done := range int64(5) {
		event.Done = done * 1_000_000
		printer.Report(event)
	}
	printer.last = time.Now().Add(-time.Minute)
	printer.Report(event)
	printer.Clear()
	if want := "plugin: mirror\nplugin: 4.0 MB of 4.0 MB (100 %)\n"; log.String() != want {
		t.Errorf("a log shows %q, want %q", log.String(), want)
	}

	var screen bytes.Buffer
	printer = &progressPrinter{w: &screen, terminal: true}
	event.Done, event.Source = 0, strings.Repeat("é", 200)
	printer.Report(event)
	printer.Clear()
	printer.Clear()
	if want := "\r\x1b[Kplugin: " + strings.Repeat("é", 91) + "…\r\x1b[K"; screen.String() != want {
		t.Errorf("a terminal shows %q, want %q", screen.String(), want)
	}
}
