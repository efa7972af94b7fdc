// -*- coding: utf-8 -*-
// ---
// jupyter:
//   kernelspec:
//     display_name: Noisebook (Go)
//     language: go
//     name: noisebook
// ---

// %% [markdown]
// # One class, pushed harder and harder
//
// **Figure 5** of *Learning Data Representations with Joint Diffusion Models* (Deja, Trzciński and Tomczak, 2023)
//
// `alpha-sweep.ipynb` measures what the step size $\alpha$ of Algorithm 1 does. Here you can watch it. Each row has a larger
// $\alpha$ than the row above, and each column starts from the *same* noise: follow a column downwards and you see one image being talked
// into the class.
//
// **The claim.** With a larger $\alpha$ images are more precise and less diverse. The paper shows it with planes of CIFAR-10,
// where in the end even the backgrounds look alike. Below tier paper we take dresses of Fashion-MNIST, which come with and without sleeves and in many
// lengths.
//
// **How to read the picture.** The first row, $\alpha = 0$, is not guided and shows anything. Where does the first dress
// appear? From where on do neighbours begin to look like copies?

// %% tags=["parameters"]
import (
	"fmt"

	"noisebook/pkg/notebook"
)

// Parameters. NOISEBOOK_TIER sets the tier: smoke, quick, cpu or paper.
var tier = notebook.Tier()

// Changes to the tier's defaults, written as for noisebook run --set. Uncomment some and run all cells.
var changes = []string{
	// "classes=8",                // bags; 0 to 9 in the order of the data set
	// "columns=16",
	// "seed=1",                   // other noise to start from
	// "alphas=0,2,5,20,4000",
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
c := joint.AlphaSamples(tier)
notebook.Check(config.Set(&c, changes...))
outcome := notebook.Must(c.Run(notebook.Context(), notebook.Store()))
notebook.Show(outcome)

// %% [markdown]
// ## The picture in numbers
//
// `target_rate` is the share that an independent LeNet takes for the class, over all samples of the class and not only those
// drawn. `diversity` is the mean squared distance between the LeNet features of two of its samples. The claim in numbers: one
// rises, the other falls.
//
// **What tier cpu finds.** Neither holds over the whole range. The share of dresses rises at once, from 12 % to 96 % at $\alpha = 10$ and 99 % at 30 and 100, and ends at 94 %, a fall that `alpha-sweep.ipynb` confirms on all ten classes (98 to 88 %). The picture shows
// why: the steps throw the features out of anything that the decoder knows. The distance between two samples falls from 143 to 101 up to $\alpha = 100$, as the paper says, and grows again when the images fall apart.
//
// **Too little training, or an error?** With a third of the training (`model.train.steps=1200`) the share has its top at 85 %, at $\alpha = 30$, and ends at 66 %; the distance is 206 at 10, 168 at 30 and back at 207 at 250. So longer training widens the range in which both
// trends are the paper's, from $\alpha = 30$ to 100, and the paper's network, trained thirty times as long, may well have all of its sweep within it. Against an error speaks the control of `alpha-sweep.ipynb`.

// %%
import (
	"noisebook/pkg/notebook"
)

//gonb:%%
defer notebook.Catch()
result := notebook.Newest("joint/alpha-samples", tier)
notebook.Show(notebook.Captioned{Table: result.Value.Table, Caption: "Samples of the class at each step size, run " + result.Run})

// %%
import (
	"noisebook/pkg/figure"
	"noisebook/pkg/notebook"
)

//gonb:%%
defer notebook.Catch()
result := notebook.Newest("joint/alpha-samples", tier)
long := notebook.Must(result.Value.Table.Melt("target_rate", "diversity"))
notebook.Show(notebook.Must(figure.Curves(long, figure.CurvesSpec{
	X: "alpha", Y: "value", Group: "class", Panel: "metric", Scale: figure.Even,
	Title: "Hitting the class, and variety within it", XLabel: "step size α", YLabel: "mean",
	Provenance: map[string]string{"run": result.Run, "commit": result.Provenance.ShortCommit(), "tier": tier.String()},
})))

// %% [markdown]
// ## Try it yourself
//
// - Show another class. Trousers (1) have one shape, bags (8) have many: whose diversity has more to lose?
// - Take `seed=1` and `seed=2`. Which differences between rows survive other noise?
// - At a huge $\alpha$ images look *too much* like their class, like a caricature. The FID of whole sets in
//   `alpha-sweep.ipynb` compares them with real images: at which $\alpha$ does it turn?
//
// From a terminal: `bin/noisebook run joint/alpha-samples --tier quick --set classes=8`.
