package mlp_test

import (
	"context"
	"fmt"
	"log"

	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/engine"
	"noisebook/pkg/probe"
	"noisebook/pkg/probe/mlp"
)

// Exclusive or, which no line solves.
func Example() {
	e, err := engine.Open(context.Background(), "go")
	if err != nil {
		log.Fatal(err)
	}
	machine := mlp.New(e)
	defer machine.Close()
	set := probe.Set{X: mat.NewDense(4, 2, []float64{-1, -1, -1, 1, 1, -1, 1, 1}), Labels: []int{0, 1, 1, 0}}

	perceptron := machine.Probe(mlp.Options{Hidden: 16, Rate: 0.05, Epochs: 60})
	predictor, err := perceptron.Fit(context.Background(), set, probe.Set{}, 1)
	if err != nil {
		log.Fatal(err)
	}
	prediction, err := predictor.Predict(context.Background(), set.X)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(prediction.Labels)
	// Output: [0 1 1 0]
}
