package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"noisebook/pkg/track"
	"noisebook/pkg/track/index"
)

// openRun opens the store and finds a run in it by its id or by the beginning of one.
func openRun(id string) (*track.Store, track.Run, error) {
	store, err := track.Open("")
	if err != nil {
		return nil, track.Run{}, err
	}
	run, err := store.Run(id)
	return store, run, err
}

func newShowCommand() *cobra.Command {
	var asJSON bool
	var tail int
	cmd := &cobra.Command{
		Use:     "show RUN",
		Short:   "Show a run: params, tags, parts, provenance, metrics, artifacts and the end of its journal",
		Long:    "Show a run by its id or by a beginning of it that no other run has.",
		Example: "  noisebook show 4k2m\n  noisebook show 4k2m --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			store, run, err := openRun(args[0])
			if err != nil {
				return err
			}
			children, err := childrenOf(cmd, store, run.ID)
			if err != nil {
				return err
			}
			if asJSON {
				return writeRunJSON(cmd.OutOrStdout(), run, children)
			}
			return printRun(cmd.OutOrStdout(), store, run, children, tail)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the run, its result and artifacts as JSON")
	cmd.Flags().IntVar(&tail, "tail", 10, "how many of the last journal events to show")
	return cmd
}

// childrenOf lists the runs that are parts of another, the oldest first.
func childrenOf(cmd *cobra.Command, store *track.Store, id string) ([]*index.Entry, error) {
	x := openIndex(cmd.Context(), cmd.ErrOrStderr(), store)
	defer x.Close()
	entries, err := x.Entries(cmd.Context())
	if err != nil {
		return nil, err
	}
	entries = slices.DeleteFunc(entries, func(e *index.Entry) bool { return e.Parent != id })
	slices.Reverse(entries)
	return entries, nil
}

func writeRunJSON(w io.Writer, run track.Run, children []*index.Entry) error {
	full := struct {
		track.Run
		Children  []string         `json:"children,omitempty"`
		Result    json.RawMessage  `json:"result,omitempty"`
		Artifacts []track.Artifact `json:"artifacts,omitempty"`
	}{Run: run}
	for _, child := range children {
		full.Children = append(full.Children, child.ID)
	}
	var err error
	if run.State == track.Finished && run.Kind == track.KindStage {
		full.Result, full.Artifacts, err = run.Result()
	} else {
		var journal track.Journal
		journal, err = run.Journal()
		full.Artifacts = artifactsOf(run, journal)
	}
	if err != nil {
		return err
	}
	return writeJSON(w, full)
}

// shownChildren is how many parts of a run are listed by name.
const shownChildren = 20

func printRun(w io.Writer, store *track.Store, run track.Run, children []*index.Entry, tail int) error {
	fmt.Fprintf(w, "run       %s\nkind      %s\n", run.ID, run.Kind)
	if run.Name != "" {
		fmt.Fprintf(w, "name      %s\n", run.Name)
	}
	if run.Stage != "" {
		fmt.Fprintf(w, "stage     %s (version %d)\n", run.Stage, run.Version)
	}
	fmt.Fprintf(w, "state     %s\n", stateText(run))
	if run.Error != "" {
		fmt.Fprintf(w, "error     %s\n", run.Error)
	}
	fmt.Fprintf(w, "started   %s, took %s", run.Started.Local().Format(time.DateTime), track.ShortDuration(run.Duration()))
	if run.Attempts > 1 {
		fmt.Fprintf(w, " in %d attempts", run.Attempts)
	}
	fmt.Fprintln(w)
	if run.Launch != nil {
		fmt.Fprintf(w, "command   noisebook %s\n", strings.Join(run.Launch.Args, " "))
	}
	if run.Key != "" {
		fmt.Fprintf(w, "key       %s\n", run.Key)
	}
	for _, in := range run.Inputs {
		fmt.Fprintf(w, "input     %s %.12s", in.Name, in.Hash)
		if in.Run != "" {
			fmt.Fprintf(w, " (run %s)", in.Run)
		}
		fmt.Fprintln(w)
	}
	for _, name := range slices.Sorted(maps.Keys(run.Tags)) {
		fmt.Fprintf(w, "tag       %s=%s\n", name, run.Tags[name])
	}
	printFamily(w, store, run, children)

	fmt.Fprintln(w, "\nparams")
	for _, name := range slices.Sorted(maps.Keys(run.Params)) {
		fmt.Fprintf(w, "  %s=%s\n", name, cellText(run.Params[name]))
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

// printFamily names the runs that belong to a run: what it is a part of, what
// it is made of and the stages that it asked for.
func printFamily(w io.Writer, store *track.Store, run track.Run, children []*index.Entry) {
	if run.Parent != "" {
		if parent, err := store.Run(run.Parent); err == nil {
			fmt.Fprintf(w, "parent    %s %s %s\n", parent.ID, parent.Kind, parent.Title())
		} else {
			fmt.Fprintf(w, "parent    %s (not in this store)\n", run.Parent)
		}
	}
	for _, child := range children[:min(shownChildren, len(children))] {
		fmt.Fprintf(w, "child     %s %s %s %s\n", child.ID, child.Kind, child.Title(), child.State)
	}
	if more := len(children) - shownChildren; more > 0 {
		fmt.Fprintf(w, "          and %d more: noisebook runs --filter 'parent == %q'\n", more, run.ID)
	}
	for _, use := range run.Uses {
		verb := "computed"
		if use.Cached {
			verb = "from the store"
		}
		fmt.Fprintf(w, "uses      %s (run %s), %s\n", use.Stage, use.Run, verb)
	}
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
	line("notebook", p.Notebook)
	if p.Cell != nil {
		line("cell", fmt.Sprintf("%d bytes, artifact %.12s", p.Cell.Bytes, p.Cell.SHA256))
	}
	for _, module := range slices.Sorted(maps.Keys(p.Workspace)) {
		line("workspace", module+" "+p.Workspace[module])
	}
	for _, name := range slices.Sorted(maps.Keys(p.Variables)) {
		line("variable", name+"="+p.Variables[name])
	}
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
	if run.Kind == track.KindStage && (run.State == track.Interrupted || run.State == track.Crashed) {
		return string(run.State) + " (the same call resumes it)"
	}
	return string(run.State)
}
