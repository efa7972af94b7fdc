package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"gonum.org/v1/gonum/mat"

	"noisebook/experiments"
	"noisebook/experiments/joint"
	"noisebook/pkg/data"
	"noisebook/pkg/features"
	"noisebook/pkg/fetch"
	"noisebook/pkg/npy"
	"noisebook/pkg/track"
)

// featureChoice is a feature network as flags choose it. The zero value
// chooses none.
type featureChoice struct {
	network    string
	layer      string
	preprocess string
	weights    string // file; empty for the network's own
	timestep   int
	seed       uint64

	opened features.Network
}

// featureNetworks are the networks by name, for help.
const featureNetworks = "pixels, lenet, inception or unet"

// addFlags adds the flags; name is that of the network's.
func (c *featureChoice) addFlags(flags *pflag.FlagSet, name string) {
	flags.StringVar(&c.network, name, c.network, "feature `network` for images: "+featureNetworks)
	flags.StringVar(&c.layer, "layer", "", "of inception: "+choices(features.Layers())+"; of unet: encoder, decoder, both (default the first)")
	flags.StringVar(&c.preprocess, "preprocess", "", "resize for inception as this program: "+choices(features.Preprocessings())+" (default the first)")
	flags.StringVar(&c.weights, "weights", "", "`file` of the network's weights (default: inception's are fetched, the newest LeNet of the run store, the model of this repository)")
	flags.IntVar(&c.timestep, "timestep", 0, "of unet: noise the images to this step of its chain")
	flags.Uint64Var(&c.seed, "feature-seed", 1, "of unet: seed of the noise")
}

func choices[T ~string](values []T) string {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = string(v)
	}
	return strings.Join(names, ", ")
}

// chosen says whether a network was asked for.
func (c *featureChoice) chosen() bool { return c.network != "" }

// settings name the network and all that its features depend on; call it after measure.
func (c *featureChoice) settings() map[string]any {
	settings := map[string]any{"features": c.network}
	if c.opened != nil {
		for name, value := range c.opened.Settings() {
			settings[name] = value
		}
	}
	return settings
}

// featureSet is what a network makes of one source of images.
type featureSet struct {
	Source   string
	Features *mat.Dense // [images, D]
	Checksum string     // of the images' content
	Run      string     // in the store
}

// measure returns the features of each source, from the run store where it has
// them. Progress goes to the command's standard error.
func (c *featureChoice) measure(command *cobra.Command, sources ...string) ([]featureSet, error) {
	store, err := openFeatureStore(command.ErrOrStderr())
	if err != nil {
		return nil, err
	}
	var sets []featureSet
	for _, source := range sources {
		images, err := openImages(command, source)
		if err != nil {
			return nil, err
		}
		result, err := c.run(command, store, images)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", source, err)
		}
		set := featureSet{Source: source, Run: result.Run}
		if set.Checksum, err = images.Checksum(); err != nil {
			return nil, err
		}
		if set.Features, err = result.Value.Dense(store); err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	return sets, nil
}

func (c *featureChoice) run(command *cobra.Command, store *track.Store, images features.Images) (track.Result[experiments.FeatureSet], error) {
	if c.opened == nil {
		var err error
		if c.opened, err = c.open(command, store); err != nil {
			return track.Result[experiments.FeatureSet]{}, err
		}
	}
	return experiments.Features(command.Context(), store, c.opened, images)
}

// open prepares the network that was chosen.
func (c *featureChoice) open(command *cobra.Command, store *track.Store) (features.Network, error) {
	for flag, of := range map[string]string{"layer": "inception unet", "preprocess": "inception", "weights": "inception lenet unet", "timestep": "unet", "feature-seed": "unet"} {
		if command.Flags().Changed(flag) && !slices.Contains(strings.Fields(of), c.network) {
			return nil, fmt.Errorf("--%s is for %s, not for %s", flag, strings.ReplaceAll(of, " ", " or "), c.network)
		}
	}
	switch c.network {
	case "pixels":
		return features.Pixels{}, nil
	case "lenet":
		return c.openLeNet(store)
	case "inception":
		options := features.InceptionOptions{Layer: features.Layer(c.layer), Preprocess: features.Preprocessing(c.preprocess)}
		path, err := c.weights, error(nil)
		if path == "" {
			path, err = fetchInception(command)
		}
		if err != nil {
			return nil, err
		}
		return features.NewInception(path, options)
	case "unet":
		return c.openUNet()
	}
	return nil, fmt.Errorf("unknown feature network %q; use %s", c.network, featureNetworks)
}

