package features

import (
	"fmt"
	"io"
	"math"

	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/npy"
)

// Statistics are the mean and the covariance of a set of features, as files of
// pytorch-fid, clean-fid and OpenAI's evaluator hold them. A metric.Gaussian has
// the same fields.
type Statistics struct {
	Samples    int           // 0 where the file does not say
	Mean       []float64     // [D]
	Covariance *mat.SymDense // [D, D], divisor Samples−1
}

// The names of the arrays in a file.
const (
	meanArray       = "mu"
	covarianceArray = "sigma"
	samplesArray    = "samples" // ours; other programs pass over it
)

// WriteStatistics writes a .npz file that `python -m pytorch_fid` and clean-fid read.
func WriteStatistics(w io.Writer, s Statistics) error {
	dim := len(s.Mean)
	if s.Covariance == nil || s.Covariance.SymmetricDim() != dim {
		return fmt.Errorf("features: statistics need a mean and a covariance of one dimension")
	}
	full := make([]float64, 0, dim*dim)
	for i := range dim {
		for j := range dim {
			full = append(full, s.Covariance.At(i, j))
		}
	}
	return npy.WriteArchive(w, func(a *npy.ArchiveWriter) error {
		if err := npy.AddArray(a, meanArray, []int{dim}, s.Mean); err != nil {
			return err
		}
		if err := npy.AddArray(a, covarianceArray, []int{dim, dim}, full); err != nil {
			return err
		}
		if s.Samples == 0 {
			return nil
		}
		return npy.AddArray(a, samplesArray, nil, []int64{int64(s.Samples)})
	})
}

// ReadStatistics reads mu and sigma of a .npz file.
func ReadStatistics(path string) (Statistics, error) { return readStatistics(path, "") }

// ReadSpatialStatistics reads mu_s and sigma_s of a reference file of OpenAI's
// evaluator, which are of the spatial features.
func ReadSpatialStatistics(path string) (Statistics, error) { return readStatistics(path, "_s") }

func readStatistics(path, suffix string) (Statistics, error) {
	a, err := npy.OpenArchive(path)
	if err != nil {
		return Statistics{}, err
	}
	defer a.Close()
	mean, err := a.Read(meanArray + suffix)
	if err != nil {
		return Statistics{}, err
	}
	covariance, err := a.Read(covarianceArray + suffix)
	if err != nil {
		return Statistics{}, err
	}
	meanShape, shape := mean.Shape(), covariance.Shape()
	if len(meanShape) != 1 || meanShape[0] == 0 || len(shape) != 2 || shape[0] != meanShape[0] || shape[1] != meanShape[0] {
		return Statistics{}, fmt.Errorf("%s: %s has shape %v and %s %v, want [D] and [D, D]", path, meanArray+suffix, meanShape, covarianceArray+suffix, shape)
	}
	s := Statistics{Mean: mean.Float64s()}
	if s.Covariance, err = symmetric(covariance.Float64s(), shape[0]); err != nil {
		return Statistics{}, fmt.Errorf("%s: %s %w", path, covarianceArray+suffix, err)
	}
	for _, name := range a.Names() {
		if name != samplesArray || suffix != "" {
			continue
		}
		samples, err := a.Read(name)
		if err != nil {
			return Statistics{}, err
		}
		if count, err := samples.Ints(); err == nil && len(count) == 1 && count[0] > 0 {
			s.Samples = count[0]
		}
	}
	return s, nil
}

// symmetric takes the mean of both triangles, which must agree to rounding.
func symmetric(values []float64, dim int) (*mat.SymDense, error) {
	largest := 0.0
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("holds %v", v)
		}
		largest = max(largest, math.Abs(v))
	}
	s := mat.NewSymDense(dim, nil)
	for i := range dim {
		for j := i; j < dim; j++ {
			a, b := values[i*dim+j], values[j*dim+i]
			if math.Abs(a-b) > 1e-5*largest { // files may hold sums in float32
				return nil, fmt.Errorf("is no covariance: entry (%d, %d) is %g, entry (%[2]d, %[1]d) is %[4]g", i, j, a, b)
			}
			s.SetSym(i, j, (a+b)/2)
		}
	}
	return s, nil
}
