package metric

import (
	"fmt"
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// probabilitySeries draws nothing, so that other programs can make it too.
func probabilitySeries() (probabilities []float64, labels []int) {
	for i := range 200 {
		p := float64((37*i+11)%101) / 101
		label := 0
		if float64(53*i%97)/97 < p {
			label = 1
		}
		probabilities, labels = append(probabilities, p), append(labels, label)
	}
	return probabilities, labels
}

// Values of scikit-learn 1.9.1: brier_score_loss, and the gaps of
// calibration_curve weighted by the bins' samples.
func TestBinaryCalibrationAgreesWithScikitLearn(t *testing.T) {
	probabilities, labels := probabilitySeries()
	brier, err := BinaryBrier(probabilities, labels)
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "Brier score", brier.Value, 0.16727771787079695, 1e-14)
	for _, test := range []struct {
		options CalibrationOptions
		want    float64
	}{
		{CalibrationOptions{}, 0.077029702970297},
		{CalibrationOptions{Bins: 10}, 0.07356435643564355},
		{CalibrationOptions{Bins: 5, EqualMass: true}, 0.060594059405940544},
	} {
		got, err := BinaryCalibration(probabilities, labels, test.options)
		if err != nil {
			t.Fatal(err)
		}
		wantNear(t, fmt.Sprintf("ECE with %+v", test.options), got.ECE.Value, test.want, 1e-14)
	}
}

func TestCalibrationByHand(t *testing.T) {
	// Confidences 0.6 (right), 0.6 (wrong), 0.9 (right), in two bins of width ½.
	probabilities := mat.NewDense(3, 2, []float64{0.6, 0.4, 0.6, 0.4, 0.1, 0.9})
	labels := []int{0, 1, 1}
	got, err := Calibration(probabilities, labels, CalibrationOptions{Bins: 4})
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "ECE", got.ECE.Value, (2*math.Abs(0.5-0.6)+math.Abs(1-0.9))/3, 1e-15)
	wantNear(t, "MCE", got.MCE.Value, 0.1, 1e-15)
	if len(got.Bins) != 2 || got.Bins[0].Samples != 2 || got.Bins[1].Samples != 1 {
		t.Errorf("bins %+v, want 2 and 1 samples", got.Bins)
	}
	brier, err := Brier(probabilities, labels)
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "Brier score", brier.Value, 2*(0.16+0.36+0.01)/3, 1e-15)
}

// A confidence on an edge goes down, or up where the options say so.
func TestCalibrationEdges(t *testing.T) {
	probabilities, labels := []float64{0, 0.5, 0.5, 1}, []int{0, 0, 1, 1}
	for closedLeft, want := range map[bool][]int{false: {3, 1}, true: {1, 3}} {
		got, err := BinaryCalibration(probabilities, labels, CalibrationOptions{Bins: 2, ClosedLeft: closedLeft})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Bins) != 2 || got.Bins[0].Samples != want[0] || got.Bins[1].Samples != want[1] {
			t.Errorf("closed on the left %v: %+v, want %v samples", closedLeft, got.Bins, want)
		}
	}
}

func TestCalibrationExtremes(t *testing.T) {
	certain := mat.NewDense(2, 2, []float64{1, 0, 0, 1})
	for labels, want := range map[[2]int]float64{{0, 1}: 0, {1, 0}: 1} {
		ece, err := Calibration(certain, labels[:], CalibrationOptions{})
		if err != nil {
			t.Fatal(err)
		}
		wantNear(t, "ECE", ece.ECE.Value, want, 0)
		brier, err := Brier(certain, labels[:])
		if err != nil {
			t.Fatal(err)
		}
		wantNear(t, "Brier score", brier.Value, 2*want, 0)
	}
}

func TestCalibrationRefuses(t *testing.T) {
	good := mat.NewDense(2, 2, []float64{1, 0, 0, 1})
	for _, evaluate := range []func(*mat.Dense, []int) error{
		func(p *mat.Dense, l []int) error { _, err := Calibration(p, l, CalibrationOptions{}); return err },
		func(p *mat.Dense, l []int) error { _, err := Brier(p, l); return err },
	} {
		wantError(t, evaluate(good, []int{0}), "pair up")
		wantError(t, evaluate(good, []int{0, 2}), "label 2")
		wantError(t, evaluate(mat.NewDense(1, 2, []float64{3, -2}), []int{0}), "softmax")
		wantError(t, evaluate(withNaN(good), []int{0, 1}), "NaN")
	}
	_, err := BinaryBrier([]float64{1.5}, []int{0})
	wantError(t, err, "sigmoid")
	_, err = BinaryCalibration([]float64{0.5, math.NaN()}, []int{0, 1}, CalibrationOptions{})
	wantError(t, err, "NaN")
	_, err = BinaryCalibration([]float64{0.5}, []int{2}, CalibrationOptions{})
	wantError(t, err, "label 2")
	_, err = BinaryCalibration([]float64{0.5}, []int{1}, CalibrationOptions{Bins: -1})
	wantError(t, err, "-1 bins")
}

func ExampleCalibration() {
	probabilities := mat.NewDense(4, 2, []float64{0.8, 0.2, 0.8, 0.2, 0.8, 0.2, 0.2, 0.8})
	scores, err := Calibration(probabilities, []int{0, 0, 1, 0}, CalibrationOptions{Bins: 10})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(scores.ECE) // 80% sure, 50% right
	// Output: ECE 0.3 (n = 4 samples; bins 10, confidence the predicted class's, edges (low, high], widths equal width)
}
