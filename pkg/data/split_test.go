package data

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// labelled is a split of 1×1 images whose pixel is the low byte of their position.
func labelled(labels ...int32) Split {
	split := Split{Labels: labels, Height: 1, Width: 1, Channels: 1, Images: make([]uint8, len(labels))}
	for i := range split.Images {
		split.Images[i] = uint8(i)
	}
	return split
}

// unbalanced has 50, 30, 15 and 5 images of its four classes, mixed.
func unbalanced() *Dataset {
	var labels []int32
	for c, n := range []int{50, 30, 15, 5} {
		labels = append(labels, slices.Repeat([]int32{int32(c)}, n)...)
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(labels), func(i, j int) { labels[i], labels[j] = labels[j], labels[i] })
	return &Dataset{Classes: []string{"a", "b", "c", "d"}, Train: labelled(labels...)}
}

func TestSplitIsStratified(t *testing.T) {
	dataset := unbalanced()
	for _, test := range []struct {
		holdout Holdout
		want    []int
	}{
		{Holdout{Count: 20}, []int{10, 6, 3, 1}},
		{Holdout{Share: 0.2}, []int{10, 6, 3, 1}},
		{Holdout{Count: 10}, []int{5, 3, 2, 0}}, // 1.5 and 0.5: the tie goes to the lower class
		{Holdout{Count: 99}, []int{49, 30, 15, 5}},
		{Holdout{Count: 1}, []int{1, 0, 0, 0}},
	} {
		train, validation, err := dataset.Split(test.holdout)
		if err != nil {
			t.Fatal(err)
		}
		if got := validation.ClassCounts(4); !slices.Equal(got, test.want) {
			t.Errorf("%+v holds out %v, want %v", test.holdout, got, test.want)
		}
		// Together they are the training part, each in its order, each image with its label.
		if train.Len()+validation.Len() != 100 || !slices.IsSorted(train.Images) || !slices.IsSorted(validation.Images) {
			t.Errorf("%+v: %d + %d images, or out of order", test.holdout, train.Len(), validation.Len())
		}
		all := append(slices.Clone(train.Images), validation.Images...)
		slices.Sort(all)
		if !slices.Equal(all, dataset.Train.Images) {
			t.Errorf("%+v: the parts are not the whole", test.holdout)
		}
		for i, pixel := range validation.Images {
			if validation.Labels[i] != dataset.Train.Labels[pixel] {
				t.Fatalf("%+v: image %d has the label of another", test.holdout, pixel)
			}
		}
	}
}

// These values hold for good: a changed split would silently change every published number.
func TestSplitGolden(t *testing.T) {
	_, validation, err := unbalanced().Split(Holdout{Count: 10, Seed: 42})
	if err != nil {
		t.Fatal(err)
	}
	if want := []uint8{10, 20, 21, 29, 41, 51, 55, 61, 62, 67}; !slices.Equal(validation.Images, want) {
		t.Errorf("held out %v, want %v", validation.Images, want)
	}
	_, other, err := unbalanced().Split(Holdout{Count: 10, Seed: 43})
	if err != nil || slices.Equal(other.Images, validation.Images) {
		t.Errorf("seeds 42 and 43 hold out the same images (%v)", err)
	}
}

func TestSplitRejects(t *testing.T) {
	for _, test := range []struct {
		holdout Holdout
		want    string
	}{
		{Holdout{}, "0 of 100 training images"},
		{Holdout{Count: 100}, "100 of 100 training images"},
		{Holdout{Count: -1}, "-1 of 100"},
		{Holdout{Share: 1}, "share 1 is outside (0, 1)"},
		{Holdout{Share: -0.1}, "share -0.1 is outside"},
		{Holdout{Share: math.NaN()}, "share NaN is outside"},
		{Holdout{Share: 0.001}, "0 of 100"},
		{Holdout{Share: 0.1, Count: 10}, "both share 0.1 and count 10 are set"},
	} {
		if _, _, err := unbalanced().Split(test.holdout); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: error %v, want %q", test.holdout, err, test.want)
		}
	}
}

func TestLabelMask(t *testing.T) {
	labels := unbalanced().Train.Labels
	var previous []bool
	for _, test := range []struct {
		share float64
		want  []int
	}{{0.1, []int{5, 3, 2, 1}}, {0.2, []int{10, 6, 3, 1}}, {0.5, []int{25, 15, 8, 3}}, {1, []int{50, 30, 15, 5}}} {
		mask, err := LabelMask(labels, test.share, 7)
		if err != nil {
			t.Fatal(err)
		}
		counts := make([]int, 4)
		for i, known := range mask {
			if known {
				counts[labels[i]]++
			}
			if previous != nil && previous[i] && !known {
				t.Errorf("share %g forgets image %d, which a smaller share keeps", test.share, i)
			}
		}
		if !slices.Equal(counts, test.want) {
			t.Errorf("share %g keeps %v, want %v", test.share, counts, test.want)
		}
		previous = mask
	}
	one, _ := LabelMask(labels, 0.2, 7)
	two, _ := LabelMask(labels, 0.2, 8)
	if slices.Equal(one, two) {
		t.Error("two seeds choose the same labels")
	}
	for _, share := range []float64{0, -1, 1.1, math.NaN()} {
		if _, err := LabelMask(labels, share, 7); err == nil || !strings.Contains(err.Error(), "is outside (0, 1]") {
			t.Errorf("share %g: error %v", share, err)
		}
	}
	if _, err := LabelMask(labels, 0.05, 7); err == nil || err.Error() !=
		"label share 0.05 leaves none of the 5 images of class 3; use at least 0.1" {
		t.Errorf("error of a tiny share is %v", err)
	}
	if _, err := LabelMask([]int32{0, -1}, 0.5, 7); err == nil {
		t.Error("a negative label is accepted")
	}
}

// Every permutation of three is as frequent as any other.
func TestShuffleIsUniform(t *testing.T) {
	const rounds = 60_000
	counts := map[string]int{}
	for i := range rounds {
		values := []int{0, 1, 2}
		shuffle(values, 5, batchStream, uint64(i))
		counts[fmt.Sprint(values)]++
	}
	if len(counts) != 6 {
		t.Fatalf("%d permutations, want 6", len(counts))
	}
	statistic := 0.0
	for _, count := range counts {
		statistic += math.Pow(float64(count)-rounds/6, 2) / (rounds / 6)
	}
	if statistic > 20.5 { // the 0.1 % point of chi-squared with 5 degrees of freedom
		t.Errorf("chi-squared %.1f of %v", statistic, counts)
	}
}

func TestShuffleStreamsDiffer(t *testing.T) {
	seen := map[string]string{}
	for _, use := range []stream{splitStream, maskStream, batchStream, sheetStream, testStream} {
		for number := range uint64(3) {
			values := make([]int, 20)
			for i := range values {
				values[i] = i
			}
			shuffle(values, 1, use, number)
			name, key := fmt.Sprint(use, number), fmt.Sprint(values)
			if before, taken := seen[key]; taken {
				t.Errorf("streams %s and %s give the same permutation", before, name)
			}
			seen[key] = name
		}
	}
}

func ExampleLabelMask() {
	labels := []int32{0, 0, 0, 0, 1, 1, 1, 1}
	mask, err := LabelMask(labels, 0.25, 1)
	known := 0
	for _, isKnown := range mask {
		if isKnown {
			known++
		}
	}
	fmt.Println(known, err)
	// Output: 2 <nil>
}
