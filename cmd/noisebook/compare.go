package main

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"noisebook/pkg/atomicfile"
	"noisebook/pkg/figure"
	"noisebook/pkg/track"
	"noisebook/pkg/track/compare"
	"noisebook/pkg/track/compare/page"
	"noisebook/pkg/track/index"
	"noisebook/pkg/track/query"
)

// compareOptions are the flags of compare.
type compareOptions struct {
	compare.Options
	curves   compare.CurveOptions
	filter   string
	by       string
	parallel bool
	asJSON   bool
	output   string
}

func newCompareCommand() *cobra.Command {
	var o compareOptions
	command := &cobra.Command{
		Use:   "compare RUN…",
		Short: "Set runs side by side: what differs in them, their metrics and curves",
		Long: "Prints the params that differ, each metric's last and best value with its distance from the first run, and what\n" +
			"differs in code, data, environment and inputs. A sweep stands for its members, and a job's metrics include those\n" +
			"of its stages, as STAGE.METRIC. More than four runs have a row each.\n\n" +
			"With -o it also draws: FILE.html is one page with tables, curves and, where params differ, parallel coordinates;\n" +
			"FILE.png and FILE.svg hold the curves or, with --parallel, the parallel coordinates.",
		Example: "  noisebook compare 4k2m 9x0c\n" +
			"  noisebook compare 4k2m 9x0c --metric joint/train.loss --log -o loss.png\n" +
			"  noisebook compare --filter 'stage == \"joint/train\" && state == \"finished\"' --json\n" +
			"  noisebook compare SWEEP --metric fid -o sweep.html",
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	flags := command.Flags()
	flags.StringArrayVar(&o.Metrics, "metric", nil, "compare this `metric` only; repeatable, the first colours parallel coordinates")
	flags.StringVar(&o.filter, "filter", "", "compare the runs that fit this `expression`, as noisebook runs --filter lists them, the oldest first")
	flags.BoolVar(&o.All, "all", false, "also show what is the same in every run, and metrics of the system")
	flags.BoolVar(&o.asJSON, "json", false, "write the comparison as JSON")
	flags.StringVarP(&o.output, "output", "o", "", "draw into this `file`: .html, .svg or .png")
	flags.BoolVar(&o.curves.Log, "log", false, "space the values of curves by ratio")
	flags.StringVar(&o.by, "by", "step", "draw curves over `step` or time")
	flags.BoolVar(&o.parallel, "parallel", false, "draw parallel coordinates instead of curves")
	return command
}

func (o *compareOptions) run(cmd *cobra.Command, args []string) error {
	ending := strings.ToLower(filepath.Ext(o.output))
	switch {
	case o.output != "" && !slices.Contains([]string{".html", ".svg", ".png"}, ending):
		return fmt.Errorf("-o %s: the file's name must end in .html, .svg or .png", o.output)
	case o.by != "step" && o.by != "time":
		return fmt.Errorf("--by is %q: it must be step or time", o.by)
	case o.parallel && o.output == "":
		return errors.New("--parallel draws into a file: name it with -o")
	case len(args) == 0 && o.filter == "":
		return errors.New("name two or more runs, or a sweep: noisebook runs lists them")
	}
	o.curves.Time = o.by == "time"
	store, err := track.Open("")
	if err != nil {
		return err
	}
	runs, err := o.runs(cmd, store, args)
	if err != nil {
		return err
	}
	c, err := compare.New(store, runs, o.Options)
	if err != nil {
		return err
	}
	if o.asJSON {
		err = writeJSON(cmd.OutOrStdout(), c)
	} else {
		err = c.WriteText(cmd.OutOrStdout())
	}
	if err != nil || o.output == "" {
		return err
	}
	content, err := o.draw(c, ending)
	if err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(o.output, content); err != nil {
		return fmt.Errorf("write %s: %w", o.output, err)
	}
	_, err = fmt.Fprintln(cmd.ErrOrStderr(), "wrote "+o.output)
	return err
}

// runs are those that are named, then those that fit the filter.
func (o *compareOptions) runs(cmd *cobra.Command, store *track.Store, args []string) ([]track.Run, error) {
	var runs []track.Run
	for _, id := range args {
		run, err := store.Run(id)
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	if o.filter == "" {
		return runs, nil
	}
	x := index.Open(cmd.Context(), store, func(warning string) { fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+warning) })
	defer x.Close()
	found, err := query.Run(cmd.Context(), x, query.Query{Filter: o.filter, Sort: []string{"started"}})
	if err != nil {
		return nil, err
	}
	for _, row := range found.Rows {
		if slices.ContainsFunc(runs, func(r track.Run) bool { return r.ID == row.ID }) {
			continue
		}
		run, err := store.Run(row.ID)
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	if len(found.Rows) == 0 {
		return nil, fmt.Errorf("no run fits the filter %s", o.filter)
	}
	return runs, nil
}

func (o *compareOptions) draw(c *compare.Comparison, ending string) ([]byte, error) {
	if ending == ".html" {
		var out bytes.Buffer
		err := page.Write(&out, c, o.curves, o.Metrics...)
		return out.Bytes(), err
	}
	var drawn *figure.Figure
	var err error
	if o.parallel {
		drawn, err = c.Parallel()
	} else {
		drawn, err = c.Curves(o.curves, o.Metrics...)
	}
	if err != nil {
		return nil, err
	}
	if ending == ".svg" {
		return drawn.SVG, nil
	}
	return drawn.PNG, nil
}
