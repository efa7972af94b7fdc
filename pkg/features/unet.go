package features

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/data"
	"noisebook/pkg/engine"
	"noisebook/pkg/nn"
	"noisebook/pkg/process"
	"noisebook/pkg/train"
)

// Part is the half of a UNet whose maps are features.
type Part string

// The parts. Each map is averaged over space, and the means are joined.
const (
	Encoder Part = "encoder" // the middle block's map, then each skip's: z_t of Joint Diffusion (Deja et al. 2023), §4.2, and H_t of Mediffusion
	Decoder Part = "decoder" // each decoder block's map, from the deepest
	Both    Part = "both"    // the encoder's, then the decoder's
)

// UNet measures images by what a diffusion model's UNet makes of them with
// noise: z_t at a timestep t.
type UNet struct {
	Network train.Network // that the UNet is a part of
	UNet    *nn.UNet
	Chain   *process.DDPM
	Part    Part // empty means Encoder
	// Clean leaves the noise out: the maps of x_0 itself, told the step t.
	// Joint Diffusion's classifier reads those of t = 0.
	Clean bool
}

// Block is a feature map of a UNet and its columns [From, To) of z_t.
type Block struct {
	nn.FeatureMap
	From, To int
}

// Blocks are the maps of the part, in the order of z_t's columns: each depth of
// the network on its own is a slice of the same matrix.
func (u UNet) Blocks() []Block {
	var maps []nn.FeatureMap
	if u.part() != Decoder {
		maps = u.UNet.FeatureMaps()
	}
	if u.part() != Encoder {
		maps = append(maps, u.UNet.DecoderMaps()...)
	}
	var blocks []Block
	width := 0
	for _, m := range maps {
		blocks = append(blocks, Block{m, width, width + m.Channels})
		width += m.Channels
	}
	return blocks
}

// At returns z_t [images, D] at step t of the chain, in [0, Steps): the pooled
// maps for x_t = √ᾱ_t·x_0 + √(1−ᾱ_t)·ε, or for x_0 if clean. The noise ε belongs
// to the seed and to the image's number, so that it is the same at every t and
// in every subset that starts with the same images.
func (u UNet) At(ctx context.Context, e *engine.Engine, weights train.Weights, images data.Split, t int, seed uint64) (*mat.Dense, error) {
	c, err := u.Compile(e, weights)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.At(ctx, images, t, seed, nil)
}

// CompiledUNet is a UNet with weights, ready for images of any number at any timestep.
type CompiledUNet struct {
	unet      UNet
	extractor *extractor
}

// unetBatch keeps a batch's maps of a small UNet near the processor.
const unetBatch = 64

// Compile prepares the program, which takes the timesteps of a batch beside its images.
func (u UNet) Compile(e *engine.Engine, weights train.Weights) (*CompiledUNet, error) {
	if err := oneOf("part", u.part(), []Part{Encoder, Decoder, Both}); err != nil {
		return nil, err
	}
	x, err := newExtractor(e, "unet features", u.Network, weights, unetBatch, func(p *nn.Pass, images *graph.Node, extra []*graph.Node) []*graph.Node {
		return []*graph.Node{u.pooled(p, images, extra[0])}
	})
	if err != nil {
		return nil, err
	}
	return &CompiledUNet{u, x}, nil
}

// Close frees the program and the weights.
func (c *CompiledUNet) Close() { c.extractor.close() }

// At returns z_t, as [UNet.At].
func (c *CompiledUNet) At(ctx context.Context, images data.Split, t int, seed uint64, progress Progress) (*mat.Dense, error) {
	var all []*mat.Dense
	put := gather(&all, images.Len())
	err := c.each(ctx, images, t, seed, 0, func(first int, rows *mat.Dense) error {
		n, _ := rows.Dims()
		progress.report(first+n, images.Len())
		return put(first, []*mat.Dense{rows})
	})
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// each hands z_t at one step to sink, from an image on.
func (c *CompiledUNet) each(ctx context.Context, images data.Split, t int, seed uint64, from int, sink Sink) error {
	chain, x := c.unet.Chain, c.extractor
	if t < 0 || t >= chain.Steps() {
		return fmt.Errorf("features: timestep %d: the chain has 0 to %d", t, chain.Steps()-1)
	}
	told := make([]int32, x.batch)
	for i := range told {
		told[i] = int32(chain.Timesteps[t])
	}
	steps := tensors.FromFlatDataAndDimensions(told, x.batch)
	defer steps.FinalizeAll()
	marginal := chain.Marginal(t)
	return x.run(ctx, from, images.Len(), [3]int{images.Height, images.Width, images.Channels}, func(i int, values []float32) error {
		data.Normalize(values, images.Pixels(i))
		if c.unet.Clean {
			return nil
		}
		noise := rand.New(rand.NewPCG(seed, uint64(i)))
		for k, v := range values {
			values[k] = float32(marginal.Mean*float64(v) + marginal.Std*noise.NormFloat64())
		}
		return nil
	}, sink.first, steps)
}

func (u UNet) part() Part {
	if u.Part == "" {
		return Encoder
	}
	return u.Part
}

// pooled is z_t [B, D] of x_t [B, H, W, C] at timesteps t [B].
func (u UNet) pooled(p *nn.Pass, x, t *graph.Node) *graph.Node {
	var decoder []*graph.Node
	p.Observe = func(block string, output *graph.Node) {
		if strings.HasPrefix(block, "decoder.") {
			decoder = append(decoder, output)
		}
	}
	f := u.UNet.Encode(p, x, t)
	var maps []*graph.Node
	if u.part() != Decoder {
		maps = f.Maps()
	}
	if u.part() != Encoder {
		u.UNet.Decode(p, f)
		maps = append(maps, decoder...)
	}
	means := make([]*graph.Node, len(maps))
	for i, m := range maps {
		means[i] = graph.ReduceMean(m, 1, 2)
	}
	return nn.Wide(graph.Concatenate(means, -1))
}

// UNetAt is a UNet with weights at one timestep, as a [Network].
type UNetAt struct {
	UNet
	Weights  train.Weights
	Timestep int
	Seed     uint64
	Origin   string // of the weights, for provenance
}

// Name is "unet".
func (n UNetAt) Name() string { return "unet" }

// Settings name the maps, the timestep, the seed of the noise and the weights.
func (n UNetAt) Settings() map[string]string {
	s := map[string]string{
		"layer": string(n.part()), "timestep": strconv.Itoa(n.Timestep), "seed": strconv.FormatUint(n.Seed, 10), "weights": n.Origin,
	}
	if n.Clean {
		s["noise"] = "none"
	}
	return s
}

// UsesEngine is true.
func (n UNetAt) UsesEngine() bool { return true }

// Each gives a row of z_t an image; images must have the size that the UNet was
// trained on.
func (n UNetAt) Each(ctx context.Context, e *engine.Engine, images Images, from int, sink Sink) error {
	c := n.UNet.UNet.Config()
	split := data.Split{Height: c.ImageSize, Width: c.ImageSize, Channels: c.Channels, Labels: make([]int32, images.Len())}
	for i := range images.Len() {
		p, err := images.Read(i)
		if err == nil {
			p, err = fit(p, c.ImageSize, c.ImageSize, c.Channels)
		}
		if err != nil {
			return fmt.Errorf("features: image %d of %d: %w", i+1, images.Len(), err)
		}
		split.Images = append(split.Images, p.Pixels...)
	}
	compiled, err := n.Compile(e, n.Weights)
	if err != nil {
		return err
	}
	defer compiled.Close()
	return compiled.each(ctx, split, n.Timestep, n.Seed, from, sink)
}
