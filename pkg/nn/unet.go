package nn

import (
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/engine"
)

// UNetConfig is the network of guided-diffusion (Dhariwal & Nichol 2021) as the
// papers use it: residual blocks with FiLM time conditioning and self-attention.
type UNetConfig struct {
	ImageSize   int     `json:"image_size"`   // pixels a side
	Channels    int     `json:"channels"`     // of the image
	Width       int     `json:"width"`        // base channels C
	Multipliers []int   `json:"multipliers"`  // of C, one a resolution level
	Blocks      int     `json:"blocks"`       // residual blocks a level; the decoder has one more
	AttentionAt []int   `json:"attention_at"` // downsampling factors at which attention follows each residual block
	Heads       int     `json:"heads"`
	NormGroups  int     `json:"norm_groups"` // groups of every group norm
	Dropout     float64 `json:"dropout"`     // inside each residual block
	Patch       int     `json:"patch"`       // 1, or 2 to fold 2×2 pixels into channels before the first convolution: a quarter of the work
}

// Validate says what is wrong, by field.
func (c UNetConfig) Validate() error {
	deepest := 1 << max(len(c.Multipliers)-1, 0)
	switch {
	case c.ImageSize < 1, c.Channels < 1, c.Width < 2, c.Blocks < 1, c.Heads < 1, c.NormGroups < 1:
		return fmt.Errorf("image_size, channels, width, blocks, heads and norm_groups must be positive")
	case len(c.Multipliers) == 0:
		return fmt.Errorf("multipliers is empty: name one a resolution level, such as 1,2,2")
	case c.Patch != 1 && c.Patch != 2:
		return fmt.Errorf("patch is %d: use 1 or 2", c.Patch)
	case c.ImageSize%(c.Patch*deepest) != 0:
		return fmt.Errorf("image_size %d does not halve %d times: use fewer multipliers", c.ImageSize/c.Patch, len(c.Multipliers)-1)
	case c.Dropout < 0 || c.Dropout >= 1:
		return fmt.Errorf("dropout is %g: it must be in [0, 1)", c.Dropout)
	case c.Width%2 != 0:
		return fmt.Errorf("width is %d: it must be even (half cosines, half sines)", c.Width)
	}
	for _, m := range c.Multipliers {
		if m < 1 || m*c.Width%c.NormGroups != 0 || m*c.Width%c.Heads != 0 {
			return fmt.Errorf("width %d × multiplier %d must be a multiple of norm_groups (%d) and of heads (%d)", c.Width, m, c.NormGroups, c.Heads)
		}
	}
	return nil
}

// UNet predicts the noise in an image. It is used in two halves, because papers
// intervene between them: Decode(Encode(x, t)).
type UNet struct {
	*Encoder
	decoder []decoderBlock
	norm    GroupNorm
	output  Conv2D
}

// Encoder is the first half of a [UNet] with its middle: it turns an image into
// features. A classifier that stands alone has no more of the network.
type Encoder struct {
	config    UNetConfig
	time1     Linear
	time2     Linear
	input     Conv2D
	blocks    []encoderBlock
	middle1   ResidualBlock
	attention SelfAttention
	middle2   ResidualBlock
	channels  []int // of each skip
}

type encoderBlock struct { // a residual block, or a downsampling
	residual   *ResidualBlock
	attention  *SelfAttention
	downsample *Conv2D
}

type decoderBlock struct {
	residual  ResidualBlock
	attention *SelfAttention
	upsample  *Conv2D
}

// Features are what the encoder knows of an image: the papers' {z_t}.
type Features struct {
	Skips     []*Node // output of the input convolution and of each encoder block, [B, H_i, W_i, C_i]
	Middle    *Node   // output of the middle block, [B, H, W, C]
	Embedding *Node   // of the time, [B, 4·width]; condition of the decoder, not a feature
}

// Maps are all feature maps, the middle one first.
func (f Features) Maps() []*Node { return append([]*Node{f.Middle}, f.Skips...) }

// WithMaps replaces the feature maps, in the order of Maps.
func (f Features) WithMaps(maps []*Node) Features {
	return Features{Middle: maps[0], Skips: maps[1:], Embedding: f.Embedding}
}

// Slice keeps the examples [from, to).
func (f Features) Slice(from, to int) Features {
	cut := func(x *Node) *Node { return Slice(x, AxisRange(from, to)) }
	out := Features{Middle: cut(f.Middle), Embedding: cut(f.Embedding)}
	for _, s := range f.Skips {
		out.Skips = append(out.Skips, cut(s))
	}
	return out
}

