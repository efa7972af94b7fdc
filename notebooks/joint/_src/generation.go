// -*- coding: utf-8 -*-
// ---
// jupyter:
//   kernelspec:
//     display_name: Noisebook (Go)
//     language: go
//     name: noisebook
// ---

// %% [markdown]
// # Four ways to draw images
//
// **Table 2** of *Learning Data Representations with Joint Diffusion Models* (Deja, Trzciński and Tomczak, 2023)
//
// One UNet, four ways to get images out of it:
//
// | row | trained for | how it is sampled |
// |---|---|---|
// | DDGM | noise alone | no guidance |
// | DDGM (classifier guidance) | noise alone | a *second* network, a classifier trained on noised images, pulls each step towards the class (eq. 12) |
// | Joint | noise and classes | no guidance |
// | Joint (conditional sampling) | noise and classes, of noised images too (eq. 10) | its own classifier moves its own features (Algorithm 1) |
//
// Classifier guidance moves the *mean* of a reverse step: $x_{t-1} \sim N(\mu + s_g\,\Sigma\,\nabla_{x_t}\log c(y|x_t),\ \Sigma)$. The gradient goes through the
// whole classifier down to the pixels. Algorithm 1 stops at the features, which the same network computes anyway.
//
// **The claim.** Conditional sampling has the lowest FID on all four datasets. Without it the joint model's FID is somewhat higher than the DDGM's (the second
// job costs a little), except on CIFAR-100.
//
// **How to read the picture.** Hollow marks are the paper's numbers, filled ones are measured here: mean and one standard deviation over sampling seeds. Compare the *order* of the rows within
// a colour. The two colours are on different scales below tier paper: another network measures the features, of fewer images, of a smaller model.
// Precision says how much of what is drawn looks real, recall how much of what is real gets drawn; `alpha-sweep.ipynb` says how they are computed.
// The last measure is ours: how often an independent LeNet sees what an image aims at. Without guidance that is chance. A guide that does not raise it does nothing.
//
// **What to keep in mind.** At the reduced tiers $\alpha$ is the one with the lowest FID in tier quick's $\alpha$ sweep on Fashion-MNIST, against the same test images; colour takes it over, and $s_g$ is 1 and
// was not tuned. So the comparison of the two guides favours Algorithm 1. The last two rows are two *trainings* as well: the noisy model without guidance is $\alpha = 0$ in `alpha-sweep.ipynb`. Only tier paper augments the classifier branch, as the authors' code does: it crops, rotates, recolours and mixes those images.

// %% tags=["parameters"]
import (
	"fmt"

	"noisebook/pkg/notebook"
)

// Parameters. NOISEBOOK_TIER sets the tier: smoke, quick, cpu or paper.
var tier = notebook.Tier()

// Changes to the tier's defaults, written as for noisebook run --set. Uncomment some and run all cells.
var changes = []string{
	// "alpha=3",                  // push less
	// "gradient_scale=5",         // pull more
	// "seeds=5",
	// "sampler.steps=50",         // of the chain's 500
}

//gonb:%%
defer notebook.Catch()
notebook.Show(fmt.Sprintf("tier %s, %d changes", tier, len(changes)))

// %%
import (
	"noisebook/experiments/joint"
	"noisebook/pkg/config"
	"noisebook/pkg/notebook"
)

//gonb:%%
defer notebook.Catch()
c := joint.Generation(tier)
notebook.Check(config.Set(&c, changes...))
outcome := notebook.Must(c.Run(notebook.Context(), notebook.Store()))
notebook.Show(outcome)

