package features

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/data"
	"noisebook/pkg/engine/enginetest"
	"noisebook/pkg/nn"
	"noisebook/pkg/process"
	"noisebook/pkg/train"
)

func TestPixels(t *testing.T) {
	split := data.Split{Images: []uint8{0, 255, 51, 102}, Labels: make([]int32, 2), Height: 1, Width: 2, Channels: 1}
	last := 0
	got, err := Collect(t.Context(), Pixels{}, nil, FromSplit(split), func(done, _ int) { last = done })
	if err != nil {
		t.Fatal(err)
	}
	if want := mat.NewDense(2, 2, []float64{-1, 1, -0.6, -0.2}); !mat.EqualApprox(got, want, 1e-7) || last != 2 {
		t.Errorf("%v after %d images, want %v", mat.Formatted(got), last, mat.Formatted(want))
	}
	if _, err := Collect(t.Context(), Pixels{}, nil, mixed{}, nil); err == nil || !strings.Contains(err.Error(), "one size") {
		t.Errorf("images of two sizes: %v", err)
	}
}

// mixed are two grey pictures of different sizes.
type mixed struct{}

func (mixed) Len() int                  { return 2 }
func (mixed) Checksum() (string, error) { return "", nil }
func (mixed) Read(i int) (Picture, error) {
	return Picture{Pixels: make([]uint8, 12*(12+i)), Height: 12, Width: 12 + i, Channels: 1}, nil
}

