package figure_test

import (
	"fmt"

	"noisebook/pkg/figure"
	"noisebook/pkg/table"
)

func ExampleCurves() {
	sweep := table.New("alpha", "metric", "value")
	for _, row := range [][]any{
		{0, "precision", 0.51}, {100, "precision", 0.74}, {1000, "precision", 0.91},
		{0, "recall", 0.90}, {100, "recall", 0.61}, {1000, "recall", 0.40},
	} {
		if err := sweep.Append(row...); err != nil {
			fmt.Println(err)
			return
		}
	}
	drawn, err := figure.Curves(sweep, figure.CurvesSpec{
		X: "alpha", Y: "value", Group: "metric", Scale: figure.SymmetricLog,
		Bands:      []figure.Band{{From: 100, To: 250, Label: "paper: both high"}},
		Caption:    "Precision and recall against the step size.",
		Provenance: map[string]string{"run": "r7k2", "tier": "quick"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(drawn.Caption)
	// Output:
	// Precision and recall against the step size.
	// run r7k2 · tier quick
}
