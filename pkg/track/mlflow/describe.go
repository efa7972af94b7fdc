package mlflow

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"noisebook/pkg/track"
)

// runTag bears the id of the run in the store; the export finds its run by it.
const runTag = "noisebook.run"

// ExperimentOf is the experiment that a run goes to unless one is named: of a
// stage its name, such as joint/train, of a job or a sweep what it runs, such as
// joint/alpha-sweep, of another run the part of its name before the last slash or
// else "noisebook". A part goes where the whole goes, so that MLflow nests it.
func ExperimentOf(root track.Run) string {
	switch root.Kind {
	case track.KindStage:
		return root.Stage
	case track.KindJob, track.KindSweep:
		if root.Launch != nil && len(root.Launch.Args) > 1 && !strings.HasPrefix(root.Launch.Args[1], "-") {
			return root.Launch.Args[1]
		}
	}
	if folder := path.Dir(root.Name); folder != "." && folder != "/" {
		return folder
	}
	return "noisebook"
}

// statusOf is MLflow's word for a state.
func statusOf(state track.State) string {
	switch state {
	case track.Finished:
		return "FINISHED"
	case track.Interrupted:
		return "KILLED"
	case track.Failed, track.Crashed:
		return "FAILED"
	case track.Pending:
		return "SCHEDULED"
	}
	return "RUNNING"
}

// runName is what MLflow's lists show.
func runName(run track.Run) string {
	if run.Name != "" {
		return run.Name
	}
	return run.Title() + " " + run.ID
}

// describeTags are the tags that a run has on the server: those of the user, then
// what identifies it, which wins.
func describeTags(run track.Run, parent string) map[string]string {
	tags := map[string]string{}
	set := func(name, value string) {
		if value != "" {
			tags[name] = cutValue(value, tagLimit)
		}
	}
	for name, value := range run.Tags {
		set(validName(name), value)
	}
	p := run.Provenance
	for name, value := range p.Environment {
		set(validName("noisebook."+name), value)
	}
	set(runTag, run.ID)
	set("noisebook.kind", string(run.Kind))
	set("noisebook.stage", run.Stage)
	set("noisebook.key", run.Key)
	if run.Stage != "" {
		set("noisebook.version", strconv.Itoa(run.Version))
	}
	set("noisebook.parent", run.Parent)
	set("noisebook.state", string(run.State))
	set("noisebook.error", run.Error)
	set("noisebook.commit", p.ShortCommit())
	set("noisebook.code_hash", p.CodeHash)
	set("noisebook.go", strings.TrimSpace(p.Go+" "+p.Platform))
	if run.Attempts > 1 {
		set("noisebook.attempts", strconv.Itoa(run.Attempts))
	}
	if run.Dropped > 0 {
		set("noisebook.dropped", strconv.FormatInt(run.Dropped, 10))
	}
	set("mlflow.runName", runName(run))
	set("mlflow.source.type", "LOCAL")
	set("mlflow.source.name", strings.Join(p.Command, " "))
	set("mlflow.source.git.commit", p.Commit)
	set("mlflow.parentRunId", parent)
	return tags
}

// describeParams are a run's params as MLflow takes them.
func describeParams(run track.Run) map[string]string {
	params := map[string]string{}
	for name, value := range run.Params {
		params[validName(name)] = cutValue(paramText(value), paramLimit)
	}
	return params
}

func paramText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case []any, nil:
		if data, err := json.Marshal(v); err == nil {
			return string(data)
		}
	}
	return fmt.Sprint(value)
}

// changes are the params and tags that the server does not have yet. MLflow's
// params cannot be changed: a new value becomes a tag.
func changes(wantParams, wantTags map[string]string, there *remoteRun) (params, tags []pair) {
	known := func(pairs []pair) map[string]string {
		values := map[string]string{}
		for _, p := range pairs {
			values[p.Key] = p.Value
		}
		return values
	}
	thereParams, thereTags := known(there.Data.Params), known(there.Data.Tags)
	for name, value := range wantParams {
		switch old, logged := thereParams[name]; {
		case !logged:
			params = append(params, pair{name, value})
		case old != value:
			wantTags[validName("noisebook.param."+name)] = value
		}
	}
	for name, value := range wantTags {
		if old, ok := thereTags[name]; !ok || old != value {
			tags = append(tags, pair{name, value})
		}
	}
	byKey := func(a, b pair) int { return strings.Compare(a.Key, b.Key) }
	slices.SortFunc(params, byKey)
	slices.SortFunc(tags, byKey)
	return params, tags
}
