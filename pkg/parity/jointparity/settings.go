package jointparity

import (
	"encoding/json"
	"fmt"

	"noisebook/pkg/joint"
	"noisebook/pkg/nn"
	"noisebook/pkg/process"
)

// settings is a fixture folder's config.json, in the words of the authors' code.
type settings struct {
	ImageSize           int       `json:"image_size"`
	InChannels          int       `json:"in_channels"`
	ModelChannels       int       `json:"model_channels"`
	NumResBlocks        int       `json:"num_res_blocks"`
	ChannelMult         []int     `json:"channel_mult"`
	AttentionDownsample []int     `json:"attention_downsampling"`
	NumHeads            int       `json:"num_heads"`
	ScaleShiftNorm      *bool     `json:"use_scale_shift_norm"`
	Dropout             float64   `json:"dropout"`
	NumClasses          int       `json:"num_classes"`
	Timesteps           int       `json:"timesteps"`
	BetaSchedule        string    `json:"beta_schedule"`
	ClassifierLossScale float64   `json:"classifier_loss_scale"`
	Alphas              []float64 `json:"alphas"`
}

// Fixed in the authors' code.
const (
	authorsNormGroups  = 32
	authorsHeadDropout = 0.7
)

// ParseModel reads the network of a config.json in the words of the authors'
// code (image_size, model_channels, channel_mult, attention_downsampling as
// factors, …). Keys that do not shape the network are ignored.
func ParseModel(raw []byte) (joint.Config, error) {
	s, err := parse(raw)
	if err != nil {
		return joint.Config{}, err
	}
	return s.model(), nil
}

func parse(raw []byte) (settings, error) {
	var s settings
	if err := json.Unmarshal(raw, &s); err != nil {
		return settings{}, fmt.Errorf("config.json: %w", err)
	}
	if s.ScaleShiftNorm != nil && !*s.ScaleShiftNorm {
		return settings{}, fmt.Errorf("config.json: use_scale_shift_norm is false: only networks whose norms the time scales and shifts are known")
	}
	return s, nil
}

func (s settings) model() joint.Config {
	return joint.Config{
		UNet: nn.UNetConfig{
			ImageSize: s.ImageSize, Channels: s.InChannels, Width: s.ModelChannels, Multipliers: s.ChannelMult,
			Blocks: s.NumResBlocks, AttentionAt: s.AttentionDownsample, Heads: s.NumHeads,
			NormGroups: authorsNormGroups, Dropout: s.Dropout, Patch: 1,
		},
		Classes:     s.NumClasses,
		HeadDropout: authorsHeadDropout,
	}
}

// schedule is the cosine schedule, or the linear one of the authors' code,
// whose start is ten times Ho et al.'s.
func (s settings) schedule() (*process.DDPM, error) {
	var betas []float64
	var err error
	switch s.BetaSchedule {
	case "linear":
		betas, err = process.ScaledLinear(s.Timesteps, process.JointFirst, process.HoLast)
	case "cosine":
		betas, err = process.Cosine(s.Timesteps)
	default:
		err = fmt.Errorf("config.json: beta_schedule is %q: use linear or cosine", s.BetaSchedule)
	}
	if err != nil {
		return nil, err
	}
	return process.NewDDPM(betas)
}
