package joint

import (
	"fmt"
	"slices"
	"strings"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/figure"
	"noisebook/pkg/table"
)

// wellAbove is our reading of "well above", in points: the smallest of the
// paper's three margins is 6.7.
const wellAbove = 5.0

// adaptationClaims are of our own rows; of adaptations the longest counts.
func adaptationClaims() []claim.Shape {
	return []claim.Shape{
		{Claim: fmt.Sprintf("after adaptation the joint model is well above the source's classifier, by %g points or more for every pair", wellAbove),
			Check: aheadOnEveryPair(methodJoint, methodClassifier, wellAbove)},
		{Claim: "the classifier that sees the target's labels is above the adapted joint model for every pair",
			Check: aheadOnEveryPair(methodTarget, methodJoint, 0)},
		{Claim: "beyond the paper: adaptation raises the joint model's accuracy on the target for every pair",
			Check: aheadOnEveryPair(methodJoint, methodBefore, 0)},
	}
}

// aheadOnEveryPair checks that a method's mean over seeds lies above another's by
// more than a margin for each pair.
func aheadOnEveryPair(higher, lower string, least float64) func(table.Table) (claim.Evidence, error) {
	return func(t table.Table) (claim.Evidence, error) {
		judged, err := t.Where("condition", "")
		if err != nil {
			return claim.Evidence{}, err
		}
		pairs, err := ourCells(judged, "dataset")
		if err != nil {
			return claim.Evidence{}, err
		}
		var leads []lead
		for _, pair := range pairs {
			l, err := pair.lead(higher, pair, lower)
			if err != nil {
				return claim.Evidence{}, err
			}
			l.detail = pair.keys[0] + ": " + l.detail
			leads = append(leads, l)
		}
		return everyLead(least, leads)
	}
}

// figures are the curve of the accuracy over the adaptation, and tab6 beside ours.
func (c DomainAdaptationConfig) figures(t table.Table, apart string, provenance map[string]string) ([]experiments.NamedFigure, error) {
	t = withArrows(t)
	curves, err := drawAdaptation(t, c.caption(), provenance)
	if err != nil {
		return nil, err
	}
	judged, err := t.Where("condition", "")
	if err != nil {
		return nil, err
	}
	dots, err := drawComparison(judged, "Accuracy on the target, the paper's and ours", apart, provenance)
	return []experiments.NamedFigure{{Name: domainAdaptationID, Figure: curves}, {Name: domainAdaptationID + "-table", Figure: dots}}, err
}

// withArrows writes the pairs as a heading does.
func withArrows(t table.Table) table.Table {
	drawn, dataset := table.New(t.Columns...), slices.Index(t.Columns, "dataset")
	for _, row := range t.Rows {
		row = slices.Clone(row)
		row[dataset] = strings.ReplaceAll(row[dataset], pairArrow, "→")
		drawn.Rows = append(drawn.Rows, row)
	}
	return drawn
}

// drawAdaptation draws the accuracy on the target against the length of the
// adaptation, a panel a pair. What does not adapt is drawn level.
func drawAdaptation(t table.Table, caption string, provenance map[string]string) (*figure.Figure, error) {
	ours, err := t.Where("source", sourceHere)
	if err != nil {
		return nil, err
	}
	lengths, err := ours.Distinct("adapt_steps")
	if err != nil {
		return nil, err
	}
	curves := table.New(ours.Columns...)
	length, method := slices.Index(t.Columns, "adapt_steps"), slices.Index(t.Columns, "method")
	for _, row := range ours.Rows {
		along := lengths
		row = slices.Clone(row)
		if row[method] == methodBefore || row[length] != "0" { // what is adapted has a length, or is where the curve begins
			along = row[length : length+1]
		}
		if row[method] == methodBefore || row[method] == methodJoint {
			row[method] = "Joint, adapted"
		}
		for _, at := range along {
			point := slices.Clone(row)
			point[length] = at
			curves.Rows = append(curves.Rows, point)
		}
	}
	return figure.Curves(curves, figure.CurvesSpec{
		X: "adapt_steps", Y: "value", Group: "method", Panel: "dataset", Seed: "seed", Scale: figure.Even,
		Title:  "Adapting to images without labels: accuracy on the target",
		XLabel: "steps of diffusion on the target's images", YLabel: "test accuracy, %",
		Caption: caption, Provenance: provenance,
	})
}

func (c DomainAdaptationConfig) caption() string {
	text := "The joint model learns on the labelled source, then denoises the target's images; the weights of its head stay, and the statistics of the head's batch norms follow the target or, in the single point, stay as well. Levels: classifiers trained on the source's and on the target's labels."
	for i, source := range c.Datasets {
		if source == c.Targets[i] {
			text += " Where source and target are one data set nothing is adapted to: that proves the plumbing alone."
			break
		}
	}
	return text
}
