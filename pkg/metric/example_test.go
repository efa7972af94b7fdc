package metric_test

import (
	"fmt"

	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/metric"
)

func ExampleROCAUC() {
	auc, err := metric.ROCAUC([]float64{0.9, 0.8, 0.4, 0.4, 0.1}, []int{1, 0, 1, 0, 0}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(auc) // of 6 pairs 4 are in order and 1 is tied
	// Output: AUC 0.75 (n = 3 negatives, 2 positives; ties half, weighted false)
}

func ExampleMultilabel() {
	scores := mat.NewDense(3, 3, []float64{0.9, 0.2, 0.3, 0.1, 0.7, 0.6, 0.8, 0.4, 0.7})
	labels := mat.NewDense(3, 3, []float64{1, 0, 0, 0, 1, 0, 1, 0, 0})
	s, err := metric.Multilabel(scores, labels, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	macro, err := s.MacroAUC(metric.SkipAbsent)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(macro.Value, macro.Notes)
	// Output: 1 [classes [2] (from 0) have no score of their own: their labels are all alike]
}

func ExampleNeighbourhood() {
	real := mat.NewDense(4, 1, []float64{0, 1, 10, 11})
	generated := mat.NewDense(3, 1, []float64{0.2, 0.5, 0.7}) // one of two modes
	s, err := metric.Neighbourhood(real, generated, metric.NeighbourhoodOptions{Neighbours: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Precision)
	fmt.Println("coverage", s.Coverage.Value)
	// Output:
	// precision (k-NN) 1 (n = 3 generated, 4 real; balls open (<), neighbours 1)
	// coverage 0.5
}

func ExampleSilhouette() {
	codes := mat.NewDense(4, 1, []float64{0, 1, 10, 11})
	score, err := metric.Silhouette(codes, []int{0, 0, 1, 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.3f\n", score.Value)
	// Output: 0.900
}

func ExampleKID() {
	real := mat.NewDense(4, 1, []float64{-1, 1, -1, 1})
	generated := mat.NewDense(4, 1, []float64{1, 3, 1, 3})
	linear := metric.PolynomialKernel{Degree: 1, Gamma: 1} // measures the distance of the means
	score, err := metric.KID(real, generated, metric.KIDOptions{Subsets: 2, SubsetSize: 4, Kernel: linear})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.4f over %d subsets\n", score.Value, score.Settings["subsets"])
	// Output: 3.3333 over 2 subsets
}

func ExampleInceptionScore() {
	certain := mat.NewDense(4, 2, []float64{1, 0, 0, 1, 1, 0, 0, 1})
	score, err := metric.InceptionScore(certain, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(score.Score)
	// Output: Inception Score 2 ± 0 (sd over 2 splits) (n = 4 generated; classes 2, order as given, splits 2)
}

func ExamplePixelChanges() {
	before := metric.Images{Height: 1, Width: 4, Channels: 1, Values: []float64{0.2, 0.2, 0.2, 0.2}}
	after := metric.Images{Height: 1, Width: 4, Channels: 1, Values: []float64{0.8, 0.6, 0.2, 0.3}}
	change, err := metric.PixelChanges(before, after, [][]metric.Box{{{X: 0, Y: 0, Width: 2, Height: 1}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("inside %.2f, outside %.2f\n", change.Inside.Value, change.Outside.Value)
	// Output: inside 0.50, outside 0.05
}

func ExampleBootstrapMean() {
	hits := []float64{1, 1, 0, 1, 1, 1, 0, 1, 1, 1}
	interval, err := metric.BootstrapMean(hits, metric.BootstrapOptions{Level: 0.9, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(interval)
	// Output: [0.6, 1] (90% percentile bootstrap, 1000 resamples)
}
