// -*- coding: utf-8 -*-
// ---
// jupyter:
//   kernelspec:
//     display_name: Noisebook (Go)
//     language: go
//     name: noisebook
// ---

// %% [markdown]
// # Who else does both?
//
// **Table 3** of *Learning Data Representations with Joint Diffusion Models* (Deja, Trzciński and Tomczak, 2023)
//
// A *joint* model classifies and generates with one set of weights. Before this paper most of them were energy-based models (JEM and its successors VERA
// and JEM++) or vision transformers (GenViT, HybViT), and their images lagged far behind those of models that only generate.
//
// **The claim.** The joint diffusion model's FID is far below that of the others, and conditional sampling lowers it further.
//
// **How to read the picture.** Further left is better. Hollow marks are what the paper prints; all but its own two rows are quoted there from other papers. Filled marks are ours. Tier cpu has the JPEG variant of CIFAR-10,
// which is another dataset for the purposes of a number. The smaller tiers use Fashion-MNIST as a stand-in, for which the paper's table has no column:
// it shows that the code runs and whether conditional sampling helps, and says nothing about the other models.

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
	// "alpha=100",                // push harder
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
c := joint.JointModels(tier)
notebook.Check(config.Set(&c, changes...))
outcome := notebook.Must(c.Run(notebook.Context(), notebook.Store()))
notebook.Show(outcome)

// %% [markdown]
// ## Reading the verdicts
//
// "Below the other joint models" compares our measurement with *their* numbers. That makes sense only where everything else is equal: CIFAR-10 itself, Inception features, a network of the paper's
// size. Anywhere else the verdict is *not comparable*, however good our number looks: a FID from the features of a LeNet is on another scale altogether.
//
// "Conditional sampling lowers the FID" compares two of our own measurements, in one setting. That can be judged on any tier. The two differ by training as well, with and without noisy
// classifiers (eq. 10); `alpha-sweep.ipynb` has the noisy model without guidance, at $\alpha = 0$.
//
// **What tier cpu finds.** It does: 14.3 against 29.0, mean over three seeds of 250 images each, on features of a LeNet. With 400 in place of 2,000 training steps it is 26.5 against 34.6: the gain grows as the classifier learns.

// %%
import (
	"noisebook/pkg/notebook"
)

//gonb:%%
defer notebook.Catch()
result := notebook.Newest("joint/joint-models", tier)
notebook.Show(notebook.Captioned{Table: result.Value.Table, Caption: "The paper's rows, then ours, run " + result.Run})


// %% [markdown]
// ## Try it yourself
//
// - Everything here comes from the sets of `generation.ipynb`. Run that first and this notebook only draws.
// - VERA has 27.5 here and 30.5 in the paper's table 4 (`hybrid-models.ipynb`). How large a difference between two FIDs would *you* call real?
// - FID depends on the number of samples. Measure with `colour_samples=1000` at tier cpu, or `samples=1000` at tier quick, and see how far the same model moves.
//
// From a terminal: `bin/noisebook run joint/joint-models --tier quick --set datasets=cifar10-jpeg`.
