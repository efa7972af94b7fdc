// -*- coding: utf-8 -*-
// ---
// jupyter:
//   kernelspec:
//     display_name: Noisebook (Go)
//     language: go
//     name: noisebook
// ---

// %% [markdown]
// # What does a denoiser know of classes?
//
// **Figure 2a** of *Learning Data Representations with Joint Diffusion Models* (Deja, Trzciński and Tomczak, 2023)
//
// A diffusion model (the paper says DDGM) is trained to predict noise. Nobody tells it what a shirt is. And yet, to guess what is under the noise, it helps to
// know that there are shirts. So the paper looks inside: show the trained network a clean image at time 0, average every feature map of its encoder over
// space, and join the means to one vector $z_0$. Then train a small perceptron on these vectors, and *only* it: the diffusion model stays frozen.
//
// **The claim.** The probe is informative, far above guessing, and below a classifier of the same architecture that was trained with labels from the start.
// On CIFAR-10 the paper calls the two comparable: 80.9 against 94.0 %.
//
// **How to read the picture.** A row a way to classify. The first two rows are the paper's, with its numbers as hollow circles. The others are ours and put
// the probe into its place: the same perceptron on the features of the *joint* model, which did see labels; on a network that was **never trained** at
// all; and the constant answer. A probe that is no better than the one on random weights would tell something about perceptrons, not about diffusion.
// Bars are over probes with different seeds; each network is trained once.

// %% tags=["parameters"]
import (
	"fmt"

	"noisebook/pkg/notebook"
)

// Parameters. NOISEBOOK_TIER sets the tier: smoke, quick, cpu or paper.
var tier = notebook.Tier()

// Changes to the tier's defaults, written as for noisebook run --set. Uncomment some and run all cells.
var changes = []string{
	// "probe.images=1000",      // labels for a few images only
	// "probe.train.steps=8000",
	// "probe.seeds=5",
	// "grey.train.steps=100",   // a diffusion model that has hardly begun to learn
}

//gonb:%%
defer notebook.Catch()
notebook.Show(fmt.Sprintf("tier %s, %d changes", tier, len(changes)))

// %% [markdown]
// ## Train, freeze, measure, probe
//
// Features are measured once and kept; a probe takes seconds. All models are those of `accuracy.ipynb`.

// %%
import (
	"noisebook/experiments/joint"
	"noisebook/pkg/config"
	"noisebook/pkg/notebook"
)

//gonb:%%
defer notebook.Catch()
c := joint.ProbeAccuracy(tier)
notebook.Check(config.Set(&c, changes...))
outcome := notebook.Must(c.Run(notebook.Context(), notebook.Store()))
notebook.Show(outcome)

// %% [markdown]
// ## How much of the lead is kept?
//
// Accuracy has no meaning of its own: 40 % is little for ten classes and much for a hundred. What counts is the lead over the constant answer.
// The claim asks the probe to keep more than half of the classifier's lead. In the paper it keeps 60 % of it on FashionMNIST and 84 % on CIFAR-10, where ten
// equal classes make the constant answer 10 %. The second figure has only our rows, as points of lead.
//
// **What tier cpu finds.** All claims hold. The probe keeps 89 % of the lead on Fashion-MNIST and 65 % on CIFAR-10's JPEG variant; the paper's keeps 60 and 84 %, below far stronger classifiers. An untrained
// network gives 57 and 32 %: two thirds of what the probe knows beyond chance on Fashion-MNIST, seven tenths on colour images, are there before any training. Features of the joint model give 90 and 66 %, a little more than its own head
// makes of them: labels in the training, not the probe, set the two apart. The count of numbers in $z_t$ stands beside the paper's as a
// reminder of size. For 28×28 images the paper's 1,856 does not fit the authors' code, which has 21·C, 1,344 at C = 64; tier paper says *differs* there.

// %%
import (
	"strconv"

	"noisebook/pkg/notebook"
	"noisebook/pkg/table"
)

// leads are the points by which ours are above the constant answer on the same dataset.
func leads(t table.Table) table.Table {
	const constant = "Most frequent class"
	value := func(row []string) float64 { return notebook.Must(strconv.ParseFloat(row[5], 64)) }
	base := map[string]float64{}
	for _, row := range t.Rows {
		if dataset, method := row[1], row[2]; method == constant {
			base[dataset] = value(row)
		}
	}
	out := table.New("dataset", "method", "seed", "lead")
	for _, row := range t.Rows {
		if dataset, method, seed := row[1], row[2], row[6]; method != constant {
			notebook.Check(out.Append(dataset, method, seed, value(row)-base[dataset]))
		}
	}
	return out
}

//gonb:%%
defer notebook.Catch()
result := notebook.Newest("joint/probe-accuracy", tier)
ours := notebook.Must(result.Value.Table.Where("source", "here"))
notebook.Show(notebook.Captioned{Table: ours, Caption: "Every probe, run " + result.Run})

// %%
import (
	"noisebook/pkg/figure"
	"noisebook/pkg/notebook"
)

//gonb:%%
defer notebook.Catch()
result := notebook.Newest("joint/probe-accuracy", tier)
ours := notebook.Must(result.Value.Table.Where("source", "here"))
notebook.Show(notebook.Must(figure.Dots(leads(ours), figure.DotsSpec{
	Row: "method", Value: "lead", Panel: "dataset", Seed: "seed",
	Title: "Points of accuracy above the most frequent class", XLabel: "points",
	Provenance: map[string]string{"run": result.Run, "commit": result.Provenance.ShortCommit(), "tier": tier.String()},
})))

// %% [markdown]
// ## Try it yourself
//
// - **Few labels.** Set `probe.images=500`: the diffusion model has seen all images, the probe gets labels for 500. The classifier in the first row still has them
//   all; `semi-supervised.ipynb` makes that comparison fair.
// - **When does knowledge arrive?** `grey.train.steps=50`, `200`, `1000` changes the length of all three trainings, the classifier's too: does the probe keep more or less of its lead?
// - **Random is not nothing.** How many points does the untrained network give over the constant answer? Pooled edges and brightness are features too.
//
// From a terminal: `bin/noisebook run joint/probe-accuracy --tier quick --set probe.images=500`.
