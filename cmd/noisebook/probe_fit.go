package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"noisebook/pkg/arrayfile"
	"noisebook/pkg/dense"
	"noisebook/pkg/engine"
	"noisebook/pkg/probe"
)

// probeRun is what the flags of a fit say.
type probeRun struct {
	paths       map[string]*probePaths // by part
	seed        uint64
	standardize bool
	components  int
	auc         bool
	out         string
	engine      string
}

type probePaths struct{ codes, labels string }

// probeParts are the parts of a study, in the order of their flags.
var probeParts = []string{"train", "validation", "test"}

func newProbeFitCommand(kind probeKind) *cobra.Command {
	run := probeRun{paths: map[string]*probePaths{}}
	var build probeBuilder
	command := &cobra.Command{
		Use:   kind.name + " [TRAIN [TEST]]",
		Short: strings.ToUpper(kind.what[:1]) + kind.what[1:],
		Long: fmt.Sprintf(`%s%s.

TRAIN and TEST stand for --train and --test. Files are %s;
FILE#NAME takes an array of an .npz or columns of a table. With --out the fitted numbers and
the test set's predictions are written as .npy files.`, strings.ToUpper(kind.what[:1]), kind.what[1:], arrayfile.Extensions),
		Example: fmt.Sprintf("  noisebook probe %s --train x.npy --train-labels y.npy --test xt.npy --test-labels yt.npy", kind.name),
		Args:    cobra.MaximumNArgs(2),
		RunE: func(command *cobra.Command, args []string) error {
			for i, part := range []string{"train", "test"}[:len(args)] {
				if run.paths[part].codes != "" {
					return fmt.Errorf("probe %s: both %s and --%s %s; give one", kind.name, args[i], part, run.paths[part].codes)
				}
				run.paths[part].codes = args[i]
			}
			return run.run(command, kind, build)
		},
	}
	flags := command.Flags()
	build = kind.flags(flags)
	for _, part := range probeParts {
		paths := &probePaths{}
		run.paths[part] = paths
		flags.StringVar(&paths.codes, part, "", fmt.Sprintf("codes [samples, features] of the %s set", part))
		flags.StringVar(&paths.labels, part+"-labels", "", fmt.Sprintf("class numbers [samples] of the %s set", part))
	}
	flags.Uint64Var(&run.seed, "seed", 0, "of what draws random numbers")
	flags.BoolVar(&run.standardize, "standardize", false, "scale features to mean 0 and variance 1 of the training set first")
	flags.IntVar(&run.components, "components", 0, "project on that many principal components of the training set first; 0: none")
	flags.BoolVar(&run.auc, "auc", false, "measure the area under the ROC curve too")
	flags.StringVar(&run.out, "out", "", "folder for predictions.npy, scores.npy and, where there are any, coefficients.npy, intercepts.npy, …")
	flags.StringVar(&run.engine, "engine", "", "auto, xla, xla:PATH or go: what computes large products (default Go) and a perceptron (default $NOISEBOOK_ENGINE, then auto)")
	return command
}

// probeOutcome is what a fit prints.
type probeOutcome struct {
	Probe    string                        `json:"probe"`
	Settings map[string]string             `json:"settings"` // flags and their values
	Chosen   map[string]float64            `json:"chosen,omitempty"`
	Samples  map[string]int                `json:"samples"`
	Features int                           `json:"features"`
	Classes  []int                         `json:"classes"`
	Values   map[string]map[string]*number `json:"values"` // by part and metric
	Report   probe.Report                  `json:"report"`
	Seconds  float64                       `json:"seconds"` // to fit, choose and measure
	Written  []string                      `json:"written,omitempty"`
}

func (r probeRun) run(command *cobra.Command, kind probeKind, build probeBuilder) error {
	ctx := command.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	splits, err := r.read()
	if err != nil {
		return fmt.Errorf("probe %s: %w", kind.name, err)
	}
	candidates, release, err := r.candidates(ctx, kind, build)
	if err != nil {
		return err
	}
	defer release()
	metrics := []probe.Metric{probe.Accuracy}
	if r.auc {
		metrics = append(metrics, probe.AUC)
	}
	start := time.Now()
	outcome, err := probe.Evaluate(ctx, splits, candidates, metrics, r.seed)
	if err != nil {
		return err
	}
	printed := probeOutcome{
		Probe: kind.name, Settings: settingsOf(command), Samples: map[string]int{}, Features: splits.Train.Features(),
		Values: map[string]map[string]*number{}, Seconds: time.Since(start).Seconds(),
	}
	for part, set := range map[string]probe.Set{"train": splits.Train, "validation": splits.Validation, "test": splits.Test} {
		if set.Len() > 0 {
			printed.Samples[part], printed.Values[part] = set.Len(), map[string]*number{}
		}
	}
	for _, v := range outcome.Values {
		if v.Metric == outcome.Chosen.Setting {
			printed.Chosen = map[string]float64{v.Metric: v.Value}
			continue
		}
		value := number(v.Value)
		printed.Values[v.Split][v.Metric] = &value
	}
	prediction, err := outcome.Predictor.Predict(ctx, splits.Test.X)
	if err != nil {
		return err
	}
	printed.Classes, printed.Report = prediction.Classes, prediction.Report
	if r.out != "" {
		if printed.Written, err = writeProbe(r.out, outcome.Predictor, splits.Test.X, prediction); err != nil {
			return err
		}
	}
	return printed.print(command)
}

