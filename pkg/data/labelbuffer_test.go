package data

import (
	"slices"
	"strings"
	"testing"
)

// handedOut lists, by step, the positions in the second half of each batch.
func handedOut(t *testing.T, b *LabelBuffer, steps int) [][]int {
	t.Helper()
	size := b.Size() / 2
	images, labels, pixels := make([]float32, 2*size), make([]int32, 2*size), make([]uint8, 2*size)
	var all [][]int
	for step := range steps {
		if err := b.Fill(step, images, labels); err != nil {
			t.Fatal(err)
		}
		Pixels(pixels, images)
		var positions []int
		for i, label := range labels[size:] {
			if label < 0 {
				continue
			}
			positions = append(positions, int(pixels[size+i]))
			if want := b.batches.split.Labels[pixels[size+i]]; label != want {
				t.Fatalf("step %d: image %d has label %d, want %d", step, pixels[size+i], label, want)
			}
		}
		if len(positions) != 0 && len(positions) != size {
			t.Fatalf("step %d: %d labelled images, want none or %d", step, len(positions), size)
		}
		all = append(all, positions)
	}
	return all
}

// Over whole epochs every labelled image is handed out once an epoch, but for
// what still waits, and no other image ever is.
func TestLabelBufferUsesEachLabelOnceAnEpoch(t *testing.T) {
	const images, size, epochs = 60, 4, 12
	for _, labelled := range []int{1, 3, 7, 20, 60} {
		known := make([]bool, images)
		for i := range labelled {
			known[i*images/labelled] = true
		}
		b, err := NewLabelBuffer(numbered(images), known, size, 5)
		if err != nil {
			t.Fatal(err)
		}
		count := make([]int, images)
		total := 0
		for _, positions := range handedOut(t, b, epochs*images/size) {
			for _, i := range positions {
				count[i]++
				total++
			}
		}
		if want := epochs * labelled / size * size; total != want {
			t.Errorf("%d labelled: %d were handed out, want %d", labelled, total, want)
		}
		for i, n := range count {
			switch {
			case !known[i] && n > 0:
				t.Errorf("%d labelled: image %d has no known label and was handed out", labelled, i)
			case known[i] && (n > epochs || n < epochs-(size+labelled-1)/labelled):
				t.Errorf("%d labelled: image %d was handed out %d times in %d epochs", labelled, i, n, epochs)
			}
		}
	}
}

func TestLabelBufferOfAllLabelsIsTheBatchTwice(t *testing.T) {
	b, err := NewLabelBuffer(numbered(20), slices.Repeat([]bool{true}, 20), 4, 1)
	if err != nil {
		t.Fatal(err)
	}
	images, labels := make([]float32, 8), make([]int32, 8)
	for step := range 11 {
		if err := b.Fill(step, images, labels); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(images[:4], images[4:]) || !slices.Equal(labels[:4], labels[4:]) {
			t.Errorf("step %d: halves %v and %v", step, labels[:4], labels[4:])
		}
	}
}

// Training resumes anywhere: a step is the same whatever was asked before.
func TestLabelBufferIsAFunctionOfTheStep(t *testing.T) {
	known := make([]bool, 30)
	for i := range 9 {
		known[3*i] = true
	}
	fresh := func() *LabelBuffer {
		b, err := NewLabelBuffer(numbered(30), known, 4, 2)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	at := func(b *LabelBuffer, step int) ([]float32, []int32) {
		images, labels := make([]float32, 8), make([]int32, 8)
		if err := b.Fill(step, images, labels); err != nil {
			t.Fatal(err)
		}
		return images, labels
	}
	used := fresh()
	for _, step := range []int{0, 17, 3, 4, 4, 40, 5} {
		images, labels := at(used, step)
		wantImages, wantLabels := at(fresh(), step)
		if !slices.Equal(images, wantImages) || !slices.Equal(labels, wantLabels) {
			t.Errorf("step %d depends on what was asked before", step)
		}
	}
}

func TestLabelBufferRefuses(t *testing.T) {
	for want, known := range map[string][]bool{"none of 10": make([]bool, 10), "known or not": {true}} {
		if _, err := NewLabelBuffer(numbered(10), known, 4, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}
