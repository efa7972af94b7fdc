package features

import (
	"context"
	"fmt"
	"strings"

	"github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/engine"
	"noisebook/pkg/fetch"
	"noisebook/pkg/nn"
	"noisebook/pkg/pytorch"
	"noisebook/pkg/safetensors"
	"noisebook/pkg/train"
)

// Layer names an output of Inception that metrics use.
type Layer string

// The layers, by width.
const (
	Pool3             Layer = "pool3"               // 2048: FID, KID, precision and recall
	Mixed6            Layer = "mixed6"              // 768
	Pool2             Layer = "pool2"               // 192
	Pool1             Layer = "pool1"               // 64
	Spatial           Layer = "spatial"             // 2023 = 17·17·7: sFID
	Logits            Layer = "logits"              // 1008
	LogitsWithoutBias Layer = "logits-without-bias" // 1008
	Probabilities     Layer = "probabilities"       // 1008, softmax of the logits without bias: Inception Score
)

// Layers are all of them.
func Layers() []Layer {
	return []Layer{Pool3, Mixed6, Pool2, Pool1, Spatial, Logits, LogitsWithoutBias, Probabilities}
}

// Preprocessing says whose way of bringing images to 299×299 and to the
// network's range is followed. Distances of different ways do not compare.
type Preprocessing string

// The ways of the programs of these names; resize.go says how they differ.
const (
	TorchFidelity Preprocessing = "torch-fidelity" // TensorFlow 1's bilinear, (x − 128)/128: also that of the original FID and of OpenAI's evaluator
	PyTorchFID    Preprocessing = "pytorch-fid"    // PyTorch's bilinear, (x − 127.5)/127.5
	CleanFID      Preprocessing = "clean-fid"      // Pillow's bicubic with smoothing, (x − 128)/128
)

// Preprocessings are all of them.
func Preprocessings() []Preprocessing { return []Preprocessing{TorchFidelity, PyTorchFID, CleanFID} }

// InceptionOptions choose what Inception gives; the zero value is what the FID
// of the original code and of torch-fidelity is made from.
type InceptionOptions struct {
	Layer      Layer         // empty means Pool3
	Preprocess Preprocessing // empty means TorchFidelity
	// Size is the side that images are brought to; 0 means 299, which all
	// published distances take. Other sizes are for tests of the code.
	Size int
}

// Inception is the network of [nn.Inception] with weights, a layer and a preprocessing.
type Inception struct {
	options InceptionOptions
	layout  *nn.Layout
	network *nn.Inception
	weights []float32
	origin  string // of the weights
}

// NewInception reads weights from a file: the published state dict as .pth,
// which [InceptionWeights] finds, or the same names as .safetensors.
func NewInception(path string, options InceptionOptions) (*Inception, error) {
	if options.Layer == "" {
		options.Layer = Pool3
	}
	if options.Preprocess == "" {
		options.Preprocess = TorchFidelity
	}
	if options.Size == 0 {
		options.Size = nn.InceptionSize
	}
	if err := oneOf("layer", options.Layer, Layers()); err != nil {
		return nil, err
	}
	if err := oneOf("preprocessing", options.Preprocess, Preprocessings()); err != nil {
		return nil, err
	}
	checksum, err := fetch.Digest(path)
	if err != nil {
		return nil, fmt.Errorf("features: Inception weights: %w", err)
	}
	n := &Inception{options: options, layout: &nn.Layout{}, origin: "sha256 " + checksum[:16]}
	if checksum == inceptionSHA256 {
		n.origin = "pt_inception-2015-12-05, " + n.origin
	}
	n.network = nn.NewInception(n.layout)
	file, closeFile, err := openStateDict(path)
	if err != nil {
		return nil, fmt.Errorf("features: Inception weights: %w", err)
	}
	defer closeFile()
	if n.weights, err = n.network.FromPyTorch(file); err != nil {
		return nil, fmt.Errorf("features: %s: %w", path, err)
	}
	return n, nil
}

// oneOf refuses a value that is not among the known ones.
func oneOf[T ~string](what string, value T, known []T) error {
	names := make([]string, len(known))
	for i, k := range known {
		if k == value {
			return nil
		}
		names[i] = string(k)
	}
	return fmt.Errorf("features: unknown %s %q; use one of %s", what, value, strings.Join(names, ", "))
}

func openStateDict(path string) (nn.StateDict, func() error, error) {
	if strings.HasSuffix(path, ".safetensors") {
		file, err := safetensors.Read(path)
		return file, func() error { return nil }, err
	}
	file, err := pytorch.Open(path)
	if err != nil {
		return nil, nil, err
	}
	return file, file.Close, nil
}

// Name is "inception".
func (n *Inception) Name() string { return "inception" }

// Settings name the layer, the preprocessing and the weights.
func (n *Inception) Settings() map[string]string {
	settings := map[string]string{"layer": string(n.options.Layer), "preprocess": string(n.options.Preprocess), "weights": n.origin}
	if n.options.Size != nn.InceptionSize {
		settings["size"] = fmt.Sprint(n.options.Size)
	}
	return settings
}

// UsesEngine is true.
func (n *Inception) UsesEngine() bool { return true }

// inceptionBatch keeps the activations of a batch, 18 MB an image, near the
// processor; larger batches are no faster.
const inceptionBatch = 16

// Each gives a row of the layer's width an image.
func (n *Inception) Each(ctx context.Context, e *engine.Engine, images Images, from int, sink Sink) error {
	net := train.Network{Layout: n.layout, Statistics: &nn.Layout{}}
	x, err := newExtractor(e, "inception "+string(n.options.Layer), net, train.Weights{Values: n.weights}, min(inceptionBatch, images.Len()),
		func(p *nn.Pass, images *graph.Node, _ []*graph.Node) []*graph.Node {
			return []*graph.Node{n.options.Layer.of(n.network.Forward(p, images))}
		})
	if err != nil {
		return err
	}
	defer x.close()
	size := n.options.Size
	return x.run(ctx, from, images.Len(), [3]int{size, size, 3}, func(i int, values []float32) error {
		p, err := images.Read(i)
		if err != nil {
			return err
		}
		n.options.Preprocess.prepare(p.RGB(), size, values)
		return nil
	}, sink.first)
}

func (l Layer) of(taps nn.InceptionTaps) *graph.Node {
	switch l {
	case Mixed6:
		return taps.Mixed6
	case Pool2:
		return taps.Pool2
	case Pool1:
		return taps.Pool1
	case Spatial:
		return taps.Spatial
	case Logits:
		return taps.Logits
	case LogitsWithoutBias:
		return taps.LogitsWithoutBias
	case Probabilities:
		return graph.Softmax(taps.LogitsWithoutBias, -1)
	}
	return taps.Pool3
}

// prepare writes a picture of three channels at size×size in the network's range.
func (p Preprocessing) prepare(picture Picture, size int, values []float32) {
	resize, middle, half := resizeTensorFlow, float32(128), float32(128)
	switch p {
	case PyTorchFID:
		resize, middle, half = resizePyTorch, 127.5, 127.5
	case CleanFID:
		resize = resizePillow
	}
	for i, v := range resize(picture, size) {
		values[i] = (v - middle) / half
	}
}
