package augment

import (
	"errors"
	"slices"
	"testing"

	"noisebook/pkg/data"
)

func split(attributes int) data.Split {
	s := data.Split{Height: 4, Width: 4, Channels: 1}
	for i := range 30 {
		for p := range 16 {
			s.Images = append(s.Images, uint8((37*i+11*p*p)%256))
		}
		if attributes == 0 {
			s.Labels = append(s.Labels, int32(i%3))
		}
		for k := range attributes {
			s.Attributes = append(s.Attributes, uint8((i>>k)%2))
		}
	}
	s.AttributeCount = attributes
	return s
}

func TestPairedBatches(t *testing.T) {
	for _, attributes := range []int{0, 5} {
		source, err := data.NewBatches(split(attributes), 6, 2)
		if err != nil {
			t.Fatal(err)
		}
		a := augmenter(t, JointDiffusion(), 4, 4, 1, 2)
		paired, alone := NewPairedBatches(source, a), NewBatches(source, a)
		if paired.Size() != 12 || alone.Size() != 6 {
			t.Fatalf("sizes %d and %d, want 12 and 6", paired.Size(), alone.Size())
		}
		labelled := 6 * max(attributes, 1)
		const pixels = 6 * 16
		different := false
		for _, step := range []int{0, 1, 7, 2} {
			plain, names := make([]float32, pixels), make([]int32, labelled)
			if err := source.Fill(step, plain, names); err != nil {
				t.Fatal(err)
			}
			changed := augmented(t, a, step, plain)
			both, twice := make([]float32, 2*pixels), make([]int32, 2*labelled)
			if err := paired.Fill(step, both, twice); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(both, slices.Concat(plain, changed)) || !slices.Equal(twice, slices.Concat(names, names)) {
				t.Errorf("step %d: the halves are not the plain and the augmented images with their labels", step)
			}
			one, labels := make([]float32, pixels), make([]int32, labelled)
			if err := alone.Fill(step, one, labels); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(one, changed) || !slices.Equal(labels, names) {
				t.Errorf("step %d: the images alone are not the augmented ones with their labels", step)
			}
			different = different || !slices.Equal(plain, changed)
		}
		if !different {
			t.Error("nothing is augmented")
		}
		if err := paired.Fill(0, make([]float32, 2*pixels), nil); err != nil {
			t.Errorf("without labels: %v", err)
		}
	}
}

// broken is a source that fails.
type broken struct{}

func (broken) Size() int                          { return 2 }
func (broken) Fill(int, []float32, []int32) error { return errBroken }

var errBroken = errors.New("broken")

func TestRefusedFills(t *testing.T) {
	source, err := data.NewBatches(split(0), 6, 2)
	if err != nil {
		t.Fatal(err)
	}
	a := augmenter(t, JointDiffusion(), 4, 4, 1, 2)
	paired, alone := NewPairedBatches(source, a), NewBatches(source, a)
	for name, err := range map[string]error{
		"half the pixels":       paired.Fill(0, make([]float32, 6*16), make([]int32, 12)),
		"twice the pixels":      alone.Fill(0, make([]float32, 12*16), make([]int32, 6)),
		"odd labels":            paired.Fill(0, make([]float32, 12*16), make([]int32, 11)),
		"half the labels":       paired.Fill(0, make([]float32, 12*16), make([]int32, 6)),
		"step −1":               paired.Fill(-1, make([]float32, 12*16), make([]int32, 12)),
		"step −1 of one":        alone.Fill(-1, make([]float32, 6*16), make([]int32, 6)),
		"a broken source":       NewPairedBatches(broken{}, a).Fill(0, make([]float32, 4*16), make([]int32, 4)),
		"a broken source alone": NewBatches(broken{}, a).Fill(0, make([]float32, 2*16), make([]int32, 2)),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