// candidates makes the probes to choose among, on the engine where that is
// asked for or needed; release gives back what they hold.
func (r probeRun) candidates(ctx context.Context, kind probeKind, build probeBuilder) ([]probe.Candidate, func(), error) {
	var e *engine.Engine
	release := func() {}
	if r.engine != "" || kind.onEngine {
		var err error
		if e, err = engine.Open(ctx, r.engine); err != nil {
			return nil, nil, err
		}
		release = e.Close
	}
	if r.engine != "" {
		products, err := e.Products()
		if err != nil {
			release()
			return nil, nil, err
		}
		restore := dense.Use(products)
		release = func() { restore(); e.Close() }
	}
	candidates := build(e)
	for i := range candidates {
		if r.components != 0 {
			candidates[i].Probe = probe.Principal{Components: r.components, Probe: candidates[i].Probe}
		}
		if r.standardize {
			candidates[i].Probe = probe.Standardized{Probe: candidates[i].Probe}
		}
	}
	return candidates, release, nil
}

// read opens the files; the validation set may be missing.
func (r probeRun) read() (splits probe.Splits, err error) {
	for part, set := range map[string]*probe.Set{"train": &splits.Train, "validation": &splits.Validation, "test": &splits.Test} {
		paths := r.paths[part]
		if paths.codes == "" {
			if part == "validation" && paths.labels == "" {
				continue
			}
			return splits, fmt.Errorf("no %s set; name its codes with --%s and its labels with --%s-labels", part, part, part)
		}
		if *set, err = readLabelled(paths.codes, paths.labels); err != nil {
			return splits, err
		}
	}
	return splits, nil
}

// settingsOf are the flags that decide the result.
func settingsOf(command *cobra.Command) map[string]string {
	settings := map[string]string{}
	command.Flags().VisitAll(func(flag *pflag.Flag) {
		isPart := slices.ContainsFunc(probeParts, func(part string) bool { return strings.HasPrefix(flag.Name, part) })
		if !isPart && !slices.Contains([]string{"out", "help", "json", debugFlag}, flag.Name) {
			settings[flag.Name] = flag.Value.String()
		}
	})
	return settings
}

func (o probeOutcome) print(command *cobra.Command) error {
	asJSON, err := command.Flags().GetBool("json")
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(command.OutOrStdout(), o)
	}
	tw := tabwriter.NewWriter(command.OutOrStdout(), 0, 4, 2, ' ', 0)
	for _, part := range probeParts {
		if o.Samples[part] == 0 {
			continue
		}
		fmt.Fprintf(tw, "%s\t%d samples", part, o.Samples[part])
		for _, name := range slices.Sorted(maps.Keys(o.Values[part])) {
			if name != "converged" {
				fmt.Fprintf(tw, "\t%s %.4f", name, float64(*o.Values[part][name]))
			}
		}
		fmt.Fprintln(tw)
	}
	for name, value := range o.Chosen {
		fmt.Fprintf(tw, "chosen\t%s = %g\n", name, value)
	}
	state := "converged"
	if !o.Report.Converged {
		state = "NOT converged"
	}
	fmt.Fprintf(tw, "fit\t%s after %d iterations, residual %.1e\n", state, o.Report.Iterations, o.Report.Residual)
	fmt.Fprintf(tw, "settings\t%d features, %d classes", o.Features, len(o.Classes))
	for _, name := range slices.Sorted(maps.Keys(o.Settings)) {
		if value := o.Settings[name]; value != "" && value != "false" {
			fmt.Fprintf(tw, ", %s %s", name, strings.Trim(value, "[]"))
		}
	}
	fmt.Fprintln(tw)
	for _, path := range o.Written {
		fmt.Fprintf(tw, "written\t%s\n", path)
	}
	return tw.Flush()
}

// number is a float64 whose JSON is null where it is not finite.
type number float64

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) {
	if v := float64(n); v-v == 0 {
		return strconv.AppendFloat(nil, v, 'g', -1, 64), nil
	}
	return []byte("null"), nil
}
