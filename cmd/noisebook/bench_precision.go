package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"noisebook/experiments/joint"
	"noisebook/pkg/atomicfile"
	"noisebook/pkg/data"
	"noisebook/pkg/engine"
	"noisebook/pkg/figure"
	"noisebook/pkg/nn"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
	"noisebook/pkg/train"
)

// precisionBench compares the losses of trainings that differ by precision alone.
type precisionBench struct {
	width, steps, seeds int
}

func newBenchPrecisionCommand() *cobra.Command {
	var spec, csv, plots string
	b := precisionBench{}
	command := &cobra.Command{
		Use:   "precision",
		Short: "Compare the losses of training in float32 and in bfloat16",
		Long: `Train tier quick's joint network, C channels wide, on Fashion-MNIST in both precisions
from the same seeds: the same initial weights, batches, timesteps, noise and dropout. Write
each loss, averaged over every ten steps, as a table, draw it with its spread over the
seeds, and print where it ends: its mean over the last fifth of the steps.`,
		Example: "  noisebook bench precision\n" +
			"  noisebook bench precision --steps 50 --seeds 1 --csv /tmp/precision.csv --plots /tmp",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if b.steps < precisionWindow || b.seeds < 1 {
				return fmt.Errorf("bench: --steps must be at least %d and --seeds at least 1", precisionWindow)
			}
			dataset, err := data.Load(command.Context(), joint.FashionMNIST().Dataset, data.Options{})
			if err != nil {
				return err
			}
			e, err := engine.Open(command.Context(), spec)
			if err != nil {
				return err
			}
			defer e.Close()
			losses, seconds, err := b.run(command.Context(), e, dataset.Train, command.ErrOrStderr())
			if err != nil {
				return fmt.Errorf("bench: %w", err)
			}
			if err := b.print(command.OutOrStdout(), losses, seconds); err != nil {
				return err
			}
			drawn, err := b.draw(losses, e.Info().Device)
			if err != nil {
				return err
			}
			paths, err := drawn.Save(plots, "precision")
			if err != nil {
				return err
			}
			if err := writeTable(csv, losses); err != nil {
				return fmt.Errorf("bench: %w", err)
			}
			for _, path := range append(paths, csv) {
				fmt.Fprintln(command.OutOrStdout(), "wrote", path)
			}
			return nil
		},
	}
	flags := command.Flags()
	flags.IntVar(&b.width, "channels", 16, "base channels C; a multiple of 8")
	flags.IntVar(&b.steps, "steps", 300, "of each training")
	flags.IntVar(&b.seeds, "seeds", 3, "trainings in each precision")
	flags.StringVar(&csv, "csv", "results/bench/precision.csv", "`file` for the table")
	flags.StringVar(&plots, "plots", "plots/bench", "`folder` for the figure")
	flags.StringVar(&spec, "engine", "", "auto, xla, xla:PATH or go (default $NOISEBOOK_ENGINE, then auto)")
	return command
}

// precisionWindow is how many steps a point of the curves averages.
const precisionWindow = 10

var (
	precisions       = []nn.Precision{nn.Float32, nn.BFloat16}
	precisionColumns = []string{"precision", "seed", "step", "diffusion", "noisy_classification", "gradient_norm"}
)

// run returns the table of losses and the mean seconds of a step by precision.
func (b precisionBench) run(ctx context.Context, e *engine.Engine, images data.Split, progress io.Writer) (table.Table, map[nn.Precision]float64, error) {
	c := joint.AlphaSweep(tier.Quick).Model
	c.Network.UNet.Width = b.width
	losses, seconds := table.New(precisionColumns...), map[nn.Precision]float64{}
	for seed := range uint64(b.seeds) {
		for _, precision := range precisions {
			fmt.Fprintf(progress, "training in %s, seed %d …\n", precision, seed+1)
			c.Train.Steps, c.Train.Seed, c.Train.Precision = b.steps, seed+1, precision
			took, err := b.train(ctx, e, c, images, &losses)
			if err != nil {
				return losses, nil, err
			}
			seconds[precision] += took / float64(b.seeds)
		}
	}
	return losses, seconds, nil
}

