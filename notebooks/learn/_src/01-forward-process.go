// -*- coding: utf-8 -*-
// ---
// jupyter:
//   kernelspec:
//     display_name: Noisebook (Go)
//     language: go
//     name: noisebook
// ---

// %% [markdown]
// # 1. From image to noise, and one step back
//
// A diffusion model learns from a very simple game. Take an image, add some noise, and ask a network: *which noise did I
// add?* This lesson plays the game with shoes and bags. You will see
//
// 1. the **schedule**, which says how much noise there is at each time $t$,
// 2. **images** drowning in it,
// 3. a network that **guesses** the clean image back in a single step,
// 4. and how long a **classifier** still knows what it is looking at.
//
// Everything runs in seconds: the repository comes with trained weights. (A checkout without them trains a model first, as large as the tier.)

// %% tags=["parameters"]
import (
	"noisebook/pkg/notebook"
)

// Parameters. NOISEBOOK_TIER sets the tier: smoke, quick, cpu or paper.
var tier = notebook.Tier()

// T is the length of the chain.
const T = 500

// Which times and which classes to look at. Change them and run all cells.
var (
	times   = []int{0, 10, 25, 50, 100, 150, 200, 300, 400, 499}
	classes = []int{7, 1, 3, 8} // sneaker, trouser, dress, bag
)

//gonb:%%
defer notebook.Catch()
notebook.Show("tier " + tier.String())

// %% [markdown]
// ## 1. The schedule
//
// Noise is added in $T$ small steps, each with its own variance $\beta_t$. The nice thing about Gaussian noise is that we need not walk: there is a
// shortcut from the image $x_0$ to any time,
//
// $$x_t = \underbrace{\sqrt{\bar\alpha_t}}_{\text{mean}}\; x_0 + \underbrace{\sqrt{1-\bar\alpha_t}}_{\text{std}}\; \varepsilon, \qquad \bar\alpha_t = \prod_{s \le t} (1-\beta_s).$$
//
// The first factor fades the picture out, the second fades the noise in, and their squares always add up to one. Two recipes for $\beta_t$ are
// common: *linear* (Ho et al., 2020) and *cosine* (Nichol and Dhariwal, 2021).

// %%
import (
	"math"

	"noisebook/pkg/figure"
	"noisebook/pkg/notebook"
	"noisebook/pkg/process"
	"noisebook/pkg/table"
)

// chain is a process of T steps.
func chain(schedule string) *process.DDPM {
	if schedule == "cosine" {
		return notebook.Must(process.NewDDPM(notebook.Must(process.Cosine(T))))
	}
	return notebook.Must(process.NewDDPM(notebook.Must(process.ScaledLinear(T, process.HoFirst, process.HoLast))))
}

//gonb:%%
defer notebook.Catch()
factors := table.New("schedule", "t", "mean", "std", "log10_snr")
for _, schedule := range []string{"linear", "cosine"} {
	for t := 0; t < T; t += 20 {
		m := chain(schedule).Marginal(t)
		notebook.Check(factors.Append(schedule, t, m.Mean, m.Std, math.Log10(m.SNR())))
	}
}
long := notebook.Must(factors.Melt("mean", "std"))
notebook.Show(
	notebook.Must(figure.Curves(long, figure.CurvesSpec{
		X: "t", Y: "value", Group: "metric", Panel: "schedule", YRange: [2]float64{0, 1},
		Title: "The picture fades out, the noise fades in", YLabel: "factor",
	})),
	notebook.Must(figure.Curves(factors, figure.CurvesSpec{
		X: "t", Y: "log10_snr", Group: "schedule",
		Lines: []figure.Line{{Value: 0, Label: "as much picture as noise"}},
		Title: "Signal-to-noise ratio", YLabel: "log10 of mean² / std²",
	})),
)

// %% [markdown]
// Where the two curves of a panel cross there is as much picture as noise. The linear chain gets there early and spends much of its length in what is
// almost pure noise; the cosine chain spreads the change more evenly.
//
// ## 2. Drowning images
//
// Now with real pixels, scaled to $[-1, 1]$. Along a row it is always the *same* noise $\varepsilon$, turned up. At which $t$ do you lose the shoe? Squint, or step
// back from the screen: you will find it a little later. Your eye averages pixels, and averaging is denoising.

// %%
import (
	"fmt"
	"image"
	"math/rand/v2"
	"slices"

	"noisebook/pkg/data"
	"noisebook/pkg/figure"
	"noisebook/pkg/notebook"
)

