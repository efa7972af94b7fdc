package metric

import (
	"fmt"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

func TestSpatialFeatures(t *testing.T) {
	maps := make([]float64, 2*2*3*4) // [samples, height, width, channels]
	for i := range maps {
		maps[i] = float64(i)
	}
	features, err := SpatialFeatures(maps, 2, 3, 4, 2)
	if err != nil {
		t.Fatal(err)
	}
	want := []float64{24, 25, 28, 29, 32, 33, 36, 37, 40, 41, 44, 45}
	if got := features.RawRowView(1); !slices.Equal(got, want) {
		t.Errorf("features %v, want %v", got, want)
	}
	_, err = SpatialFeatures(maps[1:], 2, 3, 4, 2)
	wantError(t, err, "no whole number")
	_, err = SpatialFeatures(maps, 2, 3, 4, 5)
	wantError(t, err, "5 of 4 channels")
	_, err = SpatialFeatures(nil, 2, 3, 4, 1)
	wantError(t, err, "0 values")
}

// sFID is FID under another name, because its values are not comparable.
func TestSFID(t *testing.T) {
	a, b := normal(40, 6, 0, 1), normal(40, 6, 1, 2)
	want, err := FID(a, b)
	if err != nil {
		t.Fatal(err)
	}
	got, err := SFID(a, b)
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != "sFID" || got.Value != want.Value {
		t.Errorf("%s %v, want sFID %v", got.Name, got.Value, want.Value)
	}
	_, err = SFID(a, normal(40, 5, 0, 1))
	wantError(t, err, "one network")
}

func ExampleSpatialFeatures() {
	// Two maps of 1x2 pixels with 3 channels, of which the first is kept.
	features, err := SpatialFeatures([]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 1, 2, 3, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(mat.Formatted(features))
	// Output:
	// ⎡ 1   4⎤
	// ⎣ 7  10⎦
}
