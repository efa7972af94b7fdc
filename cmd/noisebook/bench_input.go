package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"noisebook/experiments/joint"
	"noisebook/pkg/augment"
	"noisebook/pkg/data"
	"noisebook/pkg/engine"
	"noisebook/pkg/features"
	"noisebook/pkg/tier"
	"noisebook/pkg/train"
)

// inputCase is a training whose input pipeline is watched.
type inputCase struct {
	name      string
	net       train.Network
	objective train.Objective
	config    train.Config
}

// inputResult is what one training showed.
type inputResult struct {
	Case       string  `json:"case"`
	Parameters int     `json:"parameters"`
	Batch      int     `json:"batch"`
	Steps      int     `json:"steps"`              // after the first, which compiles
	Step       float64 `json:"step_seconds"`       // mean, from the end of one to the end of the next
	Busy       float64 `json:"engine_busy"`        // share of that in which the engine computes
	Idle       float64 `json:"idle_seconds"`       // the rest, a step
	Fill       float64 `json:"fill_seconds"`       // to make a batch, which happens beside a step
	Allocated  float64 `json:"allocations_a_fill"` // in making a batch
}

func newBenchInputCommand() *cobra.Command {
	var spec string
	var only []string
	var asJSON bool
	var atLeast time.Duration
	command := &cobra.Command{
		Use:   "input",
		Short: "Measure the share of a training step in which the engine computes, at the tiers' sizes",
		Long: `Train the networks of the tiers on 60,000 random 28×28 images in memory and say how
busy the engine is: the time inside its executions, over the time from the end of the
first step to that of the last. The rest is what batches, checkpoints and logs keep it
waiting. Training runs report the same number as engine_busy.`,
		Example: "  noisebook bench input\n" +
			"  noisebook bench input --only joint-cpu,lenet-cpu --json",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			cases, err := inputCases(only)
			if err != nil {
				return fmt.Errorf("bench: %w", err)
			}
			e, err := engine.Open(command.Context(), spec)
			if err != nil {
				return err
			}
			defer e.Close()
			images := randomImages(60_000, 28)
			var results []inputResult
			for _, c := range cases {
				fmt.Fprintf(command.ErrOrStderr(), "training %s …\n", c.name)
				r, err := c.measure(command.Context(), e, images, atLeast)
				if err != nil {
					return fmt.Errorf("bench: %s: %w", c.name, err)
				}
				results = append(results, r)
			}
			if asJSON {
				encoder := json.NewEncoder(command.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(results)
			}
			return printInput(command.OutOrStdout(), results)
		},
	}
	flags := command.Flags()
	flags.StringSliceVar(&only, "only", nil, "cases to measure, such as joint-cpu; all of them by default")
	flags.DurationVar(&atLeast, "time", 4*time.Second, "train each for this long, and for 4 steps at least")
	flags.StringVar(&spec, "engine", "", "auto, xla, xla:PATH or go (default $NOISEBOOK_ENGINE, then auto)")
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	return command
}

// inputCases are the trainings of the tiers that fit this machine, and a UNet of
// C = 32 at full resolution.
func inputCases(only []string) ([]inputCase, error) {
	large := joint.FashionMNIST()
	large.Augment = augment.Config{} // a batch here has no second half
	large.Network.UNet.Width, large.Train.Batch = 32, 64
	var all []inputCase
	add := func(name string, c joint.ModelConfig) error {
		net, objective, err := c.Training()
		all = append(all, inputCase{name, net, objective, c.Train})
		return err
	}
	for _, t := range []tier.Tier{tier.Smoke, tier.Quick, tier.CPU} {
		setup := joint.AlphaSweep(t).Setup
		if err := add("joint-"+t.String(), setup.Model); err != nil {
			return nil, err
		}
		lenet, err := features.NewLeNet(28, 1, 10)
		if err != nil {
			return nil, err
		}
		all = append(all, inputCase{"lenet-" + t.String(), lenet.Network, lenet.Objective, setup.Reference.Train})
	}
	if err := add("joint-c32-b64", large); err != nil {
		return nil, err
	}
	if len(only) == 0 {
		return all, nil
	}
	var chosen []inputCase
	for _, name := range only {
		i := slices.IndexFunc(all, func(c inputCase) bool { return c.name == name })
		if i < 0 {
			var names []string
			for _, c := range all {
				names = append(names, c.name)
			}
			return nil, fmt.Errorf("--only: unknown case %q; use some of %s", name, strings.Join(names, ", "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

func randomImages(count, side int) data.Split {
	rng := rand.NewChaCha8([32]byte{})
	s := data.Split{Images: make([]uint8, count*side*side), Labels: make([]int32, count), Height: side, Width: side, Channels: 1}
	rng.Read(s.Images) // never fails
	for i := range s.Labels {
		s.Labels[i] = int32(i % 10)
	}
	return s
}

// measure trains until both the time is up and four steps are done.
func (c inputCase) measure(ctx context.Context, e *engine.Engine, images data.Split, atLeast time.Duration) (inputResult, error) {
	batches, err := data.NewBatches(images, c.config.Batch, c.config.Seed)
	if err != nil {
		return inputResult{}, err
	}
	r := inputResult{Case: c.name, Parameters: c.net.Layout.Size(), Batch: c.config.Batch}
	config := c.config
	config.Steps = 1 << 30
	enough := errors.New("enough steps")
	training, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var first time.Time
	_, err = train.Run(training, e, c.net, c.objective, batches, [3]int{images.Height, images.Width, images.Channels}, config, train.Options{
		Progress: func(step, _ int, values map[string]float64) {
			now := time.Now()
			if step == 1 {
				first = now
				return
			}
			r.Steps, r.Busy = step-1, values[train.EngineBusy]
			if took := now.Sub(first); took >= atLeast && r.Steps >= 4 {
				r.Step = took.Seconds() / float64(r.Steps)
				stop(enough)
			}
		},
	})
	if !errors.Is(context.Cause(training), enough) {
		return r, err
	}
	r.Idle = (1 - r.Busy) * r.Step
	r.Fill, r.Allocated, err = timeFill(batches, images.ImageSize())
	return r, err
}

// timeFill is the mean time and number of allocations of making a batch.
func timeFill(batches *data.Batches, imageSize int) (seconds, allocations float64, err error) {
	const count = 200
	images, labels := make([]float32, batches.Size()*imageSize), make([]int32, batches.Size())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	for step := range count {
		if err := batches.Fill(step, images, labels); err != nil {
			return 0, 0, err
		}
	}
	seconds = time.Since(start).Seconds() / count
	runtime.ReadMemStats(&after)
	return seconds, float64(after.Mallocs-before.Mallocs) / count, nil
}

func printInput(w io.Writer, results []inputResult) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "training\tparameters\tbatch\tsteps\tms a step\tengine busy, %\tidle, µs a step\tmaking a batch, µs\tallocations\t")
	for _, r := range results {
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%.2f\t%.2f\t%.0f\t%.0f\t%.2f\t\n",
			r.Case, r.Parameters, r.Batch, r.Steps, 1e3*r.Step, 100*r.Busy, 1e6*r.Idle, 1e6*r.Fill, r.Allocated)
	}
	return tw.Flush()
}