func fetchInception(command *cobra.Command) (string, error) {
	progress := newProgressPrinter(command.ErrOrStderr())
	defer progress.Clear()
	return features.InceptionWeights(command.Context(), progress.Report)
}

func (c *featureChoice) openLeNet(store *track.Store) (features.Network, error) {
	if c.weights != "" {
		return features.OpenLeNet(c.weights)
	}
	trained, err := track.Latest[joint.Reference](store, "features/lenet", nil)
	if errors.Is(err, track.ErrNoRun) {
		return nil, errors.New("no trained LeNet in the run store: train one with 'noisebook run joint/alpha-sweep', or name a file with --weights")
	}
	if err != nil {
		return nil, err
	}
	path, err := store.Path(trained.Value.Weights)
	if err != nil {
		return nil, err
	}
	return features.OpenLeNet(path)
}

func (c *featureChoice) openUNet() (features.Network, error) {
	var model *joint.Model
	var err error
	if c.weights != "" {
		model, err = joint.ReadModel(c.weights)
	} else {
		model, err = joint.ShippedModel()
	}
	if err != nil {
		return nil, err
	}
	unet, err := model.UNet()
	if err != nil {
		return nil, err
	}
	unet.Part = features.Part(c.layer)
	return features.UNetAt{UNet: unet, Weights: model.Weights, Timestep: c.timestep, Seed: c.seed, Origin: model.Origin}, nil
}

// openFeatureStore opens the run store, or one in the cache where there is no
// checkout, so that images anywhere can be measured.
func openFeatureStore(w io.Writer) (*track.Store, error) {
	store, err := track.Open("")
	if err != nil && os.Getenv("NOISEBOOK_STORE") == "" {
		cache, cacheErr := fetch.CacheDir()
		if cacheErr != nil {
			return nil, err
		}
		store, err = track.Open(filepath.Join(cache, "store"))
	}
	if err != nil {
		return nil, err
	}
	store.Observe(newStagePrinter(w))
	return store, nil
}

// openImages opens a folder, an array of pixels, or a data set's part by name.
func openImages(command *cobra.Command, source string) (features.Images, error) {
	if _, err := os.Stat(source); err == nil {
		return features.OpenImages(source)
	}
	name, part, _ := strings.Cut(source, "/")
	if !slices.Contains(data.Names(), name) {
		return nil, fmt.Errorf("images: %s is no file, no folder and no data set (%s)", source, strings.Join(data.Names(), ", "))
	}
	progress := newProgressPrinter(command.ErrOrStderr())
	dataset, err := data.Load(command.Context(), name, data.Options{Progress: progress.Report})
	progress.Clear()
	if err != nil {
		return nil, err
	}
	switch part {
	case "train":
		return features.FromSplit(dataset.Train), nil
	case "test":
		return features.FromSplit(dataset.Test), nil
	case "validation":
		if dataset.Validation.Len() > 0 {
			return features.FromSplit(dataset.Validation), nil
		}
	}
	return nil, fmt.Errorf("images: %s has the parts %[1]s/train and %[1]s/test", name)
}

// isImages says whether a path holds pictures rather than features: a folder, a
// data set's part, or an array of whole numbers from 0 to 255 of three or four axes.
func isImages(path string) (bool, error) {
	info, err := os.Stat(path)
	if err != nil {
		name, _, isPart := strings.Cut(path, "/")
		return isPart && slices.Contains(data.Names(), name), nil
	}
	if info.IsDir() {
		return true, nil
	}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".npy":
		header, err := npy.ReadHeader(path)
		return isPixels(header), err
	case ".npz":
		archive, err := npy.OpenArchive(path)
		if err != nil {
			return false, err
		}
		defer archive.Close()
		for _, name := range archive.Names() {
			header, err := archive.Header(name)
			if err != nil || isPixels(header) {
				return err == nil, err
			}
		}
	}
	return false, nil
}

func isPixels(h npy.Header) bool { return h.Type == "uint8" && len(h.Shape) >= 3 }