func TestTrainedLeNetEqualsMeasure(t *testing.T) {
	l, err := NewLeNet(16, 1, 3)
	if err != nil {
		t.Fatal(err)
	}
	weights := newWeights(l.Network)
	var file bytes.Buffer
	if err := train.WriteWeights(&file, l.Network, weights, false, nil); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "lenet.safetensors")
	if err := os.WriteFile(path, file.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	n, err := OpenLeNet(path)
	if err != nil {
		t.Fatal(err)
	}
	images := randomImages(3, 16, 1)
	want, _, err := l.Measure(t.Context(), enginetest.Go(t), weights, images)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Collect(t.Context(), n, enginetest.Go(t), FromSplit(images), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !mat.EqualApprox(got, want, 1e-6) {
		t.Error("a LeNet from a file has other features")
	}
	for want, images := range map[string]Images{"16×16×1": mixed{}, "colours": FromSplit(randomImages(1, 16, 3))} {
		if _, err := Collect(t.Context(), n, enginetest.Go(t), images, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("other images: %v, want an error with %q", err, want)
		}
	}
	if _, err := OpenLeNet("testdata/resize.safetensors"); err == nil || !strings.Contains(err.Error(), "no LeNet") {
		t.Errorf("a file of other arrays: %v", err)
	}
}

func smallUNet(t *testing.T) (UNet, train.Weights) {
	t.Helper()
	net := train.Network{Layout: &nn.Layout{}, Statistics: &nn.Layout{}}
	unet, err := nn.NewUNet(net.Layout, nn.UNetConfig{ImageSize: 8, Channels: 1, Width: 8, Multipliers: []int{1, 2}, Blocks: 1, AttentionAt: []int{2}, Heads: 2, NormGroups: 4, Patch: 1})
	if err != nil {
		t.Fatal(err)
	}
	betas, err := process.Cosine(10)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := process.NewDDPM(betas)
	if err != nil {
		t.Fatal(err)
	}
	return UNet{Network: net, UNet: unet, Chain: chain}, newWeights(net)
}

func TestUNetParts(t *testing.T) {
	u, weights := smallUNet(t)
	images := randomImages(4, 8, 1)
	parts := map[Part]*mat.Dense{}
	for _, part := range []Part{Encoder, Decoder, Both} {
		u.Part = part
		z, err := u.At(t.Context(), enginetest.Go(t), weights, images, 4, 1)
		if err != nil {
			t.Fatal(err)
		}
		parts[part] = z
	}
	_, width := parts[Encoder].Dims()
	if width != u.UNet.FeatureWidth() {
		t.Errorf("%d encoder features, want %d", width, u.UNet.FeatureWidth())
	}
	_, decoder := parts[Decoder].Dims()
	if decoder != 16+16+8+8 { // two blocks a level
		t.Errorf("%d decoder features, want 48", decoder)
	}
	n, both := parts[Both].Dims()
	if n != images.Len() || both != width+decoder ||
		!mat.EqualApprox(parts[Both].Slice(0, n, 0, width), parts[Encoder], 1e-6) ||
		!mat.EqualApprox(parts[Both].Slice(0, n, width, both), parts[Decoder], 1e-6) {
		t.Error("both parts are not the encoder's and the decoder's")
	}
	blocks := map[string]Block{}
	for _, part := range []Part{Encoder, Decoder, Both} {
		u.Part = part
		at := 0
		for _, b := range u.Blocks() {
			if b.From != at || b.To-b.From != b.Channels {
				t.Errorf("%s: block %+v does not follow column %d", part, b, at)
			}
			at, blocks[b.Name] = b.To, b
		}
		if _, width := parts[part].Dims(); at != width {
			t.Errorf("%s: blocks end at column %d of %d", part, at, width)
		}
	}
	if first := blocks["decoder.0"]; first.From != width || first.Side != 4 {
		t.Errorf("the decoder begins with %+v, want it after the encoder's %d columns", first, width)
	}
	u.Part = "middle"
	if _, err := u.At(t.Context(), enginetest.Go(t), weights, images, 4, 1); err == nil {
		t.Error("features of an unknown part")
	}
}

// Clean features have no noise in them, whatever the seed, and are told their t.
func TestCleanUNet(t *testing.T) {
	u, weights := smallUNet(t)
	rng := rand.New(rand.NewPCG(1, 0))
	for i := range weights.Values { // a block of fresh weights ends with zeros, and hides t
		weights.Values[i] += float32(0.1 * rng.NormFloat64())
	}
	images := randomImages(3, 8, 1)
	at := func(clean bool, step int, seed uint64) *mat.Dense {
		u.Clean = clean
		z, err := u.At(t.Context(), enginetest.Go(t), weights, images, step, seed)
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
	clean := at(true, 0, 1)
	if !mat.Equal(at(true, 0, 2), clean) {
		t.Error("clean features depend on the seed of the noise")
	}
	if mat.EqualApprox(at(false, 0, 1), clean, 1e-6) {
		t.Error("clean features are those of noised images")
	}
	if mat.EqualApprox(at(true, 4, 1), clean, 1e-6) {
		t.Error("clean features are told the same t at every step")
	}
	n := UNetAt{UNet: u}
	if named := n.Settings(); named["noise"] != "none" {
		t.Errorf("settings %v do not say that there is no noise", named)
	}
}

// The noise belongs to the seed and the image alone, and grows with t.
func TestUNetNoise(t *testing.T) {
	u, weights := smallUNet(t)
	images := randomImages(5, 8, 1)
	at := func(images data.Split, step int, seed uint64) *mat.Dense {
		z, err := u.At(t.Context(), enginetest.Go(t), weights, images, step, seed)
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
	whole := at(images, 3, 1)
	_, width := whole.Dims()
	if !mat.EqualApprox(at(images.First(2), 3, 1), whole.Slice(0, 2, 0, width), 1e-6) {
		t.Error("the first images have other features than within the set")
	}
	if mat.EqualApprox(at(images, 3, 2), whole, 1e-3) {
		t.Error("another seed draws the same noise")
	}
	compiled, err := u.Compile(enginetest.Go(t), weights)
	if err != nil {
		t.Fatal(err)
	}
	defer compiled.Close()
	for _, step := range []int{0, 3} {
		told := 0
		z, err := compiled.At(t.Context(), images, step, 1, func(done, total int) {
			if told = done; total != images.Len() {
				t.Errorf("progress of %d images, want %d", total, images.Len())
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if same := mat.EqualApprox(z, whole, 1e-3); same != (step == 3) || told != images.Len() {
			t.Errorf("at step %d features equal those of step 3: %t; progress ends at %d", step, same, told)
		}
	}
	for _, step := range []int{-1, 10} {
		if _, err := u.At(t.Context(), enginetest.Go(t), weights, images, step, 1); err == nil {
			t.Errorf("features at step %d of 10", step)
		}
	}
}

// Extract gives each image its own features, through the preprocessing and the
// layer that were chosen, whatever its size and place in a batch.
func TestInceptionOfEachImage(t *testing.T) {
	e := enginetest.XLA(t) // the pure-Go backend takes too long with Inception
	layout := &nn.Layout{}
	n := &Inception{options: InceptionOptions{Layer: Pool1, Preprocess: CleanFID, Size: 75}, layout: layout, network: nn.NewInception(layout)}
	n.weights = layout.Initialize(1)
	images := inTurn{formula(10, 20), formula(100, 80), formula(75, 75)}
	got, err := Collect(t.Context(), n, e, images, nil)
	if err != nil {
		t.Fatal(err)
	}
	if rows, columns := got.Dims(); rows != inceptionBatch+2 || columns != 64 {
		t.Fatalf("%d×%d features, want %d×64", rows, columns, inceptionBatch+2)
	}
	values := make([]float32, 75*75*3)
	for i := range 3 {
		CleanFID.prepare(images[i], 75, values)
		alone, err := Extract(t.Context(), enginetest.Go(t), train.Network{Layout: layout, Statistics: &nn.Layout{}}, train.Weights{Values: n.weights},
			func(p *nn.Pass, x *graph.Node) []*graph.Node {
				prepared := graph.Reshape(graph.Const(x.Graph(), values), 1, 75, 75, 3)
				pool := n.network.Forward(p, prepared).Pool1
				return []*graph.Node{graph.BroadcastToDims(pool, x.Shape().Dimensions[0], 64)}
			}, data.Split{Images: make([]uint8, 1), Labels: make([]int32, 1), Height: 1, Width: 1, Channels: 1})
		if err != nil {
			t.Fatal(err)
		}
		for row := i; row < inceptionBatch+2; row += 3 {
			for c := range 64 {
				if d := got.At(row, c) - alone[0].At(0, c); !(math.Abs(d) < 1e-4) {
					t.Fatalf("image %d, feature %d: %g, alone %g", row, c, got.At(row, c), alone[0].At(0, c))
				}
			}
		}
	}
}

// inTurn repeats pictures over a batch and two more.
type inTurn []Picture

func (inTurn) Len() int                      { return inceptionBatch + 2 }
func (inTurn) Checksum() (string, error)     { return "", nil }
func (p inTurn) Read(i int) (Picture, error) { return p[i%len(p)], nil }

func TestNewInceptionRefuses(t *testing.T) {
	for want, test := range map[string]struct {
		path    string
		options InceptionOptions
	}{
		"unknown layer":         {"testdata/resize.safetensors", InceptionOptions{Layer: "pool4"}},
		"unknown preprocessing": {"testdata/resize.safetensors", InceptionOptions{Preprocess: "bicubic"}},
		"none.pth":              {"none.pth", InceptionOptions{}},
		"no Conv2d_1a_3x3":      {"testdata/resize.safetensors", InceptionOptions{}},
		"neither a ZIP archive": {"testdata/resize.py", InceptionOptions{}},
	} {
		_, err := NewInception(test.path, test.options)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want one line with %q", err, want)
		}
	}
}
