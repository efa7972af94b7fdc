package joint

import (
	"fmt"
	"slices"
	"strconv"

	"noisebook/pkg/claim"
	"noisebook/pkg/figure"
	"noisebook/pkg/table"
)

// nearFully is our reading of "near", in points: on CIFAR-10 the paper's joint
// model with 5 % of the labels is 2.8 points below its classifier with all.
const nearFully = 3.0

// semiClaims are of our own rows.
func semiClaims() []claim.Shape {
	return []claim.Shape{
		{Claim: "the joint model is above the classifier at every share of labels", Check: bySettings(aheadAtEveryShare)},
		{Claim: "it is so by more with 10 % of the labels or fewer than with all", Check: bySettings(furtherAheadWithFew)},
		{Claim: "at the fewest labels the probe on a pre-trained DDGM can win over the joint model", Check: bySettings(probeWinsAtFewest)},
		{Claim: fmt.Sprintf("with 5 %% of the labels the joint model comes within %g points of the classifier that has all, on some dataset", nearFully), Check: bySettings(nearAllLabels)},
	}
}

// share is a dataset's cell of tab5.
type share struct {
	cell
	dataset string
	pct     float64
}

// bySettings makes a check of a table from one of its cells.
func bySettings(check func([]share) (claim.Evidence, error)) func(table.Table) (claim.Evidence, error) {
	return func(t table.Table) (claim.Evidence, error) {
		cells, err := ourCells(t, "dataset", "labelled_pct")
		if err != nil {
			return claim.Evidence{}, err
		}
		shares := make([]share, len(cells))
		for i, c := range cells {
			pct, err := strconv.ParseFloat(c.keys[1], 64)
			if err != nil {
				return claim.Evidence{}, fmt.Errorf("labelled_pct: %w", err)
			}
			shares[i] = share{cell: c, dataset: c.keys[0], pct: pct}
		}
		return check(shares)
	}
}

func aheadAtEveryShare(shares []share) (claim.Evidence, error) {
	var leads []lead
	for _, s := range shares {
		l, err := s.lead(methodJoint, s.cell, methodClassifier)
		if err != nil {
			return claim.Evidence{}, err
		}
		l.detail = fmt.Sprintf("%s, %g %%: %+.1f", s.dataset, s.pct, l.points)
		leads = append(leads, l)
	}
	return everyLead(0, leads)
}

// furtherAheadWithFew asks for a lead with few labels, and for one that is larger than with all.
func furtherAheadWithFew(shares []share) (claim.Evidence, error) {
	var leads []lead
	for _, s := range shares {
		if s.pct > 10 {
			continue
		}
		all, err := find(shares, s.dataset, 100)
		if err != nil {
			return claim.Evidence{}, err
		}
		few, err := s.lead(methodJoint, s.cell, methodClassifier)
		if err != nil {
			return claim.Evidence{}, err
		}
		full, err := all.lead(methodJoint, all.cell, methodClassifier)
		if err != nil {
			return claim.Evidence{}, err
		}
		few.detail = fmt.Sprintf("%s: %+.1f with %g %%", s.dataset, few.points, s.pct)
		leads = append(leads, few, few.over(full, fmt.Sprintf("%+.1f more than with all", few.points-full.points)))
	}
	if len(leads) == 0 {
		return claim.Evidence{}, fmt.Errorf("no share is 10 %% or less")
	}
	return everyLead(0, leads)
}

// probeWinsAtFewest holds where the probe is ahead on one dataset at least, as on
// the paper's two CIFARs but not on SVHN.
func probeWinsAtFewest(shares []share) (claim.Evidence, error) {
	var leads []lead
	for _, s := range shares {
		fewest := !slices.ContainsFunc(shares, func(other share) bool { return other.dataset == s.dataset && other.pct < s.pct })
		if !fewest {
			continue
		}
		l, err := s.lead(methodProbe, s.cell, methodJoint)
		if err != nil {
			return claim.Evidence{}, err
		}
		l.detail = fmt.Sprintf("%s, %g %%: %+.1f", s.dataset, s.pct, l.points)
		leads = append(leads, l)
	}
	return someLead(0, leads)
}

// nearAllLabels sets the joint model with few labels beside the classifier that has all.
func nearAllLabels(shares []share) (claim.Evidence, error) {
	var leads []lead
	for _, s := range shares {
		if s.pct != 5 {
			continue
		}
		all, err := find(shares, s.dataset, 100)
		if err != nil {
			return claim.Evidence{}, err
		}
		l, err := s.lead(methodJoint, all.cell, methodClassifier)
		if err != nil {
			return claim.Evidence{}, err
		}
		l.detail = s.dataset + ": " + l.detail
		leads = append(leads, l)
	}
	if len(leads) == 0 {
		return claim.Evidence{}, fmt.Errorf("no share is 5 %%")
	}
	return someLead(-nearFully, leads)
}

func find(shares []share, dataset string, pct float64) (share, error) {
	for _, s := range shares {
		if s.dataset == dataset && s.pct == pct {
			return s, nil
		}
	}
	return share{}, fmt.Errorf("%s has no row with %g %% of the labels", dataset, pct)
}

// drawSemiSupervised draws the accuracy against the share of labels: a panel for
// each dataset of ours, then one for each of the paper's.
func drawSemiSupervised(t table.Table, apart string, provenance map[string]string) (*figure.Figure, error) {
	curves := table.New(append(slices.Clone(t.Columns), "panel")...)
	source, dataset := slices.Index(t.Columns, "source"), slices.Index(t.Columns, "dataset")
	for _, wanted := range []string{sourceHere, sourcePaper} {
		for _, row := range t.Rows {
			if row[source] == wanted {
				curves.Rows = append(curves.Rows, append(slices.Clone(row), row[dataset]+", "+wanted))
			}
		}
	}
	return figure.Curves(curves, figure.CurvesSpec{
		X: "labelled_pct", Y: "value", Group: "method", Panel: "panel", Seed: "seed", Scale: figure.Log,
		Title:  "Accuracy when few images have labels",
		XLabel: "labelled share of images, %", YLabel: "test accuracy, %",
		Caption:    "The classifier learns from labelled images alone. The others also learn to denoise all images: first, with the head fitted afterwards (pre-trained), or together, through the label buffer. Classifier and joint model take equal numbers of steps at every share. " + apart,
		Provenance: provenance,
	})
}
