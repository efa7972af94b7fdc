package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"noisebook/pkg/engine"
	"noisebook/pkg/probe"
	"noisebook/pkg/probe/mlp"
)

func newProbeCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "probe",
		Short: "Ask what codes know: fit a probe to labelled codes and test it on others",
		Long: `Ask what codes know: fit a probe to labelled codes and test it on others.

Codes are files of a matrix [samples, features], labels files of class numbers
from 0. A setting that takes a list, such as --c 0.1,1,10, is chosen by accuracy
on the validation set alone; the test set only measures.`,
		Example: `  noisebook probe list
  noisebook probe logistic --train x.npy --train-labels y.npy --test xt.npy --test-labels yt.npy
  noisebook probe svm --c 0.1,1,10 --train x.npy --train-labels y.npy --validation xv.npy --validation-labels yv.npy \
      --test xt.npy --test-labels yt.npy --json --out fitted/`,
	}
	command.PersistentFlags().Bool("json", false, "print one JSON object instead of text")
	command.AddCommand(newProbeListCommand(), newProbePCACommand())
	for _, kind := range probeKinds {
		command.AddCommand(newProbeFitCommand(kind))
	}
	return command
}

// probeKind is a probe that the command line can fit.
type probeKind struct {
	name     string
	call     string // in Go
	what     string
	onEngine bool // it cannot do without an engine
	flags    func(flags *pflag.FlagSet) probeBuilder
}

// probeBuilder makes the candidates once the flags are parsed; the engine is nil
// for probes that need none.
type probeBuilder func(e *engine.Engine) []probe.Candidate

var probeKinds = []probeKind{
	{"logistic", "probe.Logistic", "logistic regression with an L2 penalty; C and coefficients as in scikit-learn's LogisticRegression", false, logisticFlags},
	{"linear-svm", "probe.LinearSVM", "linear SVM, one class against the rest; objective as in liblinear and scikit-learn's LinearSVC", false, linearSVMFlags},
	{"svm", "probe.KernelSVM", "SVM with an RBF or linear kernel, one class against one; as in libsvm and scikit-learn's SVC", false, kernelSVMFlags},
	{"mlp", "mlp.Machine.Probe", "perceptron with one hidden layer, trained with Adam on the engine", true, perceptronFlags},
	{"k-means", "probe.KMeans", "clusters of the training codes, each with its most frequent label", false, kMeansFlags},
	{"label-propagation", "probe.LabelPropagation", "labels spread along a graph of nearest neighbours, as LaplaceNet does; transductive", false, propagationFlags},
}

func logisticFlags(flags *pflag.FlagSet) probeBuilder {
	var options probe.Logistic
	c := penaltyFlag(flags)
	flags.Float64Var(&options.Tolerance, "tolerance", 1e-10, "largest entry of the gradient at the end, divided by C and samples")
	flags.IntVar(&options.MaxIterations, "max-iterations", 1000, "steps of LBFGS")
	return func(*engine.Engine) []probe.Candidate {
		return probe.Grid("C", *c, func(c float64) probe.Probe { options.C = c; return options })
	}
}

func linearSVMFlags(flags *pflag.FlagSet) probeBuilder {
	var options probe.LinearSVM
	c := penaltyFlag(flags)
	loss := choiceFlag(flags, "loss", "cost of a margin below 1", probe.SquaredHinge, probe.Hinge)
	flags.Float64Var(&options.Tolerance, "tolerance", 1e-10, "violation of the optimality conditions at the end, in units of the margin")
	flags.IntVar(&options.MaxIterations, "max-iterations", 1000, "Newton steps a class")
	return func(*engine.Engine) []probe.Candidate {
		options.Loss = loss.value
		return probe.Grid("C", *c, func(c float64) probe.Probe { options.C = c; return options })
	}
}

func kernelSVMFlags(flags *pflag.FlagSet) probeBuilder {
	var options probe.KernelSVM
	c := penaltyFlag(flags)
	kernel := choiceFlag(flags, "kernel", "measure of likeness", probe.RBF, probe.Linear)
	flags.Float64Var(&options.Gamma, "gamma", 0, "of the RBF kernel; 0: 1/(features × variance), scikit-learn's \"scale\"")
	flags.Float64Var(&options.Tolerance, "tolerance", 1e-8, "violation of the optimality conditions at the end, in units of the margin")
	flags.IntVar(&options.MaxIterations, "max-iterations", 10_000_000, "steps of sequential minimal optimisation a pair of classes")
	return func(*engine.Engine) []probe.Candidate {
		options.Kernel = kernel.value
		return probe.Grid("C", *c, func(c float64) probe.Probe { options.C = c; return options })
	}
}

