package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"gonum.org/v1/gonum/mat"

	"noisebook/experiments"
	"noisebook/pkg/arrayfile"
	"noisebook/pkg/atomicfile"
	"noisebook/pkg/features"
	"noisebook/pkg/metric"
	"noisebook/pkg/track"
)

// identityNetwork stands for features that are there already.
const identityNetwork = "identity"

// featuresReport is what `noisebook features` prints.
type featuresReport struct {
	Source   string         `json:"source"`
	Images   int            `json:"images"`
	Width    int            `json:"width"`
	Settings map[string]any `json:"settings"`
	Checksum string         `json:"checksum,omitempty"` // SHA-256 of the images' content
	Run      string         `json:"run,omitempty"`
	Cached   bool           `json:"cached"`
	Out      string         `json:"out,omitempty"`
}

func newFeaturesCommand() *cobra.Command {
	choice := featureChoice{network: "inception"}
	var out string
	var asJSON bool
	command := &cobra.Command{
		Use:   "features SOURCE",
		Short: "Turn images into features, or into the statistics that FID compares",
		Long: `Turn images into features, or into the statistics that FID compares.

SOURCE is a folder of pictures with its sub-folders, a .npy or .npz file of uint8
[N, H, W] or [N, H, W, channels], or a data set's part such as mnist/test. JPEG is
decoded as Pillow decodes it, up to a step or two of rounding.

-o NAME.npz writes the mean and the covariance (mu, sigma), which pytorch-fid and
clean-fid read; -o NAME.npy writes the features, float32 [N, D]. Without -o they
are kept in the run store alone, where 'noisebook metric' finds them too. The
network "identity" takes SOURCE as features, to make statistics of them.

Inception's weights are fetched once ('noisebook weights get inception').
Distances compare only where network, layer and preprocess are the same:
torch-fidelity resizes as the original FID and OpenAI's evaluator do, pytorch-fid
and clean-fid each in another way.`,
		Example: `  noisebook features samples/ -o samples.npz
  noisebook features mnist/test --network pixels -o mnist.npz
  noisebook features samples.npy --layer spatial --preprocess torch-fidelity -o spatial.npy
  noisebook features fashion-mnist/test --network unet --timestep 50 -o codes.npy
  noisebook features codes.npy --network identity -o codes.npz`,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			report := featuresReport{Source: args[0], Out: out}
			switch ext := strings.ToLower(filepath.Ext(out)); {
			case out != "" && ext != ".npz" && ext != ".npy":
				return fmt.Errorf("features: -o %s: want NAME.npz for statistics or NAME.npy for features", out)
			case choice.network == identityNetwork && ext != ".npz":
				return fmt.Errorf("features: --network identity makes statistics: name them with -o NAME.npz")
			}
			var err error
			if choice.network == identityNetwork {
				err = report.fromFeatures()
			} else {
				err = report.fromImages(command, &choice)
			}
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(command.OutOrStdout(), report)
			}
			return report.print(command.OutOrStdout())
		},
	}
	choice.addFlags(command.Flags(), "network")
	command.Flags().Lookup("network").Usage += ", or identity"
	command.Flags().StringVarP(&out, "out", "o", "", "`file` to write: .npz for statistics, .npy for features")
	command.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return command
}

// fromFeatures writes the statistics of a matrix of features.
func (r *featuresReport) fromFeatures() error {
	array, err := arrayfile.Open(r.Source)
	if err != nil {
		return err
	}
	matrix, err := array.Matrix()
	if err != nil {
		return err
	}
	r.Images, r.Width = matrix.Dims()
	r.Settings = map[string]any{"features": identityNetwork}
	return writeStatistics(r.Out, matrix)
}

func writeStatistics(path string, matrix *mat.Dense) error {
	g, err := metric.FitGaussian(matrix)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, func(w io.Writer) error { return features.WriteStatistics(w, features.Statistics(g)) })
}

// fromImages measures images and copies what was asked for from the store.
func (r *featuresReport) fromImages(command *cobra.Command, choice *featureChoice) error {
	store, err := openFeatureStore(command.ErrOrStderr())
	if err != nil {
		return err
	}
	images, err := openImages(command, r.Source)
	if err != nil {
		return err
	}
	if r.Checksum, err = images.Checksum(); err != nil {
		return err
	}
	set, err := choice.run(command, store, images)
	if err != nil {
		return err
	}
	r.Images, r.Width, r.Settings = set.Value.Images, set.Value.Width, choice.settings()
	r.Run, r.Cached = set.Run, set.Cached
	switch strings.ToLower(filepath.Ext(r.Out)) {
	case ".npy":
		return copyArtifact(store, set.Value.Features, r.Out)
	case ".npz":
		statistics, err := experiments.Statistics(command.Context(), store, set)
		if err != nil {
			return err
		}
		return copyArtifact(store, statistics.Value.Statistics, r.Out)
	}
	return nil
}

func copyArtifact(store *track.Store, artifact track.Artifact, to string) error {
	from, err := store.Path(artifact)
	if err != nil {
		return err
	}
	return atomicfile.Write(to, func(w io.Writer) error {
		file, err := os.Open(from)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = io.Copy(w, file)
		return err
	})
}

func (r *featuresReport) print(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%s: %d features of each of %d (%s)\n", r.Source, r.Width, r.Images, r.settings())
	if err == nil && r.Out != "" {
		_, err = fmt.Fprintln(w, r.Out)
	}
	return err
}

// settings lists them by name, for one line.
func (r *featuresReport) settings() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(r.Settings)) {
		parts = append(parts, fmt.Sprintf("%s %v", name, r.Settings[name]))
	}
	return strings.Join(parts, ", ")
}
