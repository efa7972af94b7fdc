// -*- coding: utf-8 -*-
// ---
// jupyter:
//   kernelspec:
//     display_name: Noisebook (Go)
//     language: go
//     name: noisebook
// ---

// %% [markdown]
// # 3. How far is a thousand samples from fifty thousand?
//
// Papers compare generators by one number, the **Fréchet distance** (FID). It fits a Gaussian to the features of real images and one to those of
// generated images, and measures how far apart the two are:
//
// $$\mathrm{FID} = \lVert\mu_1-\mu_2\rVert^2 + \mathrm{tr}\bigl(\Sigma_1+\Sigma_2-2(\Sigma_1\Sigma_2)^{1/2}\bigr)$$
//
// It is 0 for equal sets. So what should it be for two sets of *real* images, drawn from the same data? Zero, you might say. Let us see.

// %% tags=["parameters"]
import (
	"noisebook/pkg/notebook"
)

// Parameters. NOISEBOOK_TIER sets the tier: smoke, quick, cpu or paper.
var tier = notebook.Tier()

//gonb:%%
defer notebook.Catch()
notebook.Show("tier " + tier.String())

// %% [markdown]
// ## 1. The same ruler, more and more samples
//
// The Fashion-MNIST test images are cut into two halves. The first is the reference. The second plays the part of a *perfect generator*: nothing tells it from the
// reference. Beside it are samples of our own model (twenty steps of DDIM). The features are the 84 of a LeNet that is trained here, so these distances compare
// with each other and with nothing in a paper. At each $n$ several random subsets are measured; the band is one standard deviation.

// %%
import (
	"fmt"

	"noisebook/experiments/learn"
	"noisebook/pkg/figure"
	"noisebook/pkg/notebook"
)

//gonb:%%
defer notebook.Catch()
c := learn.Evaluating(tier)
lesson := notebook.Must(c.Run(notebook.Context(), notebook.Store()))
origin := map[string]string{"run": lesson.Run, "commit": lesson.Provenance.ShortCommit(), "tier": tier.String(), "seed": fmt.Sprint(c.Seed)}
notebook.Show(
	notebook.Must(figure.Curves(lesson.Value.Distances, figure.CurvesSpec{
		X: "n", Y: "fid", Group: "samples", Seed: "subset", Scale: figure.Log,
		Title: "FID falls with the number of samples", XLabel: "samples n", YLabel: "FID (LeNet-84)",
		Caption:    fmt.Sprintf("Against %d real test images.", lesson.Value.References),
		Provenance: origin,
	})),
	fmt.Sprintf("LeNet: %.1f %% of the test images right. Our samples: %s.", 100*lesson.Value.Accuracy, lesson.Value.Weights),
)

// %% [markdown]
// Even the perfect generator starts far from zero. A covariance of 84 features from few samples is off in every direction, and FID counts
// each error as distance: its **bias** falls like $1/n$. Whoever measures 1,000 samples and compares with a paper's 50,000 compares two different rulers.
//
// ## 2. Out to infinity
//
// A bias that is a line over $1/n$ can be taken away: fit the line, read it at $1/n = 0$ (FID∞, Chong and Forsyth, 2020). The table has FID with all
// samples, the extrapolation, the line's slope, and the share of the variance that the line explains. Where that share is low, there are too few samples to extrapolate.

// %%
import (
	"noisebook/experiments/learn"
	"noisebook/pkg/notebook"
)

//gonb:%%
defer notebook.Catch()
again := notebook.Must(learn.Evaluating(tier).Run(notebook.Context(), notebook.Store()))
notebook.Show(notebook.Captioned{Table: again.Value.Limits, Caption: "FID with all samples and without the bias of few"})

// %% [markdown]
// The extrapolation of the held-out images comes nearer to zero, where it belongs; what remains is the bias of the reference's own few images. That of our
// samples stays far: what is left there is the model's.
//
// ## 3. Three habits
//
// - **Say n.** A distance is a number *and* its sample count, network, resize and reference. `noisebook metric fid A B` prints them all.
// - **Compare at equal n**, or compare extrapolations.
// - **Measure the perfect generator too.** Held-out data shows what the best possible value is in your setting; it is rarely zero.
//
// ## Try it yourself
//
// - **Fewer features.** Why would a network with 2,048 features (Inception) need more samples than ours with 84?
// - **Another seed.** Set `c.Sampling.Seed = 2` in part 1. Do the two curves of our samples agree within the band?
// - **A worse model.** Set `c.Sampling.Sampler.Steps = 5`. At which $n$ can you first tell it from twenty steps?
//
// The definitions, with the references that they are held against, are in `docs/metrics.md`.
