package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"noisebook/pkg/track"
)

func newRunsCommand() *cobra.Command {
	var asJSON bool
	var limit int
	var stage string
	cmd := &cobra.Command{
		Use:     "runs",
		Short:   "List the runs of the store, the newest first",
		Example: "  noisebook runs\n  noisebook runs --stage joint/train --limit 5\n  noisebook runs --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, err := track.Open("")
			if err != nil {
				return err
			}
			runs, err := store.Runs()
			if err != nil {
				return err
			}
			if stage != "" {
				runs = slices.DeleteFunc(runs, func(r track.Run) bool { return r.Stage != stage })
			}
			if limit > 0 && len(runs) > limit {
				runs = runs[:limit]
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), runs)
			}
			return printRuns(cmd.OutOrStdout(), runs)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write all fields as JSON")
	cmd.Flags().IntVar(&limit, "limit", 0, "list at most this many runs; 0 lists all")
	cmd.Flags().StringVar(&stage, "stage", "", "list the runs of this stage only")
	cmd.AddCommand(newRunsRmCommand(), newRunsRestoreCommand(), newRunsGCCommand())
	return cmd
}

func newShowCommand() *cobra.Command {
	var asJSON bool
	var tail int
	cmd := &cobra.Command{
		Use:     "show RUN",
		Short:   "Show a run: config, provenance, metrics, artifacts and the end of its journal",
		Long:    "Show a run by its id or by a beginning of it that no other run has.",
		Example: "  noisebook show 4k2m\n  noisebook show 4k2m --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := track.Open("")
			if err != nil {
				return err
			}
			run, err := store.Run(args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return writeRunJSON(cmd.OutOrStdout(), run)
			}
			return printRun(cmd.OutOrStdout(), store, run, tail)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the run, its result and artifacts as JSON")
	cmd.Flags().IntVar(&tail, "tail", 10, "how many of the last journal events to show")
	return cmd
}

func writeRunJSON(w io.Writer, run track.Run) error {
	full := struct {
		track.Run
		Result    json.RawMessage  `json:"result,omitempty"`
		Artifacts []track.Artifact `json:"artifacts,omitempty"`
	}{Run: run}
	if run.State == track.Finished {
		var err error
		if full.Result, full.Artifacts, err = run.Result(); err != nil {
			return err
		}
	}
	return writeJSON(w, full)
}

func printRuns(w io.Writer, runs []track.Run) error {
	if len(runs) == 0 {
		_, err := fmt.Fprintln(w, "no runs yet")
		return err
	}
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "run\tstage\tstate\tstarted\tduration\tconfig\tlast metrics")
	for _, run := range runs {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", run.ID, run.Stage, run.State,
			run.Started.Local().Format("2006-01-02 15:04"), durationText(run.Duration()),
			shorten(configSummary(run.Config), 48), shorten(metricSummary(run.Last), 48))
	}
	return tw.Flush()
}

func printRun(w io.Writer, store *track.Store, run track.Run, tail int) error {
	fmt.Fprintf(w, "run       %s\nstage     %s (version %d)\nstate     %s\n", run.ID, run.Stage, run.Version, stateText(run))
	if run.Error != "" {
		fmt.Fprintf(w, "error     %s\n", run.Error)
	}
	fmt.Fprintf(w, "started   %s, took %s", run.Started.Local().Format(time.DateTime), durationText(run.Duration()))
	if run.Attempts > 1 {
		fmt.Fprintf(w, " in %d attempts", run.Attempts)
	}
	fmt.Fprintf(w, "\nkey       %s\n", run.Key)
	for _, in := range run.Inputs {
		fmt.Fprintf(w, "input     %s %.12s", in.Name, in.Hash)
		if in.Run != "" {
			fmt.Fprintf(w, " (run %s)", in.Run)
		}
		fmt.Fprintln(w)
	}

	fmt.Fprintln(w, "\nconfig")
	for _, line := range flatten(run.Config) {
		fmt.Fprintf(w, "  %s\n", line)
	}

	journal, err := run.Journal()
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "\nprovenance")
	printProvenance(w, run.Provenance, journal)

	fmt.Fprintln(w, "\nmetrics (last values)")
	for _, name := range slices.Sorted(maps.Keys(run.Last)) {
		fmt.Fprintf(w, "  %s = %s at step %d\n", name, numberText(run.Last[name].Value), run.Last[name].Step)
	}
	if run.Dropped > 0 {
		fmt.Fprintf(w, "  %d events were dropped because the disk could not keep up\n", run.Dropped)
	}

	fmt.Fprintln(w, "\nartifacts")
	for _, artifact := range artifactsOf(run, journal) {
		path, err := store.Path(artifact)
		if err != nil {
			path = err.Error()
		}
		fmt.Fprintf(w, "  %s  %d bytes  %s\n", artifact.Name, artifact.Bytes, path)
	}

	fmt.Fprintln(w, "\njournal")
	if journal.Skipped > 0 {
		fmt.Fprintf(w, "  %d damaged lines were skipped\n", journal.Skipped)
	}
	events := journal.Events
	for _, event := range events[max(0, len(events)-max(0, tail)):] {
		fmt.Fprintf(w, "  %s  %s\n", event.Time.Local().Format("15:04:05.000"), eventText(event))
	}
	return nil
}

