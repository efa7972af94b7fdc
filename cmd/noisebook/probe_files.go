package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/arrayfile"
	"noisebook/pkg/npy"
	"noisebook/pkg/probe"
)

// readCodes reads a matrix [samples, features].
func readCodes(source string) (*mat.Dense, error) {
	array, err := arrayfile.Open(source)
	if err != nil {
		return nil, err
	}
	return array.Matrix()
}

// readLabelled reads codes and their labels.
func readLabelled(codes, labels string) (set probe.Set, err error) {
	if set.X, err = readCodes(codes); err != nil {
		return set, err
	}
	array, err := arrayfile.Open(labels)
	if err != nil {
		return set, err
	}
	set.Labels, err = array.Ints()
	return set, err
}

// writeProbe writes what was fitted and what it predicts to a folder, and
// returns the paths.
func writeProbe(folder string, predictor probe.Predictor, test *mat.Dense, prediction probe.Prediction) ([]string, error) {
	matrices := map[string]*mat.Dense{"scores": prediction.Scores}
	vectors := map[string][]float64{}
	switch model := predictor.(type) {
	case *probe.LogisticModel:
		matrices["coefficients"], vectors["intercepts"] = model.Coefficients, model.Intercepts
	case *probe.LinearSVMModel:
		matrices["coefficients"], vectors["intercepts"] = model.Coefficients, model.Intercepts
		matrices["duals"] = model.Duals
	case *probe.KernelSVMModel:
		pairs, err := model.PairDecisions(test)
		if err != nil {
			return nil, err
		}
		matrices["pair_decisions"], vectors["pair_biases"] = pairs, model.Biases()
	case *probe.KMeansModel:
		matrices["centres"] = model.Clustering.Centres
	}
	return saveArrays(folder, matrices, vectors, map[string][]int{"predictions": prediction.Labels})
}

// saveArrays writes NAME.npy files to a folder, which it makes, and returns
// their paths.
func saveArrays(folder string, matrices map[string]*mat.Dense, vectors map[string][]float64, labels map[string][]int) ([]string, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	writers := map[string]func(path string) error{}
	for name, m := range matrices {
		rows, columns := m.Dims()
		writers[name] = func(path string) error {
			return npy.Save(path, []int{rows, columns}, mat.DenseCopyOf(m).RawMatrix().Data)
		}
	}
	for name, values := range vectors {
		writers[name] = func(path string) error { return npy.Save(path, []int{len(values)}, values) }
	}
	for name, numbers := range labels {
		wide := make([]int64, len(numbers))
		for i, n := range numbers {
			wide[i] = int64(n)
		}
		writers[name] = func(path string) error { return npy.Save(path, []int{len(wide)}, wide) }
	}
	var written []string
	for _, name := range slices.Sorted(maps.Keys(writers)) {
		path := filepath.Join(folder, name+".npy")
		if err := writers[name](path); err != nil {
			return written, err
		}
		written = append(written, path)
	}
	return written, nil
}
