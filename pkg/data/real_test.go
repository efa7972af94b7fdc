package data

import (
	"math"
	"path/filepath"
	"slices"
	"testing"
)

// Real data sets, where they are on this machine: counts as published, and mean pixels as Pillow decodes them.
func TestRealDataSets(t *testing.T) {
	balanced := slices.Repeat([]int{1000}, 10)
	usps := []int{359, 264, 198, 166, 200, 160, 170, 147, 166, 177}
	for _, test := range []struct {
		name        string
		train, test int
		counts      []int   // of the test part's classes; nil if unknown
		mean        float64 // of the test part's pixels, from 0 to 1; 0 if unknown
	}{
		{name: "mnist", train: 60_000, test: 10_000, counts: []int{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}},
		{name: "cifar-10", train: 50_000, test: 10_000, counts: balanced},
		{name: "cifar-100", train: 50_000, test: 10_000, counts: slices.Repeat([]int{100}, 100)},
		{name: "cifar10-jpeg", train: 50_000, test: 10_000, counts: balanced, mean: (0.4941 + 0.4851 + 0.4504) / 3}, // by Pillow
		{name: "svhn", train: 73_257, test: 26_032},
		{name: "usps", train: 7291, test: 2007, counts: usps},
		{name: "usps-esl", train: 7291, test: 2007, counts: usps},
		{name: "malaria", train: 22_046, test: 5512, counts: []int{2756, 2756}},
		{name: "malaria200", train: 160, test: 40, counts: []int{20, 20}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dataset, err := Load(t.Context(), test.name, Options{Offline: true})
			if err != nil {
				t.Skip(err)
			}
			if dataset.Train.Len() != test.train || dataset.Test.Len() != test.test {
				t.Errorf("%d training and %d test images, want %d and %d", dataset.Train.Len(), dataset.Test.Len(), test.train, test.test)
			}
			if counts := dataset.Test.ClassCounts(len(dataset.Classes)); test.counts != nil && !slices.Equal(counts, test.counts) {
				t.Errorf("%v test images of the classes, want %v", counts, test.counts)
			}
			if mean := meanPixel(dataset.Test); test.mean > 0 && math.Abs(mean-test.mean) > 0.0001 {
				t.Errorf("mean pixel of the test part is %.4f, want %.4f", mean, test.mean)
			}
		})
	}
}

func meanPixel(split Split) float64 {
	total := 0.0
	for _, pixel := range split.Images {
		total += float64(pixel)
	}
	return total / float64(len(split.Images)) / 255
}

// The official test file of USPS is read as its own data set would be, where it is here without the training file.
func TestRealUSPSTest(t *testing.T) {
	paths, _, err := Locate("usps")
	if err != nil || paths["usps.t.bz2"] == "" {
		t.Skipf("usps.t.bz2 is not on this machine (%v)", err)
	}
	split, err := readBzip2(foundFile{path: paths["usps.t.bz2"]}, readUSPS)
	if err != nil {
		t.Fatal(err)
	}
	if counts := split.ClassCounts(10); !slices.Equal(counts, []int{359, 264, 198, 166, 200, 160, 170, 147, 166, 177}) {
		t.Errorf("%s has %v digits", filepath.Base(paths["usps.t.bz2"]), counts)
	}
	// On values in [0, 1] it is 0.2614; cutting to whole pixels takes about half a step of 1/255 from the grey ones.
	if mean := meanPixel(split); mean < 0.2595 || mean > 0.2614 {
		t.Errorf("mean pixel is %.4f", mean)
	}
}