func printProvenance(w io.Writer, p track.Provenance, journal track.Journal) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "  %-12s %s\n", name, value)
		}
	}
	line("commit", p.ShortCommit())
	if p.Diff != nil {
		line("diff", fmt.Sprintf("%d bytes, artifact %.12s", p.Diff.Bytes, p.Diff.SHA256))
	}
	line("no diff", p.DiffOmitted)
	line("untracked", strings.Join(p.Untracked, ", "))
	line("command", strings.Join(p.Command, " "))
	line("go", strings.TrimSpace(p.Go+" "+p.Platform))
	line("go.sum", fmt.Sprintf("%.12s", p.GoSum))
	line("host", p.Host)
	for _, module := range slices.Sorted(maps.Keys(p.Modules)) {
		line("module", module+" "+p.Modules[module])
	}
	environment := maps.Clone(p.Environment)
	if environment == nil {
		environment = map[string]string{}
	}
	datasets := map[string]bool{}
	for _, event := range journal.Events { // what became known after the start
		maps.Copy(environment, event.Environment)
		if d := event.Dataset; d != nil {
			datasets[fmt.Sprintf("%s %s %.12s", d.Name, d.Split, d.Checksum)] = true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(environment)) {
		line(key, environment[key])
	}
	for _, text := range slices.Sorted(maps.Keys(datasets)) {
		line("dataset", text)
	}
}

// artifactsOf lists the result's artifacts or, of an unfinished run, those that
// its journal names.
func artifactsOf(run track.Run, journal track.Journal) []track.Artifact {
	if _, artifacts, err := run.Result(); err == nil {
		return artifacts
	}
	var artifacts []track.Artifact
	for _, event := range journal.Events {
		if event.Artifact != nil && !slices.Contains(artifacts, *event.Artifact) {
			artifacts = append(artifacts, *event.Artifact)
		}
	}
	return artifacts
}

func eventText(e track.Event) string {
	switch e.Type {
	case track.EventMetric:
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(e.Values)) {
			parts = append(parts, name+" "+numberText(e.Values[name]))
		}
		return fmt.Sprintf("step %d: %s", e.Step, strings.Join(parts, ", "))
	case track.EventAttempt:
		if e.Attempt != nil {
			return fmt.Sprintf("attempt %d, process %d", e.Attempt.Number, e.Attempt.Process)
		}
	case track.EventArtifact:
		if e.Artifact != nil {
			return fmt.Sprintf("artifact %s (%d bytes)", e.Artifact.Name, e.Artifact.Bytes)
		}
	case track.EventDataset:
		if e.Dataset != nil {
			return fmt.Sprintf("dataset %s %s", e.Dataset.Name, e.Dataset.Split)
		}
	case track.EventEnvironment:
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(e.Environment)) {
			parts = append(parts, key+" "+e.Environment[key])
		}
		return strings.Join(parts, ", ")
	case track.EventParam:
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(e.Params)) {
			parts = append(parts, fmt.Sprintf("%s=%v", name, e.Params[name]))
		}
		return "param " + strings.Join(parts, " ")
	case track.EventTag:
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(e.Tags)) {
			parts = append(parts, name+"="+e.Tags[name])
		}
		return "tag " + strings.Join(parts, " ")
	case track.EventUses:
		if e.Uses != nil {
			verb := "computed by"
			if e.Uses.Cached {
				verb = "cached from"
			}
			return fmt.Sprintf("stage %s, %s run %s", e.Uses.Stage, verb, e.Uses.Run)
		}
	case track.EventAttach:
		if e.Attempt != nil {
			return fmt.Sprintf("attached, process %d", e.Attempt.Process)
		}
	case track.EventState:
		return strings.TrimSuffix(string(e.State)+": "+e.Error, ": ")
	}
	return strings.TrimSpace(string(e.Type) + " " + e.Text)
}

func stateText(run track.Run) string {
	if run.State == track.Interrupted || run.State == track.Crashed {
		return string(run.State) + " (the same call resumes it)"
	}
	return string(run.State)
}

func durationText(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

func numberText(n track.Number) string { return strconv.FormatFloat(float64(n), 'g', 5, 64) }

func metricSummary(last map[string]track.Point) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(last)) {
		parts = append(parts, name+"="+numberText(last[name].Value))
	}
	return strings.Join(parts, " ")
}

func configSummary(config json.RawMessage) string { return strings.Join(flatten(config), " ") }

// flatten writes a config as the overrides that would set it: train.steps=500.
func flatten(config json.RawMessage) []string {
	var value any
	decoder := json.NewDecoder(strings.NewReader(string(config)))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return nil
	}
	var lines []string
	var walk func(path string, value any)
	walk = func(path string, value any) {
		switch v := value.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				walk(strings.TrimPrefix(path+"."+name, "."), v[name])
			}
		case []any:
			parts := make([]string, len(v))
			for i, item := range v {
				parts[i] = itemText(item)
			}
			lines = append(lines, strings.TrimPrefix(path+"="+strings.Join(parts, ","), "="))
		default:
			lines = append(lines, strings.TrimPrefix(fmt.Sprintf("%s=%v", path, v), "="))
		}
	}
	walk("", value)
	return lines
}

// itemText is a list's element; one that is itself structured stays JSON.
func itemText(item any) string {
	switch item.(type) {
	case map[string]any, []any:
		if data, err := json.Marshal(item); err == nil {
			return string(data)
		}
	}
	return fmt.Sprint(item)
}

func shorten(text string, limit int) string {
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit-1]) + "…"
	}
	return text
}
