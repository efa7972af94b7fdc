// -*- coding: utf-8 -*-
// ---
// jupyter:
//   kernelspec:
//     display_name: Noisebook (Go)
//     language: go
//     name: noisebook
// ---

// %% [markdown]
// # Twenty questions
//
// A diffusion model is asked one thing again and again: *which noise is in this image?* A part of each answer is taken away. Begin with nothing
// but noise, ask twenty times, and there is a shoe that nobody ever made.
//
// A cell takes about two seconds, so change something and run it again: this page is a toy. (The first time on a machine the
// network is compiled, which takes a little longer. From then on the program lies on disk.)

// %% tags=["parameters"]
import (
	"noisebook/pkg/notebook"
)

// Parameters. NOISEBOOK_TIER sets the tier: smoke, quick, cpu or paper.
var tier = notebook.Tier()

// Seed of the noise. Other noise, other things.
var seed uint64 = 1

//gonb:%%
defer notebook.Catch()
notebook.Show("tier " + tier.String())

// %% [markdown]
// ## 1. Out of noise
//
// The steps are those of DDIM (Song, Meng and Ermon, 2021): no fresh noise on the way, so the first noise decides everything. Same seed, same sixteen
// things.

// %%
import (
	"noisebook/experiments/learn"
	"noisebook/pkg/notebook"
)

//gonb:%%
defer notebook.Catch()
c := learn.Sampling(tier)
c.Seed = seed
notebook.Show(notebook.Must(c.Run(notebook.Context(), notebook.Store())).Figure)

// %% [markdown]
// ## 2. How many questions does it take?
//
// Down a column it is always the same noise, and only the number of questions changes. Asked three times, the network answers with something like the
// *average* of everything that might be there; asked often, it may change its mind on the way. From which row on do you see no difference?

// %%
import (
	"fmt"
	"image"

	"noisebook/experiments/learn"
	"noisebook/pkg/figure"
	"noisebook/pkg/notebook"
)

//gonb:%%
defer notebook.Catch()
spec := figure.GridSpec{Title: "The same noise in more and more steps"}
var pictures []image.Image
for _, steps := range []int{3, 5, 10, 20, 50} {
	c := learn.Sampling(tier)
	c.Seed, c.Sampler.Steps = seed, steps
	drawn := notebook.Must(c.Run(notebook.Context(), notebook.Store()))
	spec.Columns = min(10, len(drawn.Images))
	spec.RowLabels = append(spec.RowLabels, fmt.Sprintf("%d steps", steps))
	pictures = append(pictures, drawn.Images[:spec.Columns]...)
}
notebook.Show(notebook.Must(figure.Grid(pictures, spec)))

// %% [markdown]
// ## 3. Ask for something
//
// This network also classifies what it sees. So at each step we may push its features towards a class before it answers (Algorithm 1 of *Joint Diffusion*,
// Deja, Trzciński and Tomczak, 2023), with a force $\alpha$. The noise is that of part 1: compare the pictures one by one. What did each become?

// %%
import (
	"noisebook/experiments/learn"
	"noisebook/pkg/notebook"
)

//gonb:%%
defer notebook.Catch()
c := learn.Sampling(tier).Guided("Bag", 20)
c.Seed = seed
notebook.Show(notebook.Must(c.Run(notebook.Context(), notebook.Store())).Figure)

// %% [markdown]
// ## Try it yourself
//
// - **Another seed.** Change it at the top and run all cells. Find the strangest thing and keep its seed.
// - **Another wish.** `"Ankle boot"`, `"Trouser"`, `"T-shirt/top"`, `"Dress"`, …: which of your sixteen resist? What does $\alpha = 1$ do, and what $\alpha = 500$?
// - **Fresh noise.** Add `c.Sampler.Eta = 1` to part 1: noise comes in at each step, as in the original chain. Is the shoe still a shoe?
// - **A question.** Part 2 in a cell of its own with `Eta = 1`: why do the columns not agree any more?
//
// Next: `../joint/alpha-sweep.ipynb` measures what $\alpha$ does to precision and variety.