// NewEncoder adds the parameters of a UNet's first half to the layout.
func NewEncoder(l *Layout, c UNetConfig) (*Encoder, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("nn: UNet: %w", err)
	}
	e := &Encoder{config: c}
	embedding := 4 * c.Width
	pixel := c.Channels * c.Patch * c.Patch
	e.time1 = NewLinear(l, "time.0", c.Width, embedding)
	e.time2 = NewLinear(l, "time.1", embedding, embedding)

	channels, factor := c.Multipliers[0]*c.Width, 1
	e.input = NewConv2D(l, "encoder.0.conv", 3, pixel, channels, Conv2DOptions{})
	e.channels = []int{channels}
	for level, m := range c.Multipliers {
		for range c.Blocks {
			name := fmt.Sprintf("encoder.%d", len(e.channels))
			r := NewResidualBlock(l, name+".residual", c, channels, m*c.Width)
			channels = m * c.Width
			e.blocks = append(e.blocks, encoderBlock{residual: &r, attention: c.attentionAt(l, name, factor, channels)})
			e.channels = append(e.channels, channels)
		}
		if level < len(c.Multipliers)-1 {
			d := NewConv2D(l, fmt.Sprintf("encoder.%d.downsample", len(e.channels)), 3, channels, channels, Conv2DOptions{Stride: 2})
			e.blocks = append(e.blocks, encoderBlock{downsample: &d})
			e.channels = append(e.channels, channels)
			factor *= 2
		}
	}

	e.middle1 = NewResidualBlock(l, "middle.0.residual", c, channels, channels)
	e.attention = NewSelfAttention(l, "middle.1.attention", c.NormGroups, c.Heads, channels)
	e.middle2 = NewResidualBlock(l, "middle.2.residual", c, channels, channels)
	return e, nil
}

// attentionAt adds the self-attention that follows a block at a downsampling factor, if any does.
func (c UNetConfig) attentionAt(l *Layout, name string, factor, channels int) *SelfAttention {
	if !slices.Contains(c.AttentionAt, factor) {
		return nil
	}
	a := NewSelfAttention(l, name+".attention", c.NormGroups, c.Heads, channels)
	return &a
}

// NewUNet adds the network's parameters to the layout, the encoder's first.
func NewUNet(l *Layout, c UNetConfig) (*UNet, error) {
	encoder, err := NewEncoder(l, c)
	if err != nil {
		return nil, err
	}
	u := &UNet{Encoder: encoder}
	skip := len(u.channels)
	channels, factor := u.channels[skip-1], 1<<(len(c.Multipliers)-1)
	for level := len(c.Multipliers) - 1; level >= 0; level-- {
		for i := range c.Blocks + 1 {
			skip--
			name := fmt.Sprintf("decoder.%d", len(u.decoder))
			out := c.Multipliers[level] * c.Width
			block := decoderBlock{residual: NewResidualBlock(l, name+".residual", c, channels+u.channels[skip], out)}
			channels = out
			block.attention = c.attentionAt(l, name, factor, channels)
			if level > 0 && i == c.Blocks {
				up := NewConv2D(l, name+".upsample", 3, channels, channels, Conv2DOptions{})
				block.upsample = &up
				factor /= 2
			}
			u.decoder = append(u.decoder, block)
		}
	}
	u.norm = NewGroupNorm(l, "output.norm", c.NormGroups, channels)
	u.output = NewConv2D(l, "output.conv", 3, channels, c.Channels*c.Patch*c.Patch, Conv2DOptions{Zero: true})
	return u, nil
}

// Config is what the network was made from.
func (e *Encoder) Config() UNetConfig { return e.config }

// FeatureWidth is the size of the pooled features: the sum of all maps' channels.
func (e *Encoder) FeatureWidth() int {
	width := e.channels[len(e.channels)-1] // the middle block's
	for _, c := range e.channels {
		width += c
	}
	return width
}

// Embed maps timestep indices [B] to the conditioning vector [B, 4·width].
func (e *Encoder) Embed(p *Pass, t *Node) *Node {
	return e.time2.Forward(p, SiLU(e.time1.Forward(p, SinusoidalEmbedding(t, e.config.Width))))
}

// Encode maps images [B, H, W, C] at timestep indices [B] to features.
func (e *Encoder) Encode(p *Pass, x, t *Node) Features {
	defer engine.InLayer("unet.encode")
	f := Features{Embedding: e.Embed(p, t)}
	h := e.input.Forward(p, fold(x, e.config.Patch))
	f.Skips = []*Node{h}
	for _, block := range e.blocks {
		h = block.forward(p, h, f.Embedding)
		f.Skips = append(f.Skips, h)
	}
	h = e.middle1.Forward(p, h, f.Embedding)
	p.observe("middle.0", h)
	h = e.attention.Forward(p, h)
	p.observe("middle.1", h)
	f.Middle = e.middle2.Forward(p, h, f.Embedding)
	return f
}

