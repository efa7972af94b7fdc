package main

import (
	"bytes"
	"strings"
	"testing"

	"noisebook/pkg/nn"
	"noisebook/pkg/table"
)

// precisionTable has the losses of two seeds, five windows each; bfloat16's are higher by 0.1.
func precisionTable(t *testing.T) table.Table {
	t.Helper()
	losses := table.New(precisionColumns...)
	for _, precision := range precisions {
		for seed := 1; seed <= 2; seed++ {
			for window := 1; window <= 5; window++ {
				loss := float64(seed) - 0.1*float64(window)
				if precision == nn.BFloat16 {
					loss += 0.1
				}
				if err := losses.Append(string(precision), seed, precisionWindow*window, loss, 2*loss, 1.0); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return losses
}

func TestBenchPrecisionPrintsWhereTheLossesEnd(t *testing.T) {
	var out bytes.Buffer
	b := precisionBench{width: 16, steps: 50, seeds: 2}
	if err := b.print(&out, precisionTable(t), map[nn.Precision]float64{nn.Float32: 0.25, nn.BFloat16: 0.5}); err != nil {
		t.Fatal(err)
	}
	// The last window is the last fifth: 0.5 and 1.5 in float32.
	for _, want := range []string{"float32 1.00000 0.70711 0.250", "bfloat16 1.10000 0.70711 0.500", "difference +0.10000 0.00000", "difference +0.20000 0.00000"} {
		if got := strings.Join(strings.Fields(out.String()), " "); !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
}

func TestBenchPrecisionDraws(t *testing.T) {
	b := precisionBench{width: 16, steps: 50, seeds: 2}
	drawn, err := b.draw(precisionTable(t), "a device")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"C = 16", "seeds 2", "a device"} {
		if !strings.Contains(drawn.Caption, want) {
			t.Errorf("the caption %q lacks %q", drawn.Caption, want)
		}
	}
}

func TestBenchPrecisionRefuses(t *testing.T) {
	for _, args := range [][]string{{"--steps", "5"}, {"--seeds", "0"}} {
		if _, err := execute(t, newBenchCommand(), append([]string{"precision"}, args...)...); err == nil || !strings.Contains(err.Error(), args[0]) {
			t.Errorf("%v: %v, want an error about %s", args, err, args[0])
		}
	}
}
