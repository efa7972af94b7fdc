// -*- coding: utf-8 -*-
// ---
// jupyter:
//   kernelspec:
//     display_name: Noisebook (Go)
//     language: go
//     name: noisebook
// ---

// %% [markdown]
// # When does noise become a coat?
//
// **Figure 6** of *Learning Data Representations with Joint Diffusion Models* (Deja, Trzciński and Tomczak, 2023)
//
// Algorithm 1 turns noise into an image of a chosen class. At each reverse step the model's own classifier looks at the features $Z_t$ of
// the noisy image, and the features are moved by one gradient step of size $\alpha$ before the decoder sees them. So the model judges
// its samples all the way. Here we listen: at every step we write down the probability that it gives to the target,
//
// $$p(y \mid Z_t) = \mathrm{softmax}\big(g_\omega(Z_t)\big)_y,$$
//
// on the features *before* they are moved. That is what the model sees in the image as it is, not what we have just told it.
//
// **The claim.** The larger $\alpha$, the sooner the samples are taken for their target. And not all classes are decided at the same time: in the paper
// CIFAR-10's class 3, the cat, is later than others.
//
// **How to read the picture.** Sampling runs from left, pure noise, to right, the finished image, and $t$ falls from $T-1$ to 0. Without guidance, $\alpha = 0$,
// nobody aims at the target and it gets about one image in ten. The second figure has a dot for each class and $\alpha$: the timestep from which the target has more
// than half of the probability for good. There noise is on the *right*: further right is sooner, and a class that is never decided stands at −1. The third shows what the steps see, $\hat x_0$.

// %% tags=["parameters"]
import (
	"fmt"

	"noisebook/pkg/notebook"
)

// Parameters. NOISEBOOK_TIER sets the tier: smoke, quick, cpu or paper.
var tier = notebook.Tier()

// Changes to the tier's defaults, written as for noisebook run --set. Uncomment some and run all cells.
var changes = []string{
	// "alphas=0,5,10,20,40", "class_alpha=20",
	// "class_alpha=20",          // the step size at which classes are compared; one of alphas
	// "classes=8,0,2",           // panels; the first one's samples are shown
	// "sampler.steps=100",       // of the chain's 500
	// "sampler.method=ddim",     // no fresh noise on the way
	// "per_class=30",
}

//gonb:%%
defer notebook.Catch()
notebook.Show(fmt.Sprintf("tier %s, %d changes", tier, len(changes)))

// %% [markdown]
// ## Train, sample, listen
//
// The model is the joint one with noisy classifiers (eq. 10): a classifier that has met clean images alone has no opinion on noise. Each step size and
// seed is a stage. Equal seeds start from equal noise, whatever $\alpha$.

// %%
import (
	"noisebook/experiments/joint"
	"noisebook/pkg/config"
	"noisebook/pkg/notebook"
)

//gonb:%%
defer notebook.Catch()
c := joint.DecisionPath(tier)
notebook.Check(config.Set(&c, changes...))
outcome := notebook.Must(c.Run(notebook.Context(), notebook.Store()))
notebook.Show(outcome)

// %% [markdown]
// ## All classes at one step size
//
// The mean probability of the target at each recorded step, for every class. Read a row from left to right: where does it turn? Classes that look
// like others (a shirt, a coat, a pullover) have something to wait for: the detail that sets them apart comes late, as
// `probe-timesteps.ipynb` shows from the other side.
//
// **What tier cpu finds.** Both claims hold. Up to $\alpha = 1$ the mean probability of the target stays below a half to the end; at 3 it is above from $t = 143$, at 10 from 255, at 30 and at 100 from 275. A hundred is no sooner than
// thirty. One reason may be that there is little to decide by before: `probe-timesteps.ipynb` reads even coarse attributes badly beyond $t = 388$. The shirt has the place of the paper's cat: it is decided last at every step size from 10 on,
// at 10 only from $t = 143$, at 100 together with the sandal. Coats and sandals come next; bags are decided first.

// %%
import (
	"fmt"
	"strconv"

	"noisebook/experiments/joint"
	"noisebook/pkg/config"
	"noisebook/pkg/notebook"
	"noisebook/pkg/table"
)

//gonb:%%
defer notebook.Catch()
result := notebook.Newest("joint/decision-path", tier)
c := joint.DecisionPath(tier)
notebook.Check(config.Set(&c, changes...))
alpha := c.ClassAlpha // or another of c.Alphas
rows := notebook.Must(result.Value.Table.Where("alpha", alpha))
times := notebook.Must(rows.Distinct("t"))
columns := []string{"class"}
const shown = 8
for i := range min(shown, len(times)) {
	columns = append(columns, "t = "+times[i*(len(times)-1)/max(1, min(shown, len(times))-1)])
}
wide := table.New(columns...)
for _, class := range notebook.Must(rows.Distinct("class")) {
	of := notebook.Must(rows.Where("class", class))
	cells := []any{class}
	for _, column := range columns[1:] {
		at := notebook.Must(strconv.ParseFloat(column[len("t = "):], 64))
		values := notebook.Must(notebook.Must(of.Where("t", at)).Floats("probability"))
		sum := 0.0
		for _, v := range values {
			sum += v
		}
		cells = append(cells, fmt.Sprintf("%.2f", sum/float64(len(values))))
	}
	notebook.Check(wide.Append(cells...))
}
notebook.Show(notebook.Captioned{Table: wide, Caption: fmt.Sprintf("Probability of the target at α = %g, run %s", alpha, result.Run)})

// %% [markdown]
// ## Probability or vote?
//
// A mean probability of one half can mean that every image is on the fence, or that half of the images are settled. The share of images whose most
// likely class is the target tells them apart: where both lines run together, images are settled one by one.

// %%
import (
	"fmt"

	"noisebook/experiments/joint"
	"noisebook/pkg/config"
	"noisebook/pkg/figure"
	"noisebook/pkg/notebook"
)

//gonb:%%
defer notebook.Catch()
result := notebook.Newest("joint/decision-path", tier)
c := joint.DecisionPath(tier)
notebook.Check(config.Set(&c, changes...))
rows := notebook.Must(result.Value.Table.Where("alpha", c.ClassAlpha))
names := notebook.Must(rows.Distinct("class"))
panel := notebook.Must(rows.Where("class", names[c.Classes[0]]))
long := notebook.Must(panel.Melt("probability", "share"))
notebook.Show(notebook.Must(figure.Curves(long, figure.CurvesSpec{
	X: "t", Y: "value", Group: "metric", Seed: "seed", ReverseX: true, YRange: [2]float64{0, 1.02},
	Title: fmt.Sprintf("%s at α = %g", names[c.Classes[0]], c.ClassAlpha), XLabel: "timestep t", YLabel: "of the target",
	Provenance: map[string]string{"run": result.Run, "commit": result.Provenance.ShortCommit(), "tier": tier.String()},
})))

// %% [markdown]
// ## Try it yourself
//
// - **Turn it round.** With `alphas=-30,0,10,30` and `class_alpha=10` the control is in the picture: at −30 the target should be what the model never sees.
// - **More steps, more pushes.** Every step moves the features once, so `sampler.steps=100` pushes twice as often as tier cpu's 50. Is $\alpha = 10$ with 100 steps like $\alpha = 20$ with 50?
// - **An honest judge?** The model judges samples that were made to please it. `alpha-sweep.ipynb` asks a LeNet that had no part in it: do the
//   two agree at a large $\alpha$?
//
// From a terminal: `bin/noisebook run joint/decision-path --tier quick --set classes=8,0,2`.
