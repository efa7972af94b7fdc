// -*- coding: utf-8 -*-
// ---
// jupyter:
//   kernelspec:
//     display_name: Noisebook (Go)
//     language: go
//     name: noisebook
// ---

// %% [markdown]
// # Ten rows, ten classes
//
// **Figure 8** of *Learning Data Representations with Joint Diffusion Models* (Deja, Trzciński and Tomczak, 2023)
//
// No label enters the network. There is no class embedding, and nobody trained a second, guiding classifier either. All that steers an
// image here is the model's own classifier, whose gradient moves the model's own features at each step (Algorithm 1).
// If every row below shows its class, then the features that recognise a sneaker are the features that draw one.
//
// **The claim.** Conditional samples show the class that was asked for. The paper draws Fashion-MNIST on the left and the first ten classes
// of CIFAR-100, from apple to bottle, on the right. Tier paper makes both, a figure each; the tiers below make Fashion-MNIST alone.
//
// **How to read the picture.** One class a row, not picked by hand. Columns start from different noise. Look for the classes that are near each other:
// a shirt, a pullover and a coat at 28 × 28 pixels are hard for people too.

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
	// "classes=6,2,4",            // the hard ones: shirt, pullover, coat
	// "datasets=fashion-mnist,cifar10-jpeg", // in colour, too
	// "seed=1",                   // other noise to start from
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
c := joint.SamplesByClass(tier)
notebook.Check(config.Set(&c, changes...))
outcome := notebook.Must(c.Run(notebook.Context(), notebook.Store()))
notebook.Show(outcome)

// %% [markdown]
// ## Who gets mistaken?
//
// The verdict asks an independent LeNet what it sees. Nobody can be asked for more than they know, and a LeNet is often wrong about CIFAR-100's hundred
// classes: of each row it must take more than half as many for the row's class as it gets right of the test images. On
// Fashion-MNIST that is somewhat below half of the row. The table has its opinion by dataset and class.
//
// **What tier cpu finds.** Every row shows its class: shirts in 88 %, all others in 95 % or more, which is more than the LeNet gets right of the test images (86 %). Guidance draws what is typical. Look at the rows, too: sandals
// are the least finished, and some have the heel of one shoe and the strap of another. A third of the training (`grey.train.steps=1200`) leaves sandals and sneakers at 60 %.

// %%
import (
	"noisebook/pkg/notebook"
)

//gonb:%%
defer notebook.Catch()
result := notebook.Newest("joint/samples-by-class", tier)
notebook.Show(notebook.Captioned{Table: result.Value.Table, Caption: "What a LeNet sees in each row, run " + result.Run})

// %% [markdown]
// ## Try it yourself
//
// - Take `alpha=0`: ten rows of unguided images, and the share of each class should fall to about chance. If it does not, the table does not
//   measure what it says.
// - Take a negative $\alpha$: now the rows must show anything *but* their class.
// - Which class falls first when you push less? Is it the one that the classifier itself confuses most often?
//
// From a terminal: `bin/noisebook run joint/samples-by-class --tier quick --set alpha=3`.
