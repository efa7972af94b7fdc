// -*- coding: utf-8 -*-
// ---
// jupyter:
//   kernelspec:
//     display_name: Noisebook (Go)
//     language: go
//     name: noisebook
// ---

// %% [markdown]
// # Does drawing help to recognise?
//
// **Table 1** of *Learning Data Representations with Joint Diffusion Models* (Deja, Trzciński and Tomczak, 2023)
//
// Three models with the same encoder and the same classifier on top. They differ only in what they were trained for:
//
// - **Classifier**: cross-entropy alone. The UNet's decoder is not even built.
// - **Joint (pre-trained DDGM)**: denoising alone. Then the network is frozen, and a small perceptron learns to read classes off its features $z_0$.
// - **Joint**: both losses at once, $L = L_\mathrm{diff} + s\,L_\mathrm{class}$, from the first step on.
//
// **The claim.** Joint training beats the classifier, and the classifier beats the probe on frozen features, on all four datasets. The paper's reasons: the
// generative loss acts like pre-training, and an encoder that must denoise has seen images in every state of decay. The table also quotes three
// other models that classify and generate (VERA, JEM++, HybViT); the joint diffusion model is above them too.
//
// **How to read the picture.** A panel a dataset, a row a model. Hollow circles are the paper's numbers, filled squares are ours. *Do not measure the distance
// between them*: the caption says how networks, data and training length differ. What can be compared is the **order** of the three rows within each colour.

// %% tags=["parameters"]
import (
	"fmt"

	"noisebook/pkg/notebook"
)

// Parameters. NOISEBOOK_TIER sets the tier: smoke, quick, cpu or paper.
var tier = notebook.Tier()

// Changes to the tier's defaults, written as for noisebook run --set. Uncomment some and run all cells.
var changes = []string{
	// "datasets=fashion-mnist,cifar10-jpeg",
	// "grey.train.steps=2000",          // all three grey models, longer or shorter
	// "grey.objective.class_scale=0.1", // how much the joint model cares for classes
	// "probe.seeds=5",
}

//gonb:%%
defer notebook.Catch()
notebook.Show(fmt.Sprintf("tier %s, %d changes", tier, len(changes)))

// %% [markdown]
// ## Train three models, probe one, compare
//
// The models are shared: what `probe-accuracy.ipynb` or another notebook has trained is answered from the store.

// %%
import (
	"noisebook/experiments/joint"
	"noisebook/pkg/config"
	"noisebook/pkg/notebook"
)

//gonb:%%
defer notebook.Catch()
c := joint.Accuracy(tier)
notebook.Check(config.Set(&c, changes...))
outcome := notebook.Must(c.Run(notebook.Context(), notebook.Store()))
notebook.Show(outcome)

// %% [markdown]
// ## Gaps in place of levels
//
// A level says how large and how patient a model was. A *gap* between two models of one architecture, trained on the same images for equally many steps,
// says what the objective was worth. So here is the same table once more, as points above or below the stand-alone classifier. This is what the
// claims above judge: is the joint model right of zero, and the probe left of it?
//
// **What tier cpu finds.** On colour images the joint model is 5.0 points above the classifier, 64.0 against 59.0 %. On Fashion-MNIST it is ahead by 0.6, 89.9 against 89.3 %: ten thousand
// test images leave a difference uncertain by 0.9, and so the verdict is *undecided*. The probe lies 8.8 and 17.2 points below the classifier, as in the paper.
//
// **What less training does.** With 1,200 grey and 400 colour steps the joint model is 0.05 points behind on Fashion-MNIST and 3.8 ahead on colour images. Neither gap differs from today's by more than its error, so length does not settle the undecided
// claim; more trainings would (`grey.train.seed=2`). The probe's gap on colour images does change, from 4.1 to 17.2: the classifier learns on, and the features of a DDGM hardly gain.

// %%
import (
	"strconv"

	"noisebook/pkg/notebook"
	"noisebook/pkg/table"
)

// gaps are the points by which each model is above the classifier of the same source and dataset.
func gaps(t table.Table) table.Table {
	classifier := map[[2]string]float64{}
	out := table.New("source", "dataset", "method", "seed", "gap")
	for _, pass := range []bool{true, false} {
		for _, row := range t.Rows {
			source, dataset, method, seed := row[0], row[1], row[2], row[6]
			value := notebook.Must(strconv.ParseFloat(row[5], 64))
			column := [2]string{source, dataset}
			switch base, known := classifier[column]; {
			case pass && method == "Classifier":
				classifier[column] = value
			case !pass && known && method != "Classifier":
				notebook.Check(out.Append(source, dataset, method, seed, value-base))
			}
		}
	}
	return out
}

//gonb:%%
defer notebook.Catch()
result := notebook.Newest("joint/accuracy", tier)
ours := notebook.Must(result.Value.Table.Where("source", "here"))
notebook.Show(notebook.Captioned{Table: ours, Caption: "Our rows, with what makes each not comparable, run " + result.Run})

// %%
import (
	"noisebook/pkg/figure"
	"noisebook/pkg/notebook"
)

//gonb:%%
defer notebook.Catch()
result := notebook.Newest("joint/accuracy", tier)
notebook.Show(notebook.Must(figure.Dots(gaps(result.Value.Table), figure.DotsSpec{
	Row: "method", Value: "gap", Group: "source", Panel: "dataset", Seed: "seed", Hollow: []string{"the paper"},
	Title: "Points of accuracy above the stand-alone classifier", XLabel: "points",
	Caption:    "Negative: the classifier is better.",
	Provenance: map[string]string{"run": result.Run, "commit": result.Provenance.ShortCommit(), "tier": tier.String()},
})))

// %% [markdown]
// ## Try it yourself
//
// - **The price of a scale.** The classification loss has weight $s = 0.02$ here and 0.001 in the authors' commands. Set `grey.objective.class_scale` to 0.001 and to 0.1: the joint
//   model is trained again, the other two are not. Which job wins?
// - **Is one training enough?** Every model is trained once, so a gap of a few tenths may be luck. Set `grey.train.seed=2` and look whether the order stays.
// - **Who needs patience?** Halve `grey.train.steps`. A classifier is done early; does the joint model lose more?
//
// From a terminal: `bin/noisebook run joint/accuracy --tier quick --set grey.train.seed=2`.
