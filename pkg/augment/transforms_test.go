package augment

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"
)

func wantClose(t *testing.T, what string, got, want []float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range want {
		if d := math.Abs(float64(got[i]) - float64(want[i])); !(d <= tolerance) {
			t.Fatalf("%s: value %d is %g, want %g", what, i, got[i], want[i])
		}
	}
}

// ramp is an image with different pixels; a pixel's channels differ by 1000.
func ramp(height, width, channels int) picture {
	p := picture{height: height, width: width, channels: channels}
	for i := range height * width {
		for c := range channels {
			p.pixels = append(p.pixels, float32(i+1000*c))
		}
	}
	return p
}

func (p picture) like() picture {
	p.pixels = make([]float32, len(p.pixels))
	return p
}

// Every transform equals Kornia's: see testdata/kornia.py.
func TestTransformsEqualKornia(t *testing.T) {
	content, err := os.ReadFile("testdata/kornia.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string][]float32
	if err := json.Unmarshal(content, &golden); err != nil {
		t.Fatal(err)
	}
	recolour := recolouring{brightness: 1.08, contrast: 0.93, saturation: 1.09, turn: -0.07}
	transforms := map[string]func(to, source picture){
		"flip":       func(to, _ picture) { flip(to) },
		"contrast":   func(to, _ picture) { scale(to.pixels, 1.7) },
		"brightness": func(to, _ picture) { brighten(to.pixels, 0.65) },
		"smoothed":   func(to, source picture) { sharpen(to, source, 0.45) },
		"sharpened":  func(to, source picture) { sharpen(to, source, 1.8) },
		"rotation":   func(to, source picture) { rotate(to, source, 25) },
		"crop":       func(to, source picture) { crop(to, source, rectangle{x: 1, y: 2, width: 3, height: 4}) },
		"jitter0123": func(to, _ picture) { recolour.apply(to.pixels, [4]int{0, 1, 2, 3}) },
		"jitter3210": func(to, _ picture) { recolour.apply(to.pixels, [4]int{3, 2, 1, 0}) },
	}
	compared := 0
	for channels, kind := range map[int]string{1: "grey", 3: "colour"} {
		source := picture{height: 6, width: 5, channels: channels}
		for k := range 6 * 5 * channels {
			source.pixels = append(source.pixels, float32((97*k+13*k*k)%256)/127.5-1)
		}
		to := source.like()
		for name, transform := range transforms {
			want, known := golden[kind+" "+name]
			if !known {
				continue
			}
			compared++
			copy(to.pixels, source.pixels)
			transform(to, source)
			wantClose(t, kind+" "+name, to.pixels, want, 2e-6)
		}
		mirrored := source.like()
		copy(mirrored.pixels, source.pixels)
		flip(mirrored)
		copy(to.pixels, source.pixels)
		mix(to.pixels, mirrored.pixels, 0.3)
		compared++
		wantClose(t, kind+" mixup", slices.Concat(to.pixels, mirrored.pixels), golden[kind+" mixup"], 1e-6)
	}
	if compared != len(golden) {
		t.Errorf("compared %d of %d cases", compared, len(golden))
	}
}

func TestCrop(t *testing.T) {
	source := ramp(4, 6, 3)
	to := source.like()
	crop(to, source, rectangle{width: 6, height: 4})
	wantClose(t, "the whole", to.pixels, source.pixels, 1e-4)

	crop(to, source, rectangle{x: 4, y: 2, width: 1, height: 1})
	for i, v := range to.pixels {
		if want := float32(2*6 + 4 + 1000*(i%3)); v != want {
			t.Fatalf("one pixel: value %d is %g, want %g", i, v, want)
		}
	}

	line := picture{pixels: []float32{0, 1, 2, 3, 4}, height: 1, width: 5, channels: 1}
	to = line.like()
	crop(to, line, rectangle{x: 1, y: 0, width: 3, height: 1})
	wantClose(t, "corner to corner", to.pixels, []float32{1, 1.5, 2, 2.5, 3}, 1e-6)
}

// Crops lie in the image and have the areas and ratios that were asked for, up to
// the rounding of their sides.
func TestDrawCrop(t *testing.T) {
	const height, width, draws = 40, 40, 2000
	var r random
	at := map[bool]int{}
	smallest, greatest := 1.0, 0.0
	for i := range draws {
		r.begin(1, cropImage, 0, i)
		p := drawCrop(&r, Transform{1, 0.5, 1}, height, width)
		if p.x < 0 || p.y < 0 || p.width < 1 || p.height < 1 || p.x+p.width > width || p.y+p.height > height {
			t.Fatalf("crop %+v leaves the image", p)
		}
		area := float64(p.width*p.height) / (height * width)
		smallest, greatest = min(smallest, area), max(greatest, area)
		if ratio := float64(p.width) / float64(p.height); ratio < narrowest-0.05 || ratio > widest+0.05 {
			t.Errorf("crop %+v has ratio %g", p, ratio)
		}
		at[p.x == 0 && p.y == 0]++
	}
	if smallest < 0.48 || smallest > 0.55 || greatest < 0.9 || greatest >= 1 {
		t.Errorf("areas from %g to %g, want 0.5 to nearly 1", smallest, greatest)
	}
	if at[true] > draws/4 {
		t.Errorf("%d of %d crops begin in the corner", at[true], draws)
	}

	// The whole area has no sides below the image's.
	for _, test := range []struct{ height, width, wantHeight, wantWidth int }{
		{40, 40, 30, 40}, {30, 60, 30, 40}, {60, 30, 22, 30}, {1, 1, 1, 1},
	} {
		r.begin(1, cropImage, 0, 0)
		if p := drawCrop(&r, Transform{1, 1, 1}, test.height, test.width); p.height != test.wantHeight || p.width != test.wantWidth {
			t.Errorf("%d×%d: crop %+v, want %d×%d", test.height, test.width, p, test.wantHeight, test.wantWidth)
		}
	}
}

func TestRotate(t *testing.T) {
	source := picture{pixels: []float32{1, 2, 3, 4, 5, 6, 7, 8, 9}, height: 3, width: 3, channels: 1}
	for degrees, want := range map[float64][]float32{
		0:    source.pixels,
		90:   {3, 6, 9, 2, 5, 8, 1, 4, 7},
		180:  {9, 8, 7, 6, 5, 4, 3, 2, 1},
		-90:  {7, 4, 1, 8, 5, 2, 9, 6, 3},
		360:  source.pixels,
		-360: source.pixels,
	} {
		to := source.like()
		rotate(to, source, degrees)
		wantClose(t, "rotation", to.pixels, want, 1e-5)
	}
	// At 45° the corners come from outside, at 1.41 pixels from the middle.
	to := source.like()
	rotate(to, source, 45)
	if to.pixels[4] != 5 || to.pixels[0] >= 2 {
		t.Errorf("45 degrees: %v", to.pixels)
	}
}

func TestFlip(t *testing.T) {
	p := picture{pixels: []float32{1, 2, 3, 4, 5, 6, 7, 8, 9}, height: 1, width: 3, channels: 3}
	flip(p)
	if want := []float32{7, 8, 9, 4, 5, 6, 1, 2, 3}; !slices.Equal(p.pixels, want) {
		t.Errorf("%v, want %v", p.pixels, want)
	}
	for width := range 6 {
		p, want := ramp(3, width+1, 1), ramp(3, width+1, 1)
		flip(p)
		flip(p)
		if !slices.Equal(p.pixels, want.pixels) {
			t.Errorf("width %d: flipped twice it is another image", width+1)
		}
	}
}

func TestIntensity(t *testing.T) {
	x := []float32{-1, -0.5, 0, 0.25, 0.5, 1}
	for name, test := range map[string]struct {
		change func([]float32)
		want   []float32
	}{
		"contrast 1.8":   {func(p []float32) { scale(p, 1.8) }, []float32{0, 0, 0, 0.45, 0.9, 1}},
		"contrast 0.6":   {func(p []float32) { scale(p, 0.6) }, []float32{0, 0, 0, 0.15, 0.3, 0.6}},
		"brightness 1.8": {func(p []float32) { brighten(p, 1.8) }, []float32{0, 0.3, 0.8, 1, 1, 1}},
		"brightness 0.6": {func(p []float32) { brighten(p, 0.6) }, []float32{0, 0, 0, 0, 0.1, 0.6}},
		"mixup":          {func(p []float32) { mix(p, []float32{1, 1, 1, 1, 1, 1}, 0.25) }, []float32{-0.5, -0.125, 0.25, 0.4375, 0.625, 1}},
	} {
		got := slices.Clone(x)
		test.change(got)
		wantClose(t, name, got, test.want, 1e-6)
	}
}

func TestSharpenKeepsFlatImages(t *testing.T) {
	flat := picture{pixels: slices.Repeat([]float32{0.5}, 25), height: 5, width: 5, channels: 1}
	for _, factor := range []float32{0, 0.4, 1, 2} {
		to := flat.like()
		sharpen(to, flat, factor)
		wantClose(t, "flat", to.pixels, flat.pixels, 1e-6)
	}
	source, to := ramp(4, 4, 3), ramp(4, 4, 3).like()
	sharpen(to, source, 1)
	if !slices.Equal(to.pixels, source.pixels) {
		t.Error("sharpness 1 changes an image")
	}
}

func TestHue(t *testing.T) {
	for name, test := range map[string]struct {
		turn float32
		want []float32
	}{
		"red to green": {1.0 / 3, []float32{0.2, 0.9, 0.2}},
		"red to blue":  {-1.0 / 3, []float32{0.2, 0.2, 0.9}},
		"red to cyan":  {0.5, []float32{0.2, 0.9, 0.9}},
		"nothing":      {0, []float32{0.9, 0.2, 0.2}},
	} {
		p := []float32{0.9, 0.2, 0.2}
		turnHue(p, test.turn)
		wantClose(t, name, p, test.want, 1e-6)
	}
	grey := []float32{-0.3, -0.3, -0.3}
	turnHue(grey, 0.2)
	wantClose(t, "grey", grey, []float32{-0.3, -0.3, -0.3}, 0)
}