// Decode maps features to the predicted noise [B, H, W, C].
func (u *UNet) Decode(p *Pass, f Features) *Node {
	defer engine.InLayer("unet.decode")
	h := f.Middle
	for i, block := range u.decoder {
		h = block.forward(p, h, f.Skips[len(f.Skips)-1-i], f.Embedding)
		p.observe(fmt.Sprintf("decoder.%d", i), h)
	}
	return Wide(unfold(u.output.Forward(p, SiLU(u.norm.Forward(p, h))), u.config.Patch))
}

// PredictNoise is Decode(Encode(x, t)).
func (u *UNet) PredictNoise(p *Pass, x, t *Node) *Node { return u.Decode(p, u.Encode(p, x, t)) }

func (b encoderBlock) forward(p *Pass, h, embedding *Node) *Node {
	if b.downsample != nil {
		return b.downsample.Forward(p, h)
	}
	h = b.residual.Forward(p, h, embedding)
	if b.attention != nil {
		h = b.attention.Forward(p, h)
	}
	return h
}

func (b decoderBlock) forward(p *Pass, h, skip, embedding *Node) *Node {
	h = b.residual.Forward(p, Concatenate([]*Node{h, skip}, -1), embedding)
	if b.attention != nil {
		h = b.attention.Forward(p, h)
	}
	if b.upsample != nil {
		h = b.upsample.Upsampled(p, h)
	}
	return h
}

// fold moves patch×patch pixels into channels (space to depth); unfold is its inverse.
func fold(x *Node, patch int) *Node {
	if patch == 1 {
		return x
	}
	d := x.Shape().Dimensions
	x = Reshape(x, d[0], d[1]/patch, patch, d[2]/patch, patch, d[3])
	return Reshape(TransposeAllDims(x, 0, 1, 3, 2, 4, 5), d[0], d[1]/patch, d[2]/patch, patch*patch*d[3])
}

func unfold(x *Node, patch int) *Node {
	if patch == 1 {
		return x
	}
	d := x.Shape().Dimensions
	channels := d[3] / (patch * patch)
	x = Reshape(x, d[0], d[1], d[2], patch, patch, channels)
	return Reshape(TransposeAllDims(x, 0, 1, 3, 2, 4, 5), d[0], d[1]*patch, d[2]*patch, channels)
}

// ResidualBlock is norm, SiLU, convolution, FiLM-modulated norm, SiLU, dropout,
// convolution from zero, plus the shortcut.
type ResidualBlock struct {
	name     string
	dropout  float64
	Norm1    GroupNorm
	Conv1    Conv2D
	Time     Linear // to [scale, shift]
	Norm2    GroupNorm
	Conv2    Conv2D
	Shortcut *Conv2D // 1×1, where the number of channels changes
}

// NewResidualBlock adds a residual block from in to out channels.
func NewResidualBlock(l *Layout, name string, c UNetConfig, in, out int) ResidualBlock {
	r := ResidualBlock{
		name:    name,
		dropout: c.Dropout,
		Norm1:   NewGroupNorm(l, name+".norm1", c.NormGroups, in),
		Conv1:   NewConv2D(l, name+".conv1", 3, in, out, Conv2DOptions{}),
		Time:    NewLinear(l, name+".time", 4*c.Width, 2*out),
		Norm2:   NewGroupNorm(l, name+".norm2", c.NormGroups, out),
		Conv2:   NewConv2D(l, name+".conv2", 3, out, out, Conv2DOptions{Zero: true}),
	}
	if in != out {
		s := NewConv2D(l, name+".shortcut", 1, in, out, Conv2DOptions{})
		r.Shortcut = &s
	}
	return r
}

// Forward maps [B, H, W, in] and the time embedding to [B, H, W, out].
func (r ResidualBlock) Forward(p *Pass, x, embedding *Node) *Node {
	defer engine.InLayer(r.name)
	h := r.Conv1.Forward(p, SiLU(r.Norm1.Forward(p, x)))
	film := Split(r.Time.Forward(p, SiLU(embedding)), -1, 2)
	h = SiLU(r.Norm2.Modulated(p, h, film[0], film[1]))
	h = r.Conv2.Forward(p, p.Dropout(h, r.dropout))
	if r.Shortcut != nil {
		x = r.Shortcut.Forward(p, x)
	}
	return Add(x, h)
}
