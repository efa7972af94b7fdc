package metricparity

import (
	"context"
	"fmt"
	"slices"

	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/metric"
	"noisebook/pkg/probe"
)

// probeCase is what every probe of a folder is fitted to and asked.
type probeCase struct {
	train probe.Set
	test  *mat.Dense
	c     float64
}

func readProbe(f *fixture) (p probeCase, err error) {
	if p.train.X, err = f.matrix("x"); err != nil {
		return p, err
	}
	if p.train.Labels, err = f.ints("labels"); err != nil {
		return p, err
	}
	if p.test, err = f.matrix("x_test"); err != nil {
		return p, err
	}
	p.c, err = parameter(f, "C", 1.)
	return p, err
}

// notConverged is a failure of its own: values of an unfinished fit are nobody's.
func notConverged(r probe.Report) error {
	if r.Converged {
		return nil
	}
	return fmt.Errorf("not converged after %d iterations: residual %.2e", r.Iterations, r.Residual)
}

func logistic(f *fixture) (outputs, error) {
	p, err := readProbe(f)
	if err != nil {
		return nil, err
	}
	model, err := probe.Logistic{C: p.c, Tolerance: 1e-10}.Train(context.Background(), p.train)
	if err != nil {
		return nil, err
	}
	if err := notConverged(model.Report); err != nil {
		return nil, err
	}
	prediction, err := model.Predict(context.Background(), p.test)
	if err != nil {
		return nil, err
	}
	o := outputs{
		"coef":          model.Coefficients.RawMatrix().Data,
		"intercept":     model.Intercepts,
		"probabilities": values(prediction.Scores),
		"predictions":   float64s(prediction.Labels),
	}
	o.set("objective", model.Report.Objective)
	return o, nil
}

func linearSVM(loss probe.Loss) func(*fixture) (outputs, error) {
	return func(f *fixture) (outputs, error) {
		p, err := readProbe(f)
		if err != nil {
			return nil, err
		}
		model, err := probe.LinearSVM{C: p.c, Loss: loss}.Train(context.Background(), p.train)
		if err != nil {
			return nil, err
		}
		if err := notConverged(model.Report); err != nil {
			return nil, err
		}
		decisions, err := model.Decisions(p.test)
		if err != nil {
			return nil, err
		}
		prediction, err := model.Predict(context.Background(), p.test)
		if err != nil {
			return nil, err
		}
		o := outputs{
			"coef":        model.Coefficients.RawMatrix().Data,
			"intercept":   model.Intercepts,
			"decision":    values(decisions),
			"predictions": float64s(prediction.Labels),
		}
		o.set("objective", model.Report.Objective)
		return o, nil
	}
}

func kernelSVM(f *fixture) (outputs, error) {
	p, err := readProbe(f)
	if err != nil {
		return nil, err
	}
	options := probe.KernelSVM{C: p.c}
	kernel, err := parameter(f, "kernel", options.Kernel.String())
	if err != nil {
		return nil, err
	}
	switch kernel {
	case probe.RBF.String():
	case probe.Linear.String():
		options.Kernel = probe.Linear
	default:
		return nil, fmt.Errorf("kernel %q is not supported, only %v and %v", kernel, probe.RBF, probe.Linear)
	}
	if gamma, err := parameter(f, "gamma", "scale"); err != nil || gamma != "scale" {
		if options.Gamma, err = parameter(f, "gamma", 0.); err != nil {
			return nil, err
		}
	}
	model, err := options.Train(context.Background(), p.train)
	if err != nil {
		return nil, err
	}
	if err := notConverged(model.Report); err != nil {
		return nil, err
	}
	pairs, err := model.PairDecisions(p.test)
	if err != nil {
		return nil, err
	}
	prediction, err := model.Predict(context.Background(), p.test)
	if err != nil {
		return nil, err
	}
	o := outputs{
		"decision_ovo": values(pairs),
		"bias_ovo":     model.Biases(),
		"decision_ovr": values(prediction.Scores),
		"predictions":  float64s(prediction.Labels),
	}
	if len(model.Classes) == 2 { // scikit-learn has one column for both shapes
		o["decision_ovr"] = o["decision_ovo"]
	}
	for _, pair := range model.Pairs {
		o["support_vectors_per_pair"] = append(o["support_vectors_per_pair"], float64(len(pair.Support)))
	}
	o.set("gamma", model.Gamma)
	return o, nil
}

func labelPropagation(f *fixture) (outputs, error) {
	features, err := f.matrix("features")
	if err != nil {
		return nil, err
	}
	labels, err := f.ints("labels")
	if err != nil {
		return nil, err
	}
	labelled, err := f.ints("labelled")
	if err != nil {
		return nil, err
	}
	occurring, err := classes(labels)
	if err != nil {
		return nil, err
	}
	count, err := parameter(f, "classes", occurring)
	if err != nil {
		return nil, err
	}
	options := probe.LabelPropagation{Tolerance: 1e-12}
	if options.Neighbours, err = parameter(f, "k", options.Neighbours); err != nil {
		return nil, err
	}
	if options.Alpha, err = parameter(f, "alpha", options.Alpha); err != nil {
		return nil, err
	}
	const rounds = 100 // LaplaceNet's
	o := outputs{}
	for suffix, align := range map[string]int{"": 0, "_aligned": rounds} {
		options.AlignRounds = align
		p, err := options.Propagate(context.Background(), features, labels, labelled, count)
		if err != nil {
			return nil, err
		}
		if err := notConverged(p.Report); err != nil {
			return nil, err
		}
		accuracy, err := unlabelledAccuracy(p.Labels, labels, labelled)
		if err != nil {
			return nil, err
		}
		o.set("accuracy"+suffix, accuracy)
		o["probabilities"+suffix] = values(p.Probabilities)
		o["pseudo_labels"+suffix] = float64s(p.Labels)
		if align == 0 {
			o["z"], o["degree"] = values(p.Z), p.Graph.Degrees
			o.set("edges", float64(p.Graph.Edges()))
			for _, neighbours := range p.Graph.Neighbours {
				o["neighbours_sorted"] = append(o["neighbours_sorted"], float64s(slices.Sorted(slices.Values(neighbours)))...)
			}
		} else {
			o["weights"] = p.Certainty
		}
	}
	return o, nil
}

// unlabelledAccuracy leaves out the samples whose labels were given.
func unlabelledAccuracy(predictions, labels, labelled []int) (float64, error) {
	var left, truth []int
	for i, label := range labels {
		if !slices.Contains(labelled, i) {
			left, truth = append(left, predictions[i]), append(truth, label)
		}
	}
	score, err := metric.Accuracy(left, truth)
	return score.Value, err
}

// values are a matrix's elements, row-major.
func values(m *mat.Dense) []float64 { return mat.DenseCopyOf(m).RawMatrix().Data }
