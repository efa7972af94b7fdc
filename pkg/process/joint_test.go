package process

import (
	"math"
	"testing"

	"noisebook/pkg/safetensors"
)

// joint reads testdata/joint.safetensors: numbers of the Joint Diffusion
// authors' own diffusion code at T = 500. Images are 4 rows of 64 pixels.
func joint(t *testing.T) func(name string) []float64 {
	t.Helper()
	file, err := safetensors.Read("testdata/joint.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	return func(name string) []float64 {
		t.Helper()
		tensor, err := file.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		if tensor.DType == safetensors.I64 {
			integers, err := tensor.Int64s()
			if err != nil {
				t.Fatal(err)
			}
			return each(integers, func(v int64) float64 { return float64(v) })
		}
		values, err := tensor.Float64s()
		if err != nil {
			t.Fatal(err)
		}
		return values
	}
}

func jointProcess(t *testing.T) *DDPM {
	t.Helper()
	betas, err := ScaledLinear(500, JointFirst, HoLast)
	if err != nil {
		t.Fatal(err)
	}
	return mustDDPM(t, betas)
}

func TestScheduleMatchesJoint(t *testing.T) {
	want, d := joint(t), jointProcess(t)
	cosine, err := Cosine(1000)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]float64{
		"betas":                          d.Betas,
		"alphas_cumprod":                 d.AlphasCumprod,
		"posterior_mean_coef1":           d.PosteriorMeanClean,
		"posterior_mean_coef2":           d.PosteriorMeanState,
		"posterior_variance":             d.PosteriorVariance,
		"posterior_log_variance_clipped": d.PosteriorLogVarianceClipped,
		"betas_cosine_T1000":             cosine,
	} {
		wantEach(t, name, got, want("sched/"+name), 1e-10)
	}
	if d.PosteriorVariance[0] != 0 {
		t.Errorf("posterior variance at 0 is %g, want exactly 0", d.PosteriorVariance[0])
	}
}

// The reference ran in float32, so its images are good to about 1e-6 of each
// example's largest pixel.
func TestStepsMatchJoint(t *testing.T) {
	want, d := joint(t), jointProcess(t)
	times, clean, xt := want("in/t"), want("in/x0"), want("in/xt")
	noiseForward, noiseBack, predicted := want("in/noise_q"), want("in/noise_p"), want("net/eps_hat")
	pixels := len(xt) / len(times)
	image := func(pixel func(t, i int) float64) []float64 {
		out := make([]float64, len(xt))
		for i := range out {
			out[i] = pixel(int(times[i/pixels]), i)
		}
		return out
	}
	wantRows(t, "qsample/xt", want("qsample/xt"), pixels, image(func(t, i int) float64 {
		return d.Marginal(t).Diffuse(clean[i], noiseForward[i])
	}))

	clips := map[string]func(float64) float64{
		"clip":   func(v float64) float64 { return max(-1, min(1, v)) },
		"noclip": func(v float64) float64 { return v },
	}
	choices := map[string]Variance{"large": FixedLarge, "small": FixedSmall}
	for clipName, clip := range clips {
		cleanAt := func(t, i int) float64 { return clip(d.Marginal(t).Clean(xt[i], predicted[i])) }
		wantRows(t, "pmv/pred_xstart_"+clipName, want("pmv/pred_xstart_"+clipName), pixels, image(cleanAt))
		wantRows(t, "pred_xstart from the tables", want("pmv/pred_xstart_"+clipName), pixels, image(func(t, i int) float64 {
			return clip(d.SqrtRecipAlphasCumprod[t]*xt[i] - d.SqrtRecipM1AlphasCumprod[t]*predicted[i])
		}))
		mean := image(func(t, i int) float64 {
			return d.PosteriorMeanClean[t]*cleanAt(t, i) + d.PosteriorMeanState[t]*xt[i]
		})
		wantRows(t, "pmv/mean_"+clipName, want("pmv/mean_"+clipName), pixels, mean)
		for choiceName, choice := range choices {
			steps, err := d.Ancestral(choice)
			if err != nil {
				t.Fatal(err)
			}
			name := "psample/" + choiceName + "_" + clipName
			wantRows(t, name, want(name), pixels, image(func(t, i int) float64 {
				step := steps[d.Steps()-1-t]
				x0 := cleanAt(t, i)
				return step.Next(x0, step.At.Noise(xt[i], x0), noiseBack[i])
			}))
		}
	}
	for choiceName, choice := range choices {
		variances, logs, err := d.Variances(choice)
		if err != nil {
			t.Fatal(err)
		}
		at := func(table []float64) []float64 {
			return each(times, func(t float64) float64 { return table[int(t)] })
		}
		wantRows(t, "pmv/variance_"+choiceName, want("pmv/variance_"+choiceName), 1, at(variances))
		wantRows(t, "pmv/log_variance_"+choiceName, want("pmv/log_variance_"+choiceName), 1, at(logs))
	}
}

// wantRows holds each row to 1e-5 of its largest number.
func wantRows(t *testing.T, name string, want []float64, width int, got []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", name, len(got), len(want))
	}
	for from := 0; from < len(want); from += width {
		scale := 0.0
		for _, v := range want[from : from+width] {
			scale = max(scale, math.Abs(v))
		}
		for i := from; i < from+width; i++ {
			if !(math.Abs(got[i]-want[i]) <= 1e-5*scale) {
				t.Fatalf("%s: number %d is %g, want %g", name, i, got[i], want[i])
			}
		}
	}
}

// wantEach holds every number to a relative tolerance of its own.
func wantEach(t *testing.T, name string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", name, len(got), len(want))
	}
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= tolerance*math.Abs(want[i])) {
			t.Fatalf("%s: number %d is %.17g, want %.17g", name, i, got[i], want[i])
		}
	}
}

func mustDDPM(t *testing.T, betas []float64) *DDPM {
	t.Helper()
	d, err := NewDDPM(betas)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func each[A any](in []A, f func(A) float64) []float64 {
	out := make([]float64, len(in))
	for i, v := range in {
		out[i] = f(v)
	}
	return out
}
