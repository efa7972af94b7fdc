package data

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/quick"
)

func numbered(n int) Split {
	labels := make([]int32, n)
	for i := range labels {
		labels[i] = int32(i)
	}
	return labelled(labels...)
}

// take returns the labels, which are the positions, of batches from…to−1.
func take(t testing.TB, batches *Batches, from, to int) []int32 {
	t.Helper()
	var all []int32
	for step := from; step < to; step++ {
		images, labels := make([]float32, batches.Size()), make([]int32, batches.Size())
		if err := batches.Fill(step, images, labels); err != nil {
			t.Fatal(err)
		}
		for i, label := range labels {
			if want := float32(float64(uint8(label))/127.5 - 1); images[i] != want {
				t.Fatalf("image %d of step %d is %g, but its label's image is %g", i, step, images[i], want)
			}
		}
		all = append(all, labels...)
	}
	return all
}

// Every epoch sees every image once, whether or not batches fit into it; epochs differ; resuming changes nothing.
func TestBatchesProperties(t *testing.T) {
	property := func(length, size uint8, seed uint64, resumeAt uint8) bool {
		n := int(length)%200 + 1
		b := int(size)%n + 1
		split := numbered(n)
		batches, err := NewBatches(split, b, seed)
		if err != nil {
			t.Error(err)
			return false
		}
		const epochs = 4
		steps := (epochs*n + b - 1) / b
		sequence := take(t, batches, 0, steps)
		for epoch := range epochs {
			part := slices.Clone(sequence[epoch*n : (epoch+1)*n])
			if epoch > 0 && n > 20 && slices.Equal(part, sequence[:n]) {
				return false
			}
			slices.Sort(part)
			if !slices.Equal(part, split.Labels) {
				return false
			}
		}
		fresh, err := NewBatches(split, b, seed)
		if err != nil {
			t.Error(err)
			return false
		}
		step := int(resumeAt) % steps
		return slices.Equal(take(t, fresh, step, steps), sequence[step*b:]) &&
			slices.Equal(take(t, fresh, 0, 1), sequence[:b]) // going back works too
	}
	if err := quick.Check(property, &quick.Config{MaxCount: 200}); err != nil {
		t.Error(err)
	}
}

// These values, which an independent implementation in Python gives too, hold for good, so that an interrupted training
// resumes alike with every version.
func TestBatchesGolden(t *testing.T) {
	batches, err := NewBatches(numbered(10), 4, 42)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := take(t, batches, 0, 5), []int32{5, 4, 8, 7, 3, 2, 1, 9, 6, 0, 3, 0, 6, 7, 2, 8, 4, 9, 5, 1}; !slices.Equal(got, want) {
		t.Errorf("batches are %v, want %v", got, want)
	}
	other, err := NewBatches(numbered(10), 4, 43)
	if err != nil || slices.Equal(take(t, other, 0, 5), take(t, batches, 0, 5)) {
		t.Errorf("seeds 42 and 43 give the same batches (%v)", err)
	}
}

