package experiments

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/data"
	"noisebook/pkg/engine"
	"noisebook/pkg/features"
	"noisebook/pkg/track"
)

// counting gives image i the features (i, 10·i), two images a batch, and
// breaks off before image stop.
type counting struct {
	stop  int
	calls *[]int // the image that each extraction began with
}

func (counting) Name() string                { return "counting" }
func (counting) Settings() map[string]string { return map[string]string{"step": "10"} }
func (counting) UsesEngine() bool            { return false }

var errBroken = errors.New("broken off")

func (c counting) Each(_ context.Context, _ *engine.Engine, images features.Images, from int, sink features.Sink) error {
	*c.calls = append(*c.calls, from)
	for ; from < images.Len(); from += 2 {
		if from >= c.stop {
			return errBroken
		}
		rows := mat.NewDense(min(2, images.Len()-from), 2, nil)
		for r := range rows.RawMatrix().Rows {
			rows.SetRow(r, []float64{float64(from + r), 10 * float64(from+r)})
		}
		if err := sink(from, rows); err != nil {
			return err
		}
	}
	return nil
}

// A measurement that broke off goes on where it stopped; a finished one is not repeated.
func TestFeaturesResume(t *testing.T) {
	store, err := track.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	images := features.FromSplit(data.Split{Images: make([]uint8, 7), Labels: make([]int32, 7), Height: 1, Width: 1, Channels: 1})
	var calls []int
	if _, err := Features(t.Context(), store, counting{4, &calls}, images); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	result, err := Features(t.Context(), store, counting{99, &calls}, images)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Features(t.Context(), store, counting{0, &calls}, images); err != nil {
		t.Errorf("the third time: %v", err)
	}
	if len(calls) != 2 || calls[0] != 0 || calls[1] != 4 {
		t.Errorf("extractions began at images %v, want 0 and 4", calls)
	}
	got, err := result.Value.Dense(store)
	if err != nil {
		t.Fatal(err)
	}
	want := mat.NewDense(7, 2, nil)
	for i := range 7 {
		want.SetRow(i, []float64{float64(i), 10 * float64(i)})
	}
	if !mat.Equal(got, want) {
		t.Errorf("features\n%v", mat.Formatted(got))
	}

	statistics, err := Statistics(t.Context(), store, result)
	if err != nil {
		t.Fatal(err)
	}
	path, err := store.Path(statistics.Value.Statistics)
	if err != nil {
		t.Fatal(err)
	}
	s, err := features.ReadStatistics(path)
	if err != nil {
		t.Fatal(err)
	}
	if s.Samples != 7 || s.Mean[1] != 30 || math.Abs(s.Covariance.At(0, 0)-28./6) > 1e-12 { // 0 … 6
		t.Errorf("statistics %v", s)
	}
}

// A row that was cut short is measured again.
func TestKeptRowsDropATornRow(t *testing.T) {
	folder := t.TempDir()
	kept, err := openKeptRows(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := kept.add(mat.NewDense(2, 3, []float64{1, 2, 3, 4, 5, 6})); err != nil {
		t.Fatal(err)
	}
	if err := kept.add(mat.NewDense(1, 2, nil)); err == nil {
		t.Error("a row of another width")
	}
	kept.close()
	path := filepath.Join(folder, "rows-3.f32")
	if err := os.Truncate(path, 3*4+5); err != nil {
		t.Fatal(err)
	}
	if kept, err = openKeptRows(folder); err != nil || kept.count != 1 || kept.width != 3 {
		t.Fatalf("%+v, %v; want one row of 3", kept, err)
	}
	defer kept.close()
	if err := kept.add(mat.NewDense(1, 3, []float64{7, 8, 9})); err != nil {
		t.Fatal(err)
	}
	values, err := kept.read()
	if err != nil || len(values) != 6 || values[2] != 3 || values[3] != 7 || values[5] != 9 {
		t.Errorf("%v, %v", values, err)
	}
}
