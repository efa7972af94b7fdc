package probe_test

import (
	"context"
	"fmt"
	"log"

	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/probe"
)

func ExampleLogistic() {
	x := mat.NewDense(6, 2, []float64{0, 1, 1, 0, 1, 1, 4, 5, 5, 4, 5, 5})
	train := probe.Set{X: x, Labels: []int{0, 0, 0, 1, 1, 1}}
	model, err := probe.Logistic{C: 1}.Train(context.Background(), train)
	if err != nil {
		log.Fatal(err)
	}
	probabilities, err := model.Probabilities(mat.NewDense(1, 2, []float64{4, 4}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("p(class 1) = %.3f, objective %.4f, converged %v\n", probabilities.At(0, 1), model.Report.Objective, model.Report.Converged)
	// Output: p(class 1) = 0.865, objective 0.8620, converged true
}

func ExampleLabelPropagation() {
	// Two directions, of which one sample each is labelled.
	x := mat.NewDense(6, 2, []float64{1, 0, 1, 0.1, 1, 0.2, 0, 1, 0.1, 1, 0.2, 1})
	labels := []int{0, 0, 0, 1, 0, 0} // read at samples 0 and 3 alone
	p, err := probe.LabelPropagation{Neighbours: 2}.Propagate(context.Background(), x, labels, []int{0, 3}, 2)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.Labels)
	// Output: [0 0 0 1 1 1]
}

func ExampleOverTimesteps() {
	// Codes of two classes which noise drowns as t grows.
	codes := func(_ context.Context, t float64, _ uint64) (probe.Splits, error) {
		at := func(values ...float64) *mat.Dense {
			x := mat.NewDense(4, 1, nil)
			for i, v := range values {
				x.Set(i, 0, (1-t)*float64(i%2)+t*v)
			}
			return x
		}
		labels := []int{0, 1, 0, 1}
		return probe.Splits{
			Train:      probe.Set{X: at(0.1, 0.4, 0.6, 0.9), Labels: labels},
			Validation: probe.Set{X: at(0.8, 0.3, 0.1, 0.7), Labels: labels},
			Test:       probe.Set{X: at(0.9, 0.2, 0.3, 0.6), Labels: labels},
		}, nil
	}
	table, err := probe.OverTimesteps(context.Background(), probe.Timesteps{
		Times: []float64{0, 1},
		Codes: codes,
		Candidates: probe.Grid("C", []float64{1, 100}, func(c float64) probe.Probe {
			return probe.Logistic{C: c}
		}),
	})
	if err != nil {
		log.Fatal(err)
	}
	test, err := table.Where("split", "test")
	if err != nil {
		log.Fatal(err)
	}
	for _, row := range test.Rows {
		fmt.Println(row)
	}
	// Output:
	// [0 0 test accuracy 1]
	// [0 0 test converged 1]
	// [1 0 test accuracy 0.5]
	// [1 0 test converged 1]
}
