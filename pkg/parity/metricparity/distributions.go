package metricparity

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"noisebook/pkg/metric"
)

func fid(f *fixture) (outputs, error) {
	real, err := f.matrix("real")
	if err != nil {
		return nil, err
	}
	fake, err := f.matrix("fake")
	if err != nil {
		return nil, err
	}
	distance, err := metric.FID(real, fake)
	if err != nil {
		return nil, err
	}
	realGaussian, err := metric.FitGaussian(real)
	if err != nil {
		return nil, err
	}
	fakeGaussian, err := metric.FitGaussian(fake)
	if err != nil {
		return nil, err
	}
	apart := floats.Distance(realGaussian.Mean, fakeGaussian.Mean, 2)
	o := outputs{}
	o.set("fid", distance.Value)
	o.set("mean_term", apart*apart)
	o.set("trace_cov_real", mat.Trace(realGaussian.Covariance))
	o.set("trace_cov_fake", mat.Trace(fakeGaussian.Covariance))
	return o, nil
}

func prdHistograms(f *fixture) (outputs, error) {
	angles, err := prdAngles(f)
	if err != nil {
		return nil, err
	}
	eval, err := f.vector("eval_counts")
	if err != nil {
		return nil, err
	}
	ref, err := f.vector("ref_counts")
	if err != nil {
		return nil, err
	}
	curve, err := metric.PRDFromHistograms(ref, eval, angles)
	if err != nil {
		return nil, err
	}
	return prdOutputs(f, curve)
}

func prdClusters(f *fixture) (outputs, error) {
	angles, err := prdAngles(f)
	if err != nil {
		return nil, err
	}
	eval, err := f.ints("eval_cluster")
	if err != nil {
		return nil, err
	}
	ref, err := f.ints("ref_cluster")
	if err != nil {
		return nil, err
	}
	clusters, err := classes(eval, ref) // empty clusters beyond add nothing
	if err != nil {
		return nil, err
	}
	curve, err := metric.PRDFromClusters(ref, eval, clusters, angles)
	if err != nil {
		return nil, err
	}
	return prdOutputs(f, curve)
}

func prdFeatures(f *fixture) (outputs, error) {
	angles, err := prdAngles(f)
	if err != nil {
		return nil, err
	}
	clusters, err := parameter(f, "num_clusters", 20)
	if err != nil {
		return nil, err
	}
	runs, err := parameter(f, "num_runs", 10)
	if err != nil {
		return nil, err
	}
	eval, err := f.matrix("eval")
	if err != nil {
		return nil, err
	}
	ref, err := f.matrix("ref")
	if err != nil {
		return nil, err
	}
	curve, err := metric.PRD(ref, eval, metric.PRDOptions{Clusters: clusters, Runs: runs, Angles: angles})
	if err != nil {
		return nil, err
	}
	return prdOutputs(f, curve)
}

// prdAngles refuses a case whose angles are spaced by another rule than ours.
func prdAngles(f *fixture) (int, error) {
	const ours = 1e-10
	epsilon, err := parameter(f, "epsilon", ours)
	if err != nil {
		return 0, err
	}
	if epsilon != ours {
		return 0, fmt.Errorf("epsilon %g is not supported, only %g", epsilon, ours)
	}
	return parameter(f, "num_angles", 1001)
}

func prdOutputs(f *fixture, curve metric.PRDCurve) (outputs, error) {
	beta, err := parameter(f, "beta", 8.)
	if err != nil {
		return nil, err
	}
	o := outputs{"precision": curve.Precision, "recall": curve.Recall}
	o.set(fmt.Sprintf("f_%g", beta), curve.F(beta))
	o.set(fmt.Sprintf("f_1_%g", beta), curve.F(1/beta))
	return o, nil
}

func kid(f *fixture) (outputs, error) {
	real, err := f.matrix("real")
	if err != nil {
		return nil, err
	}
	fake, err := f.matrix("fake")
	if err != nil {
		return nil, err
	}
	var kernel metric.PolynomialKernel
	if kernel.Degree, err = parameter(f, "degree", metric.KIDKernel.Degree); err != nil {
		return nil, err
	}
	if kernel.Gamma, err = parameter(f, "gamma", 0.); err != nil {
		return nil, err
	}
	if kernel.Offset, err = parameter(f, "coef0", metric.KIDKernel.Offset); err != nil {
		return nil, err
	}
	full, err := metric.MMD(real, fake, kernel)
	if err != nil {
		return nil, err
	}
	o := outputs{}
	o.set("mmd2_full_unbiased", full.Unbiased.Value)
	o.set("mmd2_full_biased", full.Biased.Value)
	if f.Inputs["subset_real"] == nil || f.Inputs["subset_fake"] == nil {
		return o, nil
	}

	// Which samples a subset holds is given, because every library draws its own.
	realRows, err := f.matrix("subset_real")
	if err != nil {
		return nil, err
	}
	fakeRows, err := f.matrix("subset_fake")
	if err != nil {
		return nil, err
	}
	subsets, _ := realRows.Dims()
	if others, _ := fakeRows.Dims(); others != subsets {
		return nil, fmt.Errorf("%d subsets of real and %d of fake samples", subsets, others)
	}
	distances := make([]float64, subsets)
	for s := range distances {
		realSubset, err := selectRows(real, realRows.RawRowView(s))
		if err != nil {
			return nil, err
		}
		fakeSubset, err := selectRows(fake, fakeRows.RawRowView(s))
		if err != nil {
			return nil, err
		}
		mmd, err := metric.MMD(realSubset, fakeSubset, kernel)
		if err != nil {
			return nil, err
		}
		distances[s] = mmd.Unbiased.Value
	}
	mean, sd := stat.PopMeanStdDev(distances, nil)
	o["mmd2_subsets"] = distances
	o.set("kid_mean", mean)
	o.set("kid_std", sd)
	return o, nil
}

