package joint

import (
	"context"
	"maps"
	"slices"
	"strings"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/track"
)

// conclusion is what a comparison needs to become an artifact.
type conclusion struct {
	id             string
	title, caption string            // of the figure; what makes numbers not comparable is added
	datasets       []string          // ours
	drawn          map[string]string // provenance beside the run, its commit, tier and data; may be nil
	inputs         []track.Input     // what the table rests on
}

// conclude keeps a comparison's table as the result of the artifact's own stage
// and draws it; the verdicts are the caller's.
func conclude[C any](ctx context.Context, store *track.Store, of conclusion, c comparison, config C) (experiments.Outcome, error) {
	t, err := c.table()
	if err != nil {
		return experiments.Outcome{}, err
	}
	result, err := keepTable(ctx, store, of.id, config, t, of.inputs...)
	if err != nil {
		return experiments.Outcome{}, err
	}
	o := experiments.Outcome{ID: of.id, Tier: c.at, Run: result.Run, Cached: result.Cached, Table: result.Value.Table}
	apart, err := c.differences()
	if err != nil {
		return o, err
	}
	ours := claim.Setting{Dataset: strings.Join(of.datasets, ", "), Model: c.stated(func(s claim.Setting) string { return s.Model }),
		Features: c.stated(func(s claim.Setting) string { return s.Features })}
	provenance := map[string]string{"run": result.Run, "commit": result.Provenance.ShortCommit(), "tier": string(c.at), "data": ours.Dataset}
	maps.Copy(provenance, of.drawn)
	drawn, err := drawComparison(o.Table, of.title, strings.TrimSpace(of.caption+" "+apart), provenance)
	if err != nil {
		return o, err
	}
	o.Figures = []experiments.NamedFigure{{Name: of.id, Figure: drawn}}
	o.Report, err = claim.NewReport(of.id, c.at, ours)
	o.Report.Provenance = map[string]string{
		"run": result.Run, "commit": result.Provenance.ShortCommit(), "computed": result.Finished.UTC().Format("2006-01-02 15:04 UTC"),
	}
	return o, err
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
