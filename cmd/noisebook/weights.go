package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	experiments "noisebook/experiments/joint"
	"noisebook/pkg/atomicfile"
	"noisebook/pkg/config"
	"noisebook/pkg/joint"
	"noisebook/pkg/parity/jointparity"
	"noisebook/pkg/pytorch"
	"noisebook/pkg/safetensors"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
	"noisebook/pkg/train"
)

func newWeightsCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "weights",
		Short: "Fetch, convert and ship trained weights",
	}
	command.AddCommand(newWeightsGetCommand(), newWeightsImportCommand(), newWeightsShipCommand())
	return command
}

func newWeightsGetCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "get inception",
		Short: "Make sure that the published weights of a feature network are on this machine",
		Long: "Looks for the weights of the FID's Inception-v3 in the folders of NOISEBOOK_DATA and in the cache, and\n" +
			"fetches them (96 MB) when they are nowhere. Their SHA-256 is checked. The path is printed.",
		Example:   "  noisebook weights get inception",
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"inception"},
		RunE: func(command *cobra.Command, _ []string) error {
			path, err := fetchInception(command)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(command.OutOrStdout(), path)
			return err
		},
	}
}

func newWeightsImportCommand() *cobra.Command {
	var arch, configPath string
	var half bool
	command := &cobra.Command{
		Use:   "import --arch joint --config config.json IN OUT.safetensors",
		Short: "Convert a PyTorch state dict to weights that this project loads",
		Long: `Convert a PyTorch state dict to weights that this project loads.

IN is the state dict of the Joint Diffusion authors' network, saved with
torch.save(model.state_dict(), "IN.pth"), of which nothing is executed, or with
safetensors.torch.save_file(model.state_dict(), "IN.safetensors"). Every
parameter and running statistic must be there, with the config's shape.

The config is JSON, in the words of the authors' code (image_size, in_channels,
model_channels, num_res_blocks, channel_mult, attention_downsampling, num_heads,
num_classes) or of this project ({"unet": {…}, "classes": …}). Attention is
given by downsampling factors: 2,4 is after one and two halvings.`,
		Example: "  noisebook weights import --config config.json model.pth ours.safetensors",
		Args:    cobra.ExactArgs(2),
		RunE: func(command *cobra.Command, args []string) error {
			if arch != "joint" {
				return fmt.Errorf("weights: architecture %q is not known; use --arch joint", arch)
			}
			model, err := importJoint(configPath, args[0], args[1], half)
			if err != nil {
				return fmt.Errorf("weights: %w", err)
			}
			_, err = fmt.Fprintf(command.OutOrStdout(), "%s: %d parameters and %d running statistics\n",
				args[1], model.Layout.Size(), model.Statistics.Size())
			return err
		},
	}
	flags := command.Flags()
	flags.StringVar(&arch, "arch", "joint", "architecture: joint")
	flags.StringVar(&configPath, "config", "", "JSON file that describes the network")
	flags.BoolVar(&half, "half", false, "store half-precision floats: half the size, three digits")
	command.MarkFlagRequired("config")
	return command
}

func newWeightsShipCommand() *cobra.Command {
	at := tier.CPU
	var out string
	command := &cobra.Command{
		Use:   "ship",
		Short: "Write a trained joint model to results/weights, for lessons to use without training",
		Long: "Writes the weights of the newest finished training of a tier, in half precision and with the model's\n" +
			"config, to results/weights, which is committed. Lessons read the file of tier cpu, or the one that\n" +
			experiments.WeightsVariable + " names.",
		Example: "  noisebook run joint/alpha-sweep --tier cpu && noisebook weights ship",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			path, err := out, error(nil)
			if path == "" {
				path, err = experiments.ShippedPath(at)
			}
			if err != nil {
				return err
			}
			store, err := track.Open("")
			if err != nil {
				return err
			}
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			var run string
			if err := atomicfile.Write(path, func(w io.Writer) error {
				run, err = experiments.Ship(w, store, at)
				return err
			}); err != nil {
				return err
			}
			_, err = fmt.Fprintf(command.OutOrStdout(), "%s: weights of run %s\n", path, run)
			return err
		},
	}
	command.Flags().Var(&at, "tier", "size of the experiment that trained it: smoke, quick, cpu or paper")
	command.Flags().StringVar(&out, "out", "", "write to this `file` instead")
	return command
}

// importJoint converts the state dict at in to weights at out.
func importJoint(configPath, in, out string, half bool) (*joint.Model, error) {
	c, err := readJointConfig(configPath)
	if err != nil {
		return nil, err
	}
	model, err := joint.New(c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", configPath, err)
	}
	file, closeFile, err := openStateDict(in)
	if err != nil {
		return nil, err
	}
	defer closeFile()
	values, statistics, err := model.FromPyTorch(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in, err)
	}
	description, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	net := train.Network{Layout: model.Layout, Statistics: model.Statistics}
	return model, atomicfile.Write(out, func(w io.Writer) error {
		return train.WriteWeights(w, net, train.Weights{Values: values, Statistics: statistics}, half,
			map[string]string{"architecture": "joint", "config": string(description), "source": filepath.Base(in)})
	})
}

// openStateDict opens what PyTorch saved, by the file's ending.
func openStateDict(path string) (joint.StateDict, func() error, error) {
	if ext := filepath.Ext(path); ext != ".pth" && ext != ".pt" {
		file, err := safetensors.Read(path)
		return file, func() error { return nil }, err
	}
	file, err := pytorch.Open(path)
	if err != nil {
		return nil, nil, err
	}
	return file, file.Close, nil
}

// readJointConfig reads our own config, known by its "unet", or one in the words of the authors' code.
func readJointConfig(path string) (joint.Config, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return joint.Config{}, err
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(raw, &keys); err != nil {
		return joint.Config{}, fmt.Errorf("%s: %w", path, err)
	}
	var c joint.Config
	if _, ours := keys["unet"]; ours {
		c.UNet.Patch = 1
		err = config.Merge(&c, raw)
	} else {
		c, err = jointparity.ParseModel(raw)
	}
	if err != nil {
		return joint.Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}
