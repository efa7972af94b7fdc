package joint

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"

	"noisebook/pkg/claim"
	"noisebook/pkg/table"
)

const (
	nearChance    = 0.6     // an AUC below is called near chance, one that never exceeds it unreadable
	clearlyBetter = 0.05    // difference of two mean AUCs
	wellRead      = 0.7     // an AUC above is called readable where others are near chance
	nearPureNoise = 2.0 / 3 // share of the timesteps
)

// judge holds the paper's shape claims, and its count of features, against the probes of z_t.
func (c ProbeTimestepsConfig) judge(t table.Table, setting claim.Setting) ([]claim.Judgement, error) {
	joined, err := t.Where("depth", allDepths)
	if err != nil {
		return nil, err
	}
	var judgements []claim.Judgement
	for _, shape := range []claim.Shape{
		{Claim: "coarse attributes stay readable at later t than fine ones: the last t at which the AUC exceeds the middle of chance and its best, mean over the attributes",
			Check: coarseLastsLonger},
		{Claim: "near pure noise (the last third of the timesteps) coarse attributes are read better than fine ones, by 0.05 in AUC",
			Check: coarseIsReadNearNoise},
		{Claim: "at some timestep every fine attribute is near chance, AUC below 0.6, while every coarse one is read, above 0.7",
			Check: onlyCoarseIsRead},
	} {
		judgements = append(judgements, shape.Judge(c.Tier, joined))
	}
	reported, err := claim.Reported("joint", "fig2b", "CelebA", "UNet features z_t", "B.1; 64x64x3", "features")
	if err != nil {
		return nil, err
	}
	width, err := mean(joined, "features")
	if err != nil {
		return nil, err
	}
	paper := CelebA().DDGM()
	number := claim.Number{Claim: "z_t has as many features as the paper reports (B.1)", Reported: reported.Value, Setting: claim.Setting{Dataset: paper.Dataset, Model: describe(paper)}}
	return append(judgements, number.Judge(c.Tier, width, setting)), nil
}

// reading is how an attribute's AUC, the mean over seeds, goes with t.
type reading struct {
	attribute, kind string
	t, auc          []float64 // by rising t
}

// readings are one an attribute, of the coarse and fine ones.
func readings(t table.Table) ([]reading, error) {
	compared, err := comparedAttributes(t)
	if err != nil {
		return nil, err
	}
	var all []reading
	if err := eachValue(compared, "attribute", func(name string, rows table.Table) error {
		kinds, err := rows.Distinct("kind")
		if err != nil {
			return err
		}
		r := reading{attribute: name, kind: kinds[0]}
		if r.t, r.auc, err = meansBy(rows, "t", "auc"); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, r)
		return nil
	}); err != nil {
		return nil, err
	}
	for _, kind := range []string{coarse, fine} {
		if !slices.ContainsFunc(all, func(r reading) bool { return r.kind == kind }) {
			return nil, fmt.Errorf("there is no %s attribute", kind)
		}
	}
	return all, nil
}

// lastReadable is the last t at which the AUC exceeds the middle of chance and
// its best, between two timesteps by interpolation.
func (r reading) lastReadable() (float64, error) {
	best := slices.Max(r.auc)
	if best < nearChance {
		return 0, fmt.Errorf("%s is readable at no timestep: its best AUC is %.2f", r.attribute, best)
	}
	middle := 0.5 + (best-0.5)/2
	last := len(r.auc) - 1
	for r.auc[last] <= middle {
		last--
	}
	if last == len(r.auc)-1 {
		return r.t[last], nil
	}
	share := (r.auc[last] - middle) / (r.auc[last] - r.auc[last+1])
	return r.t[last] + share*(r.t[last+1]-r.t[last]), nil
}

func coarseLastsLonger(t table.Table) (claim.Evidence, error) {
	all, err := readings(t)
	if err != nil {
		return claim.Evidence{}, err
	}
	lasts := map[string][]float64{}
	var details []string
	for _, r := range all {
		last, err := r.lastReadable()
		if err != nil {
			return claim.Evidence{}, err
		}
		lasts[r.kind] = append(lasts[r.kind], last)
		details = append(details, fmt.Sprintf("%s %.0f", r.attribute, last))
	}
	difference := stat.Mean(lasts[coarse], nil) - stat.Mean(lasts[fine], nil)
	return claim.Evidence{Holds: difference > 0, Value: difference,
		Detail: fmt.Sprintf("coarse until t = %.0f, fine until %.0f; %s", stat.Mean(lasts[coarse], nil), stat.Mean(lasts[fine], nil), strings.Join(details, ", "))}, nil
}

func coarseIsReadNearNoise(t table.Table) (claim.Evidence, error) {
	all, err := readings(t)
	if err != nil {
		return claim.Evidence{}, err
	}
	near := map[string][]float64{}
	for _, r := range all {
		from := nearPureNoise * slices.Max(r.t)
		for i, at := range r.t {
			if at >= from {
				near[r.kind] = append(near[r.kind], r.auc[i])
			}
		}
	}
	difference := stat.Mean(near[coarse], nil) - stat.Mean(near[fine], nil)
	return claim.Evidence{Holds: difference > clearlyBetter, Value: difference,
		Detail: fmt.Sprintf("mean AUC %.3f of coarse attributes, %.3f of fine ones", stat.Mean(near[coarse], nil), stat.Mean(near[fine], nil))}, nil
}

// onlyCoarseIsRead has as its statistic the widest gap, over the timesteps, of the
// worst coarse AUC over the best fine one.
func onlyCoarseIsRead(t table.Table) (claim.Evidence, error) {
	all, err := readings(t)
	if err != nil {
		return claim.Evidence{}, err
	}
	best := claim.Evidence{Value: math.Inf(-1)}
	for i, at := range all[0].t {
		worstCoarse, bestFine := math.Inf(1), math.Inf(-1)
		for _, r := range all {
			if r.kind == coarse {
				worstCoarse = min(worstCoarse, r.auc[i])
			} else {
				bestFine = max(bestFine, r.auc[i])
			}
		}
		holds, gap := bestFine < nearChance && worstCoarse > wellRead, worstCoarse-bestFine
		if holds && !best.Holds || holds == best.Holds && gap > best.Value {
			best = claim.Evidence{Holds: holds, Value: gap, Detail: fmt.Sprintf("at t = %g every coarse AUC is at least %.3f, every fine one at most %.3f", at, worstCoarse, bestFine)}
		}
	}
	return best, nil
}
