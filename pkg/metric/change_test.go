package metric

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
)

func TestClassChanges(t *testing.T) {
	before := mat.NewDense(2, 3, []float64{0.8, 0.5, 0.1, 0.6, 0.5, 0.3})
	after := mat.NewDense(2, 3, []float64{0.2, 0.6, 0.1, 0.4, 0.4, 0.7})
	change, err := ClassChanges(before, after, 0)
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "before", change.Before.Value, 0.7, 1e-15)
	wantNear(t, "target", change.Target.Value, -0.4, 1e-15)
	// Class 1 moves by +0.1 and -0.1, which do not cancel.
	wantNear(t, "others", change.Others.Value, (0.1+0+0.1+0.4)/4, 1e-15)
	for class, want := range []float64{0.4, 0.1, 0.2} {
		wantNear(t, "by class", change.Class[class], want, 1e-15)
	}
	for i, want := range []float64{0.05, 0.25} {
		wantNear(t, "by sample", change.Sample[i], want, 1e-15)
	}
	if change.Others.N["images"] != 2 || change.Others.Settings["target class"] != 0 {
		t.Errorf("it says %v, %v", change.Others.N, change.Others.Settings)
	}
}

func TestClassChangesRefuse(t *testing.T) {
	x := normal(3, 2, 0, 1)
	_, err := ClassChanges(x, normal(2, 2, 0, 1), 0)
	wantError(t, err, "pair up")
	_, err = ClassChanges(x, x, 2)
	wantError(t, err, "target class 2 of 2")
	_, err = ClassChanges(normal(3, 1, 0, 1), normal(3, 1, 0, 1), 0)
	wantError(t, err, "2 classes or more")
	_, err = ClassChanges(x, withNaN(x), 0)
	wantError(t, err, "the scores after has NaN")
}

func TestPixelChanges(t *testing.T) {
	// 2x4 pixels; the left half changes by 0.5, the right by 0.1.
	before := Images{Height: 2, Width: 4, Channels: 1, Values: make([]float64, 16)}
	after := Images{Height: 2, Width: 4, Channels: 1, Values: []float64{
		0.5, 0.5, 0.1, 0.1, -0.5, 0.5, 0.1, -0.1,
		0.5, 0.5, 0.1, 0.1, 0.5, 0.5, 0.1, 0.1,
	}}
	left := Box{Width: 2, Height: 2}
	for name, test := range map[string]struct {
		boxes                  [][]Box
		inside, outside, first float64
	}{
		"left half":                 {[][]Box{{left}, {left}}, 0.5, 0.1, 0.5},
		"centres decide":            {[][]Box{{{X: -0.4, Y: 0.4, Width: 2.1, Height: 9}}, {left}}, 0.5, 0.1, 0.5},
		"overlapping boxes":         {[][]Box{{left, {X: 1, Width: 1, Height: 2}}, {left}}, 0.5, 0.1, 0.5},
		"images count the same":     {[][]Box{{{Width: 3, Height: 2}}, {left}}, (2.2/6 + 0.5) / 2, 0.1, 2.2 / 6},
		"one pixel, from one image": {[][]Box{{{X: 3, Y: 1, Width: 1, Height: 1}}, {left}}, 0.3, (2.3/7 + 0.1) / 2, 0.1},
	} {
		t.Run(name, func(t *testing.T) {
			change, err := PixelChanges(before, after, test.boxes)
			if err != nil {
				t.Fatal(err)
			}
			wantNear(t, "inside", change.Inside.Value, test.inside, 1e-15)
			wantNear(t, "outside", change.Outside.Value, test.outside, 1e-15)
			wantNear(t, "inside of the first image", change.InsideImage[0], test.first, 1e-15)
		})
	}
}

func TestPixelChangesRefuse(t *testing.T) {
	images := Images{Height: 2, Width: 2, Channels: 1, Values: make([]float64, 8)}
	one := [][]Box{{{Width: 1, Height: 1}}, {{Width: 1, Height: 1}}}
	_, err := PixelChanges(images, Images{Height: 2, Width: 2, Channels: 1, Values: make([]float64, 4)}, one)
	wantError(t, err, "pair up")
	_, err = PixelChanges(images, images, one[:1])
	wantError(t, err, "2 images for 1 lists of boxes")
	_, err = PixelChanges(images, images, [][]Box{one[0], {{Width: 2, Height: 2}}})
	if !errors.Is(err, ErrUndefined) {
		t.Errorf("a box over the whole image: %v", err)
	}
	wantError(t, err, "image 1: 4 of 4 pixels")
	_, err = PixelChanges(images, images, [][]Box{one[0], nil})
	wantError(t, err, "image 1: 0 of 4 pixels")
	broken := Images{Height: 2, Width: 2, Channels: 1, Values: []float64{0, math.NaN(), 0, 0, 0, 0, 0, 0}}
	_, err = PixelChanges(images, broken, one)
	wantError(t, err, "the images after has NaN at index 1")
	ragged := Images{Height: 3, Width: 1, Channels: 1, Values: make([]float64, 8)}
	_, err = PixelChanges(ragged, ragged, one)
	wantError(t, err, "no whole number of images")
}

func ExampleClassChanges() {
	before := mat.NewDense(2, 3, []float64{0.9, 0.2, 0.1, 0.7, 0.3, 0.1})
	after := mat.NewDense(2, 3, []float64{0.1, 0.2, 0.2, 0.1, 0.2, 0.1})
	change, err := ClassChanges(before, after, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.2f, target %+.2f, others %.2f\n", change.Before.Value, change.Target.Value, change.Others.Value)
	// Output: 0.80, target -0.70, others 0.05
}
