// -*- coding: utf-8 -*-
// ---
// jupyter:
//   kernelspec:
//     display_name: Noisebook (Go)
//     language: go
//     name: noisebook
// ---

// %% [markdown]
// # What would have to be different?
//
// **Figure 10** of *Learning Data Representations with Joint Diffusion Models* (Deja, Trzciński and Tomczak, 2023)
//
// Why does a classifier take this face for a young one? A *counterfactual* answers with a picture: the same face, changed as little as possible, that
// the classifier takes for an old one. What had to change is what the decision hangs on.
//
// A joint diffusion model makes such pictures of its own decisions, and needs no second network for it. The image is noised through the first 20 % of the
// chain's steps, which drowns what is fine and keeps what is coarse. Then Algorithm 1 walks back, and at each step the model's own classifier moves the
// features towards the *other* answer.
//
// **The claim.** The decision flips, and the rest is kept. The paper shows it on CelebA with the attributes young, smiling and mustache, each given and taken
// away. Below tier paper pairs of Fashion-MNIST classes stand in for attributes: a boot is a sneaker with a shaft, a dress is a long T-shirt without sleeves, a coat is a
// pullover with an open front. A stand-in cannot meet the paper's faces, but it can show whether the method does what is said of it.
//
// **How to read the picture.** Four rows a direction. The last is original − counterfactual: red went darker, blue went brighter, grey stayed. The columns are the first images of
// the test set that the model classifies right, not the prettiest; the paper's are drawn at random, and whether its model is right on them it does not say. The second figure has what pictures cannot show: how often the decision flips, for the model itself and for a
// classifier that had no part in it, and how much that takes. Look at the controls first. At $\alpha = 0$ the image is noised and denoised, nothing more. At a
// negative $\alpha$ it is pushed the wrong way.

// %% tags=["parameters"]
import (
	"fmt"

	"noisebook/pkg/notebook"
)

// Parameters. NOISEBOOK_TIER sets the tier: smoke, quick, cpu or paper.
var tier = notebook.Tier()

// Changes to the tier's defaults, written as for noisebook run --set. Uncomment some and run all cells.
var changes = []string{
	// "decisions=Sandal or Sneaker,Bag or Trouser", // your own pairs of classes
	// "noised=0.4",               // further into the noise: more can change, less is kept
	// "alpha=100",                // push harder
	// "alphas=1,3,10,30,100,300", // a finer sweep
	// "columns=12",
}

//gonb:%%
defer notebook.Catch()
notebook.Show(fmt.Sprintf("tier %s, %d changes", tier, len(changes)))

// %% [markdown]
// ## Train, noise, come back, measure
//
// The joint model is the one of `alpha-sweep.ipynb`; the other classifier is the same encoder trained alone, as in table 1. Both are taken from the store if they are there. So
// is every set of counterfactuals: a new step size samples only itself.

// %%
import (
	"noisebook/experiments/joint"
	"noisebook/pkg/config"
	"noisebook/pkg/notebook"
)

//gonb:%%
defer notebook.Catch()
c := joint.CounterfactualCelebA(tier)
notebook.Check(config.Set(&c, changes...))
outcome := notebook.Must(c.Run(notebook.Context(), notebook.Store()))
notebook.Show(outcome)

// %% [markdown]
// ## The numbers behind it
//
// A row is one direction at one step size and seed of the noise. `flip_rate` is the share of images that the joint model then takes for the other answer, `external_flip_rate` is
// the other classifier's opinion. When the first is high and the second low, the model fooled itself: it found an adversarial example, not an explanation.
// `l1` is the mean change of a pixel on a scale from 0 to 1. Compare it with `apart`, which is what swapping the image for a random one of the other class would change.
// `top_decile_share` is how much of all change lies in the tenth of the pixels that change most: 0.1 if it is everywhere alike, 1 if it is in one place.
//
// **What tier cpu finds.** The joint model changes its mind about every image, and without guidance about 2 to 9 % of them. The classifier that was trained alone is convinced by 87 % of the new ankle
// boots and by 42 % of the new dresses: part of what changes is meant for the model that is asked. Most is kept: a pixel changes by 0.09 to 0.11 of its range, by 0.05 to 0.07 without guidance and by 0.21 to 0.24 when a random image of the other class
// takes its place. *Localised* the change is not: the tenth of the pixels that change most hold less of it than noise and denoising alone put there, 36 to 42 % against 42 to 54 %. Look at the difference: shafts and sleeves appear where they
// should, but each is larger than a tenth of the pixels, and the garment is redrawn as well. The paper shows a local change on faces, by eye and without a number; whether a moustache, which is small, would pass is open.
//
// **Too little training, or an error?** With a third of the training (`grey.train.steps=1200`) the shares are 34 to 37 % against 39 to 51 %, guided below unguided in every direction as now: three times the training does not bring the claim about. The control speaks
// against an error: $-\alpha$ turns no decision. After either training the share falls as the push grows, as the next figure shows, from 48 % without guidance over 42, 39 and 39 to 37 %. So it is the pushing that spreads the change, and not the model's blur.

// %%
import (
	"noisebook/pkg/notebook"
)

//gonb:%%
defer notebook.Catch()
result := notebook.Newest("joint/counterfactual-celeba", tier)
notebook.Show(notebook.Captioned{Table: result.Value.Table, Caption: "Every direction, step size and seed, run " + result.Run})

// %% [markdown]
// ## One picture of the trade
//
// The harder one pushes, the more images flip and the more of each is redrawn. A good step size is one at which the flips have risen and the change has not yet.

// %%
import (
	"noisebook/pkg/figure"
	"noisebook/pkg/notebook"
)

//gonb:%%
defer notebook.Catch()
result := notebook.Newest("joint/counterfactual-celeba", tier)
long := notebook.Must(result.Value.Table.Melt("external_flip_rate", "l1", "top_decile_share"))
notebook.Show(notebook.Must(figure.Curves(long, figure.CurvesSpec{
	X: "alpha", Y: "value", Group: "from", Panel: "metric", Seed: "seed", Scale: figure.Even,
	Title:  "Flips, and what they change",
	XLabel: "step size α", GroupLabel: "original",
	Caption:    "Flips for a classifier that was trained alone; the mean absolute change of a pixel; the share of it in the tenth of the pixels that change most. Controls included.",
	Provenance: map[string]string{"run": result.Run, "commit": result.Provenance.ShortCommit(), "tier": tier.String()},
})))

// %% [markdown]
// ## Try it yourself
//
// - **How far into the noise?** With `noised=0.1` little can change, with `noised=0.6` hardly anything is kept. Where do flips begin to cost the likeness?
// - **Fool only yourself.** Raise $\alpha$ until `flip_rate` is high and `external_flip_rate` falls again. What do these images look like?
// - **Ask for the impossible.** `decisions=Trouser or Bag`: what does a counterfactual look like when no small change will do?
// - **Which way is easier?** To add a shaft and to take one away are not the same task. Compare the two directions of a pair, and think of what 20 % noise hides.
//
// From a terminal: `bin/noisebook run joint/counterfactual-celeba --tier quick --set "decisions=Sandal or Sneaker"`.