func perceptronFlags(flags *pflag.FlagSet) probeBuilder {
	options := mlp.Default
	rates := flags.Float64Slice("rate", []float64{options.Rate}, "learning rate of Adam; of a list the best on the validation set")
	flags.IntVar(&options.Hidden, "hidden", options.Hidden, "width of the hidden layer")
	flags.Float64Var(&options.Dropout, "dropout", options.Dropout, "share of the hidden layer that is dropped in training")
	flags.Float64Var(&options.WeightDecay, "weight-decay", options.WeightDecay, "of Adam, in the gradient")
	flags.IntVar(&options.Batch, "batch", options.Batch, "samples a step")
	flags.IntVar(&options.Epochs, "epochs", options.Epochs, "passes over the training set; with a validation set the best epoch's weights are kept")
	return func(e *engine.Engine) []probe.Candidate {
		machine := mlp.New(e) // the engine frees its programs when it closes
		return probe.Grid("rate", *rates, func(rate float64) probe.Probe { options.Rate = rate; return machine.Probe(options) })
	}
}

func kMeansFlags(flags *pflag.FlagSet) probeBuilder {
	var options probe.KMeans
	flags.IntVar(&options.Clusters, "clusters", 0, "number of clusters; 0: as many as classes")
	flags.IntVar(&options.Restarts, "restarts", 10, "k-means++ starts, the one of least inertia is kept")
	flags.IntVar(&options.MaxIterations, "max-iterations", 300, "centre updates a start")
	return func(*engine.Engine) []probe.Candidate { return []probe.Candidate{{Probe: options}} }
}

func propagationFlags(flags *pflag.FlagSet) probeBuilder {
	var options probe.LabelPropagation
	flags.IntVar(&options.Neighbours, "neighbours", 0, "nearest neighbours of each sample; 0: 50, or as many as there are")
	flags.Float64Var(&options.Alpha, "alpha", 0.99, "share that a sample takes from its neighbours, between 0 and 1")
	flags.Float64Var(&options.Tolerance, "tolerance", 1e-10, "relative residual of the conjugate gradients")
	flags.IntVar(&options.MaxIterations, "max-iterations", 1000, "conjugate gradient steps")
	flags.IntVar(&options.AlignRounds, "align", 0, "rounds of distribution alignment; LaplaceNet takes 100")
	return func(*engine.Engine) []probe.Candidate { return []probe.Candidate{{Probe: options}} }
}

func penaltyFlag(flags *pflag.FlagSet) *[]float64 {
	return flags.Float64Slice("c", []float64{1}, "weight of the data against the penalty; of a list the best on the validation set")
}

// choice is a flag that takes one of a few values by their names.
type choice[T fmt.Stringer] struct {
	value T
	all   []T
}

func choiceFlag[T fmt.Stringer](flags *pflag.FlagSet, name, usage string, all ...T) *choice[T] {
	c := &choice[T]{all[0], all}
	flags.Var(c, name, fmt.Sprintf("%s: %s", usage, c.names()))
	return c
}

func (c *choice[T]) names() (names string) {
	for i, v := range c.all {
		if i > 0 {
			names += " or "
		}
		names += v.String()
	}
	return names
}

// String implements pflag.Value.
func (c *choice[T]) String() string { return c.value.String() }

// Type implements pflag.Value.
func (c *choice[T]) Type() string { return "name" }

// Set implements pflag.Value.
func (c *choice[T]) Set(name string) error {
	for _, v := range c.all {
		if v.String() == name {
			c.value = v
			return nil
		}
	}
	return fmt.Errorf("%q is not known; use %s", name, c.names())
}

func newProbeListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the probes",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			type listed struct {
				Name string `json:"name"`
				Call string `json:"call"`
				What string `json:"what"`
			}
			var all []listed
			for _, kind := range probeKinds {
				all = append(all, listed{kind.name, kind.call, kind.what})
			}
			all = append(all, listed{"pca", "metric.PCA, probe.Principal", "principal components and the variance they explain; --components puts them before a probe"})
			asJSON, err := command.Flags().GetBool("json")
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(command.OutOrStdout(), all)
			}
			tw := tabwriter.NewWriter(command.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintln(tw, "probe\tcall\twhat")
			for _, p := range all {
				fmt.Fprintf(tw, "%s\t%s\t%s\n", p.Name, p.Call, p.What)
			}
			return tw.Flush()
		},
	}
}
