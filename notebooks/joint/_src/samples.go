// -*- coding: utf-8 -*-
// ---
// jupyter:
//   kernelspec:
//     display_name: Noisebook (Go)
//     language: go
//     name: noisebook
// ---

// %% [markdown]
// # Out of nothing
//
// **Figure 9** of *Learning Data Representations with Joint Diffusion Models* (Deja, Trzciński and Tomczak, 2023)
//
// A model that classifies well might have forgotten how to draw. So the plainest test comes first: start from pure noise, take
// reverse steps, guide nothing, and look.
//
// **The claim.** A joint model still makes good unconditional samples. The paper's figure shows CIFAR-10, CIFAR-100 and CelebA; its table 2 has the
// numbers. Without guidance the joint model has a somewhat higher FID there than the same network trained for diffusion alone,
// except on CIFAR-100: the second job costs a little. Tier paper makes all three, a figure each. Tier cpu has Fashion-MNIST and the JPEG variant
// of CIFAR-10, smoke and quick Fashion-MNIST alone.
//
// **How to read the picture.** These are the first samples of the seed, none left out, of the very sets that `generation.ipynb` measures. Look for variety first (are there shoes, bags, shirts, trousers?),
// then for symmetry: a network that only learned texture draws two different sleeves.

// %% tags=["parameters"]
import (
	"fmt"

	"noisebook/pkg/notebook"
)

// Parameters. NOISEBOOK_TIER sets the tier: smoke, quick, cpu or paper.
var tier = notebook.Tier()

// Changes to the tier's defaults, written as for noisebook run --set. Uncomment some and run all cells.
var changes = []string{
	// "sampler.steps=100",        // more of the chain's 500 steps
	// "sampler.method=ddim",      // no fresh noise on the way
	// "datasets=cifar10-jpeg",    // colour, at any tier
	// "rows=10",
	// "seed=1",
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
c := joint.Unconditional(tier)
notebook.Check(config.Set(&c, changes...))
outcome := notebook.Must(c.Run(notebook.Context(), notebook.Store()))
notebook.Show(outcome)

// %% [markdown]
// ## Reading the verdicts
//
// The paper's numbers of each dataset are beside ours, and yet the verdict is *not comparable*. That is not modesty: a Fréchet distance
// in the features of a LeNet is on another scale than one in Inception features, and it depends on the number of
// samples. Two such numbers must not be subtracted, and nor must those of two datasets, each of which has a LeNet of its own.
//
// **What tier cpu finds.** On Fashion-MNIST all ten classes are there, most of them symmetric and finished; sandals and some sneakers are not. The FID is 30, and 109
// after a third of the training (`grey.train.steps=1200`). On colour images 2,000 steps teach the network how fine the detail of photographs is, and no objects: fields, skies and leaves, in tints of which many are no photograph's.
// Precision and recall of 0.93 and 0.75 say as much about the LeNet, which is right about 55 % of CIFAR-10's test images, as about the samples: look before you believe them.

// %%
import (
	"noisebook/pkg/notebook"
)

//gonb:%%
defer notebook.Catch()
result := notebook.Newest("joint/samples", tier)
notebook.Show(notebook.Captioned{Table: result.Value.Table, Caption: "The whole set of samples of each dataset, run " + result.Run})

// %% [markdown]
// ## Try it yourself
//
// - **Steps.** `sampler.steps=5`, `10`, `25`, `100`: where do you stop seeing a difference, and where does `fid`?
// - **Fresh noise or none.** Give `sampler.method=ddim` 10 steps, and ancestral sampling 10 steps.
// - **What does the second job cost?** Set `grey.objective.class_scale=0` and train a model that only denoises.
//
// From a terminal: `bin/noisebook run joint/samples --tier quick --set sampler.steps=100`.
