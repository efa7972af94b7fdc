// -*- coding: utf-8 -*-
// ---
// jupyter:
//   kernelspec:
//     display_name: Noisebook (Go)
//     language: go
//     name: noisebook
// ---

// %% [markdown]
// # Two jobs, one model
//
// **Table 4** of *Learning Data Representations with Joint Diffusion Models* (Deja, Trzciński and Tomczak, 2023)
//
// How good is a model that classifies *and* draws, next to models that do only one of both? The table has three groups: joint models (from IGEBM to the paper's own), a classifier that cannot draw
// (ViT-H), and generators that cannot classify (the paper's own DDGM, and LSGM).
//
// **The claim.** Of the joint models the paper's is the best in both columns. Specialists stay ahead: ViT-H by 3.1 points of accuracy, the paper's own DDGM by 0.7 of FID, LSGM by 5.8.
//
// **How to read the picture.** Two panels: accuracy, where right is better, and FID of unguided samples, where left is better. Look at a row in both panels at once: among the quoted joint models the better classifier mostly draws better too, and none of them is ahead of Joint in either panel.
// Hollow marks are the paper's, and quoted there but for Joint and DDGM. Filled marks are ours: CIFAR-10's JPEG variant on tier cpu, Fashion-MNIST as a stand-in below.

// %% tags=["parameters"]
import (
	"fmt"

	"noisebook/pkg/notebook"
)

// Parameters. NOISEBOOK_TIER sets the tier: smoke, quick, cpu or paper.
var tier = notebook.Tier()

// Changes to the tier's defaults, written as for noisebook run --set. Uncomment some and run all cells.
var changes = []string{
	// "datasets=cifar10-jpeg",    // colour, on any tier
	// "colour.train.steps=400",   // a fifth of what tier cpu trains; grey.train.steps below it
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
c := joint.HybridModels(tier)
notebook.Check(config.Set(&c, changes...))
outcome := notebook.Must(c.Run(notebook.Context(), notebook.Store()))
notebook.Show(outcome)

// %% [markdown]
// ## Reading the verdicts
//
// As in `joint-models.ipynb`, a comparison with quoted numbers is judged only in the paper's setting. What can be judged anywhere is the price of the second job *within* our run: the DDGM is the same network, trained
// on the same images for as many steps, without the classifier's term.
//
// **What tier cpu finds.** No price that could be told: the joint model's FID is 29.0 and the DDGM's 28.3, less than a standard error of their difference apart over three sampling seeds, and so the claim is *undecided*. After a fifth of the training
// (`colour.train.steps=400`) it is undecided, too, at 34.6 and 36.8. On Fashion-MNIST a short training has the paper's price, 108 against 76, and the one of tier cpu leaves 32 against 28, within the deviations (`generation.ipynb`): there the price shrinks as both models learn. To
// see whether any of it is left takes the paper's training and five thousand samples.

// %%
import (
	"noisebook/pkg/notebook"
)

//gonb:%%
defer notebook.Catch()
result := notebook.Newest("joint/hybrid-models", tier)
notebook.Show(notebook.Captioned{Table: notebook.Must(result.Value.Table.Where("source", "here")), Caption: "Ours alone, run " + result.Run})


// %% [markdown]
// ## Try it yourself
//
// - Train longer: does a gap between Joint and DDGM appear, or does only the accuracy rise?
// - The weight of the second job is `colour.objective.class_scale` (`grey.` below tier cpu), 0.02 here and 0.001 in all of the authors' commands. Set it to 0.001 and to 0.1. Which column pays?
// - The ranking has no error bars: the quoted papers print one number each. With ours you have three sampling seeds at tier cpu. How wide is their spread beside the differences in the table?
//
// From a terminal: `bin/noisebook run joint/hybrid-models --tier quick`.
