package compare_test

import (
	"context"
	"fmt"
	"os"

	"noisebook/pkg/track"
	"noisebook/pkg/track/compare"
)

func ExampleRuns() {
	dir, err := os.MkdirTemp("", "store")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	store, err := track.Open(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	var ids []string
	for _, rate := range []float64{0.1, 0.2} {
		run, err := store.Start(context.Background(), track.StartOptions{Name: "train", Config: map[string]any{"rate": rate, "steps": 2}})
		if err != nil {
			fmt.Println(err)
			return
		}
		run.LogValue("loss", 1, 1)
		run.LogValue("loss", 2, 1-rate)
		if err := run.End(nil); err != nil {
			fmt.Println(err)
			return
		}
		ids = append(ids, run.ID())
	}
	both, err := compare.Runs(store, ids...)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(both.Runs[0].Label, "against", both.Runs[1].Label)
	for _, m := range both.Metrics {
		second := m.Values[1]
		fmt.Printf("%s %.2f, %+.2f\n", m.Name, second.Last, second.ToLast.Absolute)
	}
	// Output:
	// rate 0.1 against rate 0.2
	// loss 0.80, -0.10
}