func TestBatchesReject(t *testing.T) {
	for size, want := range map[int]string{
		0:  "batch size 0; it must be at least 1",
		-1: "batch size -1",
		11: "batch size 11 is larger than the data set of 10 images; use a smaller batch",
	} {
		if _, err := NewBatches(numbered(10), size, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("size %d: error %v, want %q", size, err, want)
		}
	}
	batches, err := NewBatches(numbered(10), 4, 1)
	if err != nil {
		t.Fatal(err)
	}
	for want, err := range map[string]error{
		"batch -1: steps start at 0":         batches.Fill(-1, make([]float32, 4), nil),
		"room for 3 pixels; a batch has 4×1": batches.Fill(0, make([]float32, 3), nil),
		"room for 5 labels; a batch has 4":   batches.Fill(0, make([]float32, 4), make([]int32, 5)),
		"room for 1 indices; a batch has 4":  batches.Indices(0, make([]int, 1)),
		"<nil>":                              batches.Fill(0, make([]float32, 4), nil),
	} {
		if fmt.Sprint(err) != want {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
}

func TestFillAllocatesNothing(t *testing.T) {
	batches, err := NewBatches(numbered(100), 30, 1)
	if err != nil {
		t.Fatal(err)
	}
	images, labels := make([]float32, 30), make([]int32, 30)
	step := 0
	if allocations := testing.AllocsPerRun(100, func() {
		if err := batches.Fill(step, images, labels); err != nil {
			t.Fatal(err)
		}
		step++
	}); allocations > 0.5 { // a new epoch's generator may be allocated
		t.Errorf("%g allocations a batch, want none", allocations)
	}
}

func TestNormalize(t *testing.T) {
	pixels, values, back := make([]uint8, 256), make([]float32, 256), make([]uint8, 256)
	for i := range pixels {
		pixels[i] = uint8(i)
	}
	Normalize(values, pixels)
	if values[0] != -1 || values[255] != 1 || math.Abs(float64(values[128])-1.0/255) > 1e-7 {
		t.Errorf("0, 128, 255 become %g, %g, %g", values[0], values[128], values[255])
	}
	if !slices.IsSorted(values) {
		t.Error("values are not ascending")
	}
	Pixels(back, values)
	if !slices.Equal(back, pixels) {
		t.Error("Pixels does not undo Normalize")
	}
	Pixels(back[:4], []float32{-7, 7, float32(math.NaN()), float32(math.Inf(-1))})
	if !slices.Equal(back[:4], []uint8{0, 255, 0, 0}) {
		t.Errorf("values outside become %v", back[:4])
	}
}

func TestImageAndSheet(t *testing.T) {
	grey := Split{Images: []uint8{1, 2, 3, 4, 5, 6, 250, 8}, Labels: []int32{1, 0}, Height: 2, Width: 2, Channels: 1}
	if got := grey.Image(1).At(0, 1); got != (color.Gray{250}) {
		t.Errorf("grey pixel is %v", got)
	}
	colour := Split{Images: []uint8{1, 2, 3, 4, 5, 6}, Labels: []int32{0}, Height: 1, Width: 2, Channels: 3}
	if got := colour.Image(0).At(1, 0); got != (color.RGBA{4, 5, 6, 255}) {
		t.Errorf("colour pixel is %v", got)
	}
	if first := grey.First(1); first.Len() != 1 || len(first.Images) != 4 || grey.First(9).Len() != 2 || grey.First(-1).Len() != 0 {
		t.Error("First does not take the first images")
	}

	sheet := ContactSheet(grey, []string{"zero", "one", "none"}, 3, 5, 1)
	if want := image.Rect(0, 0, 4*7+8+3*14+4, 3*14+4); sheet.Bounds() != want {
		t.Errorf("the sheet measures %v, want %v", sheet.Bounds(), want)
	}
	at := func(x, y int) uint8 { r, _, _, _ := sheet.At(x, y).RGBA(); return uint8(r >> 8) }
	// Row 0 shows class 0, which is image 1: its lower left pixel, as a block of 5×5.
	left, top := 4*7+8, 4
	if at(left, top+5) != 250 || at(left+4, top+9) != 250 || at(left, top) != 5 || at(left+14, top) != 255 {
		t.Errorf("pixels of the first image are %d, %d, %d, and %d beside it", at(left, top+5), at(left+4, top+9), at(left, top),
			at(left+14, top))
	}
	black := 0
	for x := range left {
		for y := range 14 {
			if at(x, y) == 0 {
				black++
			}
		}
	}
	if black < 20 {
		t.Errorf("%d black pixels where the class name should be", black)
	}
}

func BenchmarkFill(b *testing.B) {
	const n, size, pixels = 60_000, 64, 784
	split := Split{Images: make([]uint8, n*pixels), Labels: make([]int32, n), Height: 28, Width: 28, Channels: 1}
	batches, err := NewBatches(split, size, 1)
	if err != nil {
		b.Fatal(err)
	}
	images, labels := make([]float32, size*pixels), make([]int32, size)
	b.ReportAllocs()
	step := 0
	for b.Loop() {
		if err := batches.Fill(step, images, labels); err != nil {
			b.Fatal(err)
		}
		step++
	}
}

func ExampleBatches() {
	split := Split{Images: []uint8{0, 255, 0, 255}, Labels: []int32{0, 1, 0, 1}, Height: 1, Width: 1, Channels: 1}
	batches, err := NewBatches(split, 2, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	images, labels := make([]float32, 2), make([]int32, 2)
	var sum float32
	for step := range 2 { // one epoch
		if err := batches.Fill(step, images, labels); err != nil {
			fmt.Println(err)
			return
		}
		sum += images[0] + images[1]
	}
	fmt.Println(sum)
	// Output: 0
}