func inceptionScore(f *fixture) (outputs, error) {
	probabilities, err := f.matrix("probs")
	if err != nil {
		return nil, err
	}
	splits, err := parameter(f, "splits", []int{10, 1})
	if err != nil {
		return nil, err
	}
	orders := map[string]*mat.Dense{"": probabilities}
	if f.Inputs["permutation"] != nil {
		permutation, err := f.vector("permutation")
		if err != nil {
			return nil, err
		}
		if orders["_shuffled"], err = selectRows(probabilities, permutation); err != nil {
			return nil, err
		}
	}
	o := outputs{}
	for suffix, rows := range orders {
		for _, n := range splits {
			scores, err := metric.InceptionScore(rows, n)
			if err != nil {
				return nil, err
			}
			name := fmt.Sprintf("_splits%d%s", n, suffix)
			o.set("mean"+name, scores.Value)
			o.set("std"+name, scores.Spread.SD)
			o["scores"+name] = scores.Chunks
		}
	}
	return o, nil
}

func neighbourhood(f *fixture) (outputs, error) {
	real, err := f.matrix("real")
	if err != nil {
		return nil, err
	}
	fake, err := f.matrix("fake")
	if err != nil {
		return nil, err
	}
	neighbours, err := parameter(f, "k", []int{5})
	if err != nil {
		return nil, err
	}
	o := outputs{}
	for _, k := range neighbours {
		for _, surface := range []struct {
			name   string
			closed bool
		}{{"", false}, {"_le", true}} {
			s, err := metric.Neighbourhood(real, fake, metric.NeighbourhoodOptions{Neighbours: k, Closed: surface.closed})
			if err != nil {
				return nil, err
			}
			suffix := fmt.Sprintf("%s_k%d", surface.name, k)
			o.set("precision"+suffix, s.Precision.Value)
			o.set("recall"+suffix, s.Recall.Value)
			o.set("density"+suffix, s.Density.Value)
			o.set("coverage"+suffix, s.Coverage.Value)
		}
		o.set(fmt.Sprintf("smallest_relative_gap_k%d", k), smallestGap(real, fake, k))
	}
	return o, nil
}

// smallestGap is how close a distance of a real and a fake sample comes to the
// radius of either's ball, in proportion to it: below 1e-7, float32 arithmetic
// may count the sample on the other side. Each set has more samples than k.
func smallestGap(real, fake *mat.Dense, k int) float64 {
	realRadii, fakeRadii := ballRadii(real, k), ballRadii(fake, k)
	smallest := math.Inf(1)
	for i, realRadius := range realRadii {
		for j, fakeRadius := range fakeRadii {
			d := floats.Distance(real.RawRowView(i), fake.RawRowView(j), 2)
			for _, radius := range []float64{realRadius, fakeRadius} {
				if radius > 0 { // else the ball holds duplicates only
					smallest = min(smallest, math.Abs(d-radius)/radius)
				}
			}
		}
	}
	return smallest
}

// ballRadii are the distances from each row to its k-th nearest other row.
func ballRadii(x *mat.Dense, k int) []float64 {
	samples, _ := x.Dims()
	radii, distances := make([]float64, samples), make([]float64, samples)
	for i := range radii {
		for j := range distances {
			distances[j] = floats.Distance(x.RawRowView(i), x.RawRowView(j), 2)
		}
		slices.Sort(distances)
		radii[i] = distances[k] // the 0-th is the row itself
	}
	return radii
}

// selectRows copies the rows of m at the indices, which a folder may get wrong.
func selectRows(m *mat.Dense, indices []float64) (*mat.Dense, error) {
	rows, columns := m.Dims()
	if len(indices) == 0 {
		return nil, errors.New("no rows are selected")
	}
	selected := mat.NewDense(len(indices), columns, nil)
	for to, index := range indices {
		from := int(index)
		if float64(from) != index || from < 0 || from >= rows {
			return nil, fmt.Errorf("row %v is selected of %d", index, rows)
		}
		selected.SetRow(to, m.RawRowView(from))
	}
	return selected, nil
}
