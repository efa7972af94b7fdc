package features

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/npy"
)

func TestStatisticsRoundTrip(t *testing.T) {
	want := Statistics{Samples: 5, Mean: []float64{1, -2}, Covariance: mat.NewSymDense(2, []float64{2, 0.1, 0.1, 3})}
	var b bytes.Buffer
	if err := WriteStatistics(&b, want); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "s.npz")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := ReadStatistics(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.Samples != 5 || !slices.Equal(got.Mean, want.Mean) || !mat.Equal(got.Covariance, want.Covariance) {
		t.Errorf("%v, want %v", got, want)
	}
	if _, err := ReadSpatialStatistics(path); err == nil || !strings.Contains(err.Error(), "mu_s") {
		t.Errorf("spatial statistics that are not there: %v", err)
	}
	if err := WriteStatistics(&b, Statistics{Mean: []float64{1}}); err == nil {
		t.Error("statistics without a covariance are written")
	}
}

// Files of other programs hold no number of samples, and may hold more arrays.
func TestReadStatisticsOfOthers(t *testing.T) {
	write := func(mu, sigma []float64, shape ...int) string {
		path := filepath.Join(t.TempDir(), "s.npz")
		if err := npy.SaveArchive(path, func(a *npy.ArchiveWriter) error {
			for _, suffix := range []string{"", "_s"} {
				if err := npy.AddArray(a, "mu"+suffix, []int{len(mu)}, mu); err != nil {
					return err
				}
				if err := npy.AddArray(a, "sigma"+suffix, shape, sigma); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write([]float64{1, 2}, []float64{1, 0.5, 0.5, 1}, 2, 2)
	for _, read := range []func(string) (Statistics, error){ReadStatistics, ReadSpatialStatistics} {
		if s, err := read(good); err != nil || s.Samples != 0 || s.Covariance.At(0, 1) != 0.5 {
			t.Errorf("%v, %v", s, err)
		}
	}
	nan := 0.0
	nan /= nan
	for want, path := range map[string]string{
		"want [D] and [D, D]": write([]float64{1, 2}, []float64{1, 0, 0, 1, 0, 0}, 2, 3),
		"no covariance":       write([]float64{1, 2}, []float64{1, 0.5, 0.4, 1}, 2, 2),
		"NaN":                 write([]float64{1, 2}, []float64{1, 0, 0, nan}, 2, 2),
	} {
		if _, err := ReadStatistics(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
		}
	}
}