// %% [markdown]
// ## Reading the verdicts
//
// Two claims are the paper's. Two are controls of ours, and they come first in any discussion: if a guide does not raise the share of images that show their targets, then the FID of its row
// is that of unguided images with extra noise.
//
// Numbers are *not comparable* below tier paper, and the table's notes say why, each row its own.
//
// Images that aim at the classes in turn have a fair share of every class. An unguided model draws whatever it likes, some classes more often than others.
// So part of what guidance gains in FID can be a better *mix*, with no single image any better. Precision and recall help to tell.
//
// **What tier cpu finds.** Conditional sampling has by far the lowest FID on both datasets, 10 against 28 to 32 on Fashion-MNIST and 14 against 28 to 29 on CIFAR-10's JPEG variant, and it shows its target in 98 and
// 82 % of the images. Without guidance the joint model and the DDGM lie within their deviations over three sampling seeds (32.3 ± 2.4 and 28.5 ± 3.5; 29.0 ± 1.3 and 28.3 ± 0.6), and the table cannot tell.
// With a third of the training on Fashion-MNIST (`grey.train.steps=1200`) the joint model is clearly behind, 108 against 76, as in the paper: there the price of the second job shrinks as both models learn. Classifier guidance at scale 1 shows its target in 45 % of the clothes and in
// 19 % of the colour images, where nine points above chance are too close to the ten that the control asks for.
//
// **How hard the baseline pulls matters.** $\alpha$ comes from a sweep, the scale of classifier guidance does not: it is 1. On Fashion-MNIST, first sampling seed (`gradient_scale=3`, `10`, `30`):
//
// | | FID | precision, % | recall, % | shows its target, % |
// |---|---|---|---|---|
// | classifier guidance, scale 1 | 29.5 | 95.5 | 96.5 | 44.0 |
// | scale 3 | 9.6 | 98.5 | 97.5 | 82.4 |
// | scale 10 | 15.3 | 97.7 | 91.7 | 94.8 |
// | scale 30 | 30.1 | 95.0 | 80.7 | 95.7 |
// | conditional sampling, $\alpha = 30$ | 9.8 | 97.4 | 91.4 | 97.5 |
// | $\alpha = 10$ (`alpha-sweep.ipynb`) | 8.1 | 98.4 | 96.7 | 93.4 |
//
// So most of the lead in the table is tuning. A baseline that pulls three times as hard is level with it; against the better of two step sizes it is 1.6 behind, in an FID whose seeds differ by 0.6, and it shows fewer targets. What remains for Algorithm 1 is that it needs no second network.

// %%
import (
	"noisebook/pkg/notebook"
)

//gonb:%%
defer notebook.Catch()
result := notebook.Newest("joint/generation", tier)
ours := notebook.Must(result.Value.Table.Where("source", "here"))
notebook.Show(notebook.Captioned{Table: ours, Caption: "Every row, seed and measure, run " + result.Run})


// %% [markdown]
// ## Ours alone
//
// The same numbers without the paper's, so that small differences show. A guide that only trades variety for quality has a higher precision and a lower recall.

// %%
import (
	"noisebook/pkg/figure"
	"noisebook/pkg/notebook"
)

//gonb:%%
defer notebook.Catch()
result := notebook.Newest("joint/generation", tier)
ours := notebook.Must(result.Value.Table.Where("source", "here"))
notebook.Show(notebook.Must(figure.Dots(notebook.Must(ours.Where("dataset", "FashionMNIST")), figure.DotsSpec{
	Row: "method", Value: "value", Panel: "metric", Seed: "seed",
	Title: "Fashion-MNIST, ours alone: each measure on an axis of its own",
	Provenance: map[string]string{"run": result.Run, "commit": result.Provenance.ShortCommit(), "tier": tier.String()},
})))

// %% [markdown]
// ## Try it yourself
//
// - **How hard to push?** `alpha=3`, `10`, `100`: the model is not trained again. `alpha-sweep.ipynb` draws the whole curve.
// - **How hard to pull?** `gradient_scale` does for classifier guidance what $\alpha$ does for Algorithm 1. Is there a scale at which the two rows agree in target rate? Which one has the lower FID there?
// - **Is the mix the reason?** Compare the recall of guided and unguided rows.
// - **Colour.** `datasets=cifar10-jpeg` on the quick tier trains small colour models in some minutes.
//
// From a terminal: `bin/noisebook run joint/generation --tier quick --set alpha=3`.