//gonb:%%
defer notebook.Catch()
fashion := notebook.Must(data.Load(notebook.Context(), "fashion-mnist", data.Options{}))
linear, random := chain("linear"), rand.New(rand.NewPCG(1, 0))
spec := figure.GridSpec{Columns: 1 + len(times), ColumnLabels: []string{"clean"}, Title: "x_t along the linear chain"}
for _, t := range times {
	spec.ColumnLabels = append(spec.ColumnLabels, fmt.Sprintf("t = %d", t))
}
var cells []image.Image
for _, class := range classes {
	i := slices.Index(fashion.Test.Labels, int32(class))
	spec.RowLabels = append(spec.RowLabels, fashion.Classes[class])
	cells = append(cells, fashion.Test.Image(i))

	clean := make([]float32, fashion.Test.ImageSize())
	data.Normalize(clean, fashion.Test.Pixels(i))
	noise := make([]float64, len(clean))
	for p := range noise {
		noise[p] = random.NormFloat64()
	}
	for _, t := range times {
		m, noised := linear.Marginal(t), make([]float32, len(clean))
		for p := range clean {
			noised[p] = float32(m.Diffuse(float64(clean[p]), noise[p])) // mean·x₀ + std·ε
		}
		one := data.Split{Images: make([]uint8, len(clean)), Labels: []int32{0}, Height: 28, Width: 28, Channels: 1}
		data.Pixels(one.Images, noised)
		cells = append(cells, one.Image(0))
	}
}
notebook.Show(notebook.Must(figure.Grid(cells, spec)))

// %% [markdown]
// ## 3. One step back
//
// The network is shown $x_t$ and $t$, and predicts the noise $\hat\varepsilon$. Solve the shortcut for the image and you have its guess:
//
// $$\hat x_0 = \frac{x_t - \sqrt{1-\bar\alpha_t}\;\hat\varepsilon}{\sqrt{\bar\alpha_t}}$$
//
// It is a joint model like that of `joint/alpha-sweep.ipynb`, of a longer training: 4,000 steps of 64 images. A network trained on squared error answers with the *average* of all clean
// images that could be behind the noise. Little noise leaves one candidate, and the guess is sharp. Much noise leaves many, and their average is a
// ghost. That is why sampling takes many small steps instead of this big one.

// %%
import (
	"noisebook/experiments/learn"
	"noisebook/pkg/notebook"
)

//gonb:%%
defer notebook.Catch()
c := learn.ForwardProcess(tier)
c.Timesteps, c.Shown = times, classes
lesson := notebook.Must(c.Run(notebook.Context(), notebook.Store()))
notebook.Show("weights: " + lesson.Value.Weights, lesson.Pictures)

// %% [markdown]
// ## 4. Does it still know a shoe?
//
// The same encoder feeds a classifier, and it too was trained on noised images. The first curve is the share of test images that it
// gets right at each $t$; ten classes make 0.1 by chance. The second is the squared error of the guess, averaged over pixels in $[-1, 1]$. Nothing is computed here:
// the cell before left the table in the store.

// %%
import (
	"encoding/json"

	"noisebook/pkg/figure"
	"noisebook/pkg/notebook"
	"noisebook/pkg/table"
	"noisebook/pkg/track"
)

// measured is the part of the lesson's result that this cell reads.
type measured struct {
	Table table.Table `json:"table"`
}

//gonb:%%
defer notebook.Catch()
result := notebook.Must(track.Latest[measured](notebook.Store(), "learn/forward-process", func(config json.RawMessage) bool {
	var c struct{ Tier string }
	return json.Unmarshal(config, &c) == nil && c.Tier == tier.String()
}))
origin := map[string]string{"run": result.Run, "commit": result.Provenance.ShortCommit(), "tier": tier.String()}
notebook.Show(
	notebook.Must(figure.Curves(result.Value.Table, figure.CurvesSpec{
		X: "t", Y: "accuracy", YRange: [2]float64{0, 1},
		Lines: []figure.Line{{Value: 0.1, Label: "by chance"}},
		Title: "Still recognised at time t", YLabel: "share classified right", Provenance: origin,
	})),
	notebook.Must(figure.Curves(result.Value.Table, figure.CurvesSpec{
		X: "t", Y: "error",
		Title: "How far off the one-step guess is", YLabel: "mean squared error", Provenance: origin,
	})),
	notebook.Captioned{Table: result.Value.Table, Caption: "On the first test images"},
)

// %% [markdown]
// ## Try it yourself
//
// - **You against the network.** In the pictures of part 2, name the $t$ at which *you* can no longer tell a dress from a trouser. Compare
//   with the curve of part 4.
// - **Shirts.** Set `classes` to `[]int{0, 2, 4, 6}`: T-shirt, pullover, coat, shirt. Which class does the guess of part 3 turn into when the noise is strong?
// - **Zoom in.** Set `times` to ten values below 100, where most of the recognising is decided, and run all cells.
// - **A question.** At $t = 499$ the guess of part 3 hardly depends on the image. What *should* it look like, if the network answers
//   with the average of all candidates?
//
// Next: `joint/samples.ipynb` takes the many small steps, and `joint/alpha-sweep.ipynb` steers them.
