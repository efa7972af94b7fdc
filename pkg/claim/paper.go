package claim

import (
	"fmt"
	"slices"
	"strings"
)

// Paper says what one of the papers is.
type Paper struct {
	ID      string `json:"id"` // the part of its artifacts' ids before the slash
	Title   string `json:"title"`
	Authors string `json:"authors"`
	Where   string `json:"where"` // year and number or venue
	About   string `json:"about"` // what it does, in a few sentences
}

var described = []Paper{
	{
		ID: "joint", Title: "Learning Data Representations with Joint Diffusion Models",
		Authors: "Kamil Deja, Tomasz Trzciński, Jakub M. Tomczak", Where: "2023, arXiv 2301.13622",
		About: "One UNet serves two jobs. Its encoder's features, pooled over space at every depth, feed a classifier; the whole " +
			"of it predicts the noise of a diffusion model. Both are trained together with one optimiser. The features can then " +
			"be nudged towards a class while sampling, which gives conditional samples and counterfactual explanations.",
	},
	{
		ID: "da", Title: "Denoising-Assisted diffusion classifiers",
		Authors: "Chandramouli Shama Sastry, Sri Harsha Dumpala, Sageev Oore", Where: "2023",
		About: "A classifier that guides a diffusion model is shown the noised image and its one-step denoised estimate at once, " +
			"against one that sees the noised image alone; then with few labels, and with positive labels only.",
	},
	{
		ID: "drl", Title: "Diffusion Based Representation Learning",
		Authors: "Korbinian Abstreiter, Sarthak Mittal, Stefan Bauer, Bernhard Schölkopf, Arash Mehrjou", Where: "ICML 2023 and an earlier manuscript",
		About: "A score network gets, besides the noised image and its time, a code of the clean image. The code learns what " +
			"denoising needs, without labels or augmentations.",
	},
	{
		ID: "medi", Title: "Mediffusion",
		Authors: "Joanna Kaleta, Paweł Skierś, Jan Dubiński, Przemysław Korzeniowski, Kamil Deja", Where: "2024",
		About: "Joint diffusion in the latent space of an autoencoder, for classifying medical images with few labels and " +
			"explaining the decisions by counterfactuals.",
	},
}

// Papers lists the papers in the order of [Artifacts].
func Papers() []Paper { return slices.Clone(described) }

// FindPaper returns the paper with an id; the error for an unknown one lists all.
func FindPaper(id string) (Paper, error) {
	var ids []string
	for _, p := range described {
		if p.ID == id {
			return p, nil
		}
		ids = append(ids, p.ID)
	}
	return Paper{}, fmt.Errorf("unknown paper %q: there are %s", id, strings.Join(ids, ", "))
}

// Artifacts lists the paper's figures and tables in its order.
func (p Paper) Artifacts() []Artifact {
	return slices.DeleteFunc(Artifacts(), func(a Artifact) bool { return a.Paper != p.ID })
}