// train appends a row for each window of steps and returns the mean seconds of a step after the first.
func (b precisionBench) train(ctx context.Context, e *engine.Engine, c joint.ModelConfig, images data.Split, losses *table.Table) (seconds float64, err error) {
	net, objective, err := c.Training()
	if err != nil {
		return 0, err
	}
	batches, err := data.NewBatches(images, c.Train.Batch, c.Train.Seed)
	if err != nil {
		return 0, err
	}
	measures := precisionColumns[3:]
	sums := make([]float64, len(measures))
	var first, last time.Time
	var failed error
	_, err = train.Run(ctx, e, net, objective, batches, [3]int{images.Height, images.Width, images.Channels}, c.Train, train.Options{
		Progress: func(step, _ int, values map[string]float64) {
			if last = time.Now(); step == 1 {
				first = last
			}
			for i, name := range measures {
				sums[i] += values[name] / precisionWindow
			}
			if step%precisionWindow > 0 {
				return
			}
			row := []any{string(c.Train.Precision), c.Train.Seed, step}
			for _, sum := range sums {
				row = append(row, sum)
			}
			if err := losses.Append(row...); err != nil && failed == nil {
				failed = err
			}
			clear(sums)
		},
	})
	if err == nil {
		err = failed
	}
	return last.Sub(first).Seconds() / float64(c.Train.Steps-1), err
}

// print says where the losses end, how far apart, seed by seed, and the seconds a step.
func (b precisionBench) print(w io.Writer, losses table.Table, seconds map[nn.Precision]float64) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "loss\tprecision\tmean\t± over seeds\tseconds a step")
	for _, measure := range []string{"diffusion", "noisy_classification"} {
		ends := map[nn.Precision][]float64{}
		for _, precision := range precisions {
			var err error
			if ends[precision], err = b.ends(losses, precision, measure); err != nil {
				return err
			}
			mean, deviation := stat.MeanStdDev(ends[precision], nil)
			fmt.Fprintf(tw, "%s\t%s\t%.5f\t%.5f\t%.3f\n", measure, precision, mean, deviation, seconds[precision])
		}
		difference := floats.SubTo(make([]float64, b.seeds), ends[nn.BFloat16], ends[nn.Float32])
		mean, deviation := stat.MeanStdDev(difference, nil)
		fmt.Fprintf(tw, "\tdifference\t%+.5f\t%.5f\t\n", mean, deviation)
	}
	return tw.Flush()
}

// ends are a measure's means over the last fifth of the steps, one a seed.
func (b precisionBench) ends(losses table.Table, precision nn.Precision, measure string) ([]float64, error) {
	var ends []float64
	for seed := range b.seeds {
		rows, err := losses.Where("precision", precision)
		if err != nil {
			return nil, err
		}
		if rows, err = rows.Where("seed", seed+1); err != nil {
			return nil, err
		}
		values, err := rows.Floats(measure)
		if err != nil {
			return nil, err
		}
		ends = append(ends, stat.Mean(values[len(values)*4/5:], nil))
	}
	return ends, nil
}

func (b precisionBench) draw(losses table.Table, device string) (*figure.Figure, error) {
	long, err := losses.Melt("diffusion", "noisy_classification")
	if err != nil {
		return nil, err
	}
	metrics, err := long.Strings("metric")
	if err != nil {
		return nil, err
	}
	names := map[string]string{"diffusion": "error of the predicted noise", "noisy_classification": "loss of the classifier, nats"}
	long.Columns = append(long.Columns, "panel")
	for i, metric := range metrics {
		long.Rows[i] = append(long.Rows[i], names[metric])
	}
	return figure.Curves(long, figure.CurvesSpec{
		X: "step", Y: "value", Group: "precision", Panel: "panel", Seed: "seed",
		Title: "Training in float32 and in bfloat16", XLabel: "training step", YLabel: "loss",
		Caption: fmt.Sprintf("The joint network of C = %d on Fashion-MNIST from the same seeds; each point averages %d steps. "+
			"Weights, optimizer, norms, softmax and losses are float32 in both.", b.width, precisionWindow),
		Provenance: map[string]string{"seeds": fmt.Sprint(b.seeds), "device": device},
	})
}

func writeTable(path string, t table.Table) error {
	var csv bytes.Buffer
	if err := t.WriteCSV(&csv); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, csv.Bytes())
}
