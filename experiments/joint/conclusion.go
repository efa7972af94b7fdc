package joint

import (
	"context"
	"slices"
	"strings"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/table"
	"noisebook/pkg/track"
)

// conclusion is what a comparison needs to become an artifact.
type conclusion struct {
	id             string
	title, caption string                                      // of the figure; what makes numbers not comparable is added
	datasets       []string                                    // ours
	drawn          map[string]string                           // provenance beside the run, its commit, tier and data; may be nil
	inputs         []track.Input                               // what the table rests on
	claims         []claim.Shape                               // of our own rows
	claimsOn       func(dataset string) ([]claim.Shape, error) // further ones, of each dataset; may be nil
	quoted         []quotedClaim                               // of our rows beside those that the paper quotes
	// draw makes figures in place of the comparison's; apart is what makes numbers not comparable.
	draw func(t table.Table, apart string, provenance map[string]string) ([]experiments.NamedFigure, error)
}

// conclude keeps a comparison's table as the result of the artifact's own stage,
// draws it and judges it: claims of shape, then those on quoted models, then the
// paper's numbers.
func conclude[C any](ctx context.Context, store *track.Store, of conclusion, c comparison, config C) (experiments.Outcome, error) {
	t, err := c.table()
	if err != nil {
		return experiments.Outcome{}, err
	}
	result, err := keepTable(ctx, store, of.id, config, t, of.inputs...)
	if err != nil {
		return experiments.Outcome{}, err
	}
	ours := claim.Setting{Dataset: strings.Join(of.datasets, ", "), Model: c.stated(modelOf),
		Features: c.stated(func(s claim.Setting) string { return s.Features })}
	o, err := tabled(of.id, c.at, result, ours, runProvenance(result))
	if err != nil {
		return o, err
	}
	if o.Figures, err = of.figures(o.Table, c, drawnOf(result, c.at, ours.Dataset, of.drawn)); err != nil {
		return o, err
	}
	o.Report.Judgements, err = of.judge(o.Table, c)
	return o, err
}

func (of conclusion) figures(t table.Table, c comparison, provenance map[string]string) ([]experiments.NamedFigure, error) {
	apart, err := c.differences()
	if err != nil {
		return nil, err
	}
	if of.draw != nil {
		return of.draw(t, apart, provenance)
	}
	drawn, err := drawComparison(t, of.title, strings.TrimSpace(of.caption+" "+apart), provenance)
	return []experiments.NamedFigure{{Name: of.id, Figure: drawn}}, err
}

func (of conclusion) judge(t table.Table, c comparison) ([]claim.Judgement, error) {
	var judgements []claim.Judgement
	claims := slices.Clone(of.claims)
	if of.claimsOn != nil {
		for _, dataset := range of.datasets {
			more, err := of.claimsOn(dataset)
			if err != nil {
				return nil, err
			}
			claims = append(claims, more...)
		}
	}
	for _, shape := range claims {
		judgements = append(judgements, shape.Judge(c.at, t))
	}
	for _, q := range of.quoted {
		beside, err := c.beatsQuoted(q)
		if err != nil {
			return nil, err
		}
		judgements = append(judgements, beside...)
	}
	numbers, err := c.judge()
	return append(judgements, numbers...), err
}

// stated joins what the settings of our measurements say, each once.
func (c comparison) stated(of func(claim.Setting) string) string {
	var all []string
	for _, m := range c.measured {
		if text := of(m.Setting); text != "" && !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return strings.Join(all, "; ")
}

func modelOf(s claim.Setting) string { return s.Model }
