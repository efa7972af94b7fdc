package mlflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"noisebook/pkg/track"
)

// runExport is the export of one run under way.
type runExport struct {
	*Exporter
	local  track.Run
	cursor *cursor
	there  *remoteRun
	sent   Sent
	report func(Sent)
	held   map[string]map[point]bool // what the server has of a metric, where that had to be asked
	failed []error                   // artifacts that could not be sent; the rest goes on
}

// point identifies a value of a metric. MLflow keeps milliseconds and has no
// infinities.
type point struct {
	timestamp, step int64
	bits            uint64
}

func pointOf(m metric) point {
	v := float64(m.Value)
	switch {
	case math.IsNaN(v):
		v = math.NaN() // of the many, one
	case math.IsInf(v, 1):
		v = math.MaxFloat64
	case math.IsInf(v, -1):
		v = -math.MaxFloat64
	case v == 0:
		v = 0 // databases drop the sign
	}
	return point{timestamp: m.Timestamp, step: m.Step, bits: math.Float64bits(v)}
}

func (e *Exporter) exportRun(ctx context.Context, run track.Run, report func(Sent)) (sent Sent, err error) {
	sent = Sent{Run: run.ID, Title: run.Title()}
	if run.State == track.Unreadable {
		return sent, errors.New(run.Error)
	}
	cursor, release, err := openCursor(e.folder, e.client.base, run.ID)
	if err != nil {
		return sent, err
	}
	defer release()
	x := &runExport{Exporter: e, local: run, cursor: cursor, sent: sent, report: report, held: map[string]map[point]bool{}}
	if err := x.open(ctx); err != nil {
		return sent, err
	}
	x.sent.Remote = cursor.Run
	err = x.send(ctx)
	if saved := cursor.save(); err == nil {
		err = saved
	}
	if err == nil {
		err = errors.Join(x.failed...)
	}
	return x.sent, err
}

// open finds the run on the server or makes it there.
func (x *runExport) open(ctx context.Context) (err error) {
	if x.cursor.Run != "" {
		if x.there, err = x.client.run(ctx, x.cursor.Run); err != nil {
			return err
		}
		if x.there != nil {
			if x.there.Info.Lifecycle == "deleted" {
				return fmt.Errorf("it was deleted on the MLflow server: restore run %s there, or remove %s to export it anew", x.cursor.Run, x.cursor.path)
			}
			return nil
		}
		x.cursor.reset() // the server lost it, or another one has its address
	}
	experiment, err := x.experiment(ctx)
	if err != nil {
		return err
	}
	if x.there, err = x.client.findRun(ctx, experiment, runTag, x.local.ID); err != nil {
		return err
	}
	if x.there != nil {
		return x.cursor.begin(x.there.Info.ID, true)
	}
	x.there, err = x.client.createRun(ctx, experiment, runName(x.local), x.local.Started.UnixMilli(), pair{runTag, x.local.ID})
	if err != nil {
		return err
	}
	return x.cursor.begin(x.there.Info.ID, false)
}

func (x *runExport) experiment(ctx context.Context) (string, error) {
	name := x.options.Experiment
	if name == "" {
		name = ExperimentOf(x.root(x.local))
	}
	if id, ok := x.experiments[name]; ok {
		return id, nil
	}
	id, err := x.client.experiment(ctx, name)
	if err == nil {
		x.experiments[name] = id
	}
	return id, err
}

// send brings the run on the server up to date. Its state comes last, so that a
// run which is finished there is whole.
func (x *runExport) send(ctx context.Context) error {
	if err := x.sendSettings(ctx); err != nil {
		return err
	}
	attempts, attached, err := x.store.JournalFiles(x.local.ID)
	if err != nil {
		return err
	}
	notes := len(x.cursor.Notes)
	if x.cursor.Verify {
		notes = -1
	}
	for _, name := range append(attempts, attached...) {
		at := x.cursor.journal(name)
		err := segments(filepath.Join(x.store.RunDir(x.local.ID), name), at.Done, func(s segment) error { return x.sendSegment(ctx, at, s) })
		if err != nil {
			return err
		}
	}
	if len(x.cursor.Notes) != notes && len(x.cursor.Notes) > 0 {
		text := cutValue(strings.Join(x.cursor.Notes, "\n\n"), tagLimit)
		if err := x.logBatch(ctx, nil, nil, []pair{{"mlflow.note.content", text}}); err != nil {
			return err
		}
	}
	if err := x.sendArtifacts(ctx); err != nil {
		return err
	}
	x.cursor.verified()
	return x.sendState(ctx)
}

// sendSettings sends the params and tags that differ.
func (x *runExport) sendSettings(ctx context.Context) error {
	parent := ""
	if run, ok := x.parent(x.local); ok {
		if c, err := readCursor(x.folder, run.ID); err == nil {
			parent = c.Run
		}
	}
	tags := describeTags(x.local, parent)
	params, changed := changes(describeParams(x.local), tags, x.there)
	for batch := range batches(params, paramsPerCall) {
		if err := x.logBatch(ctx, nil, batch, nil); err != nil {
			return err
		}
	}
	for batch := range batches(changed, tagsPerCall) {
		if err := x.logBatch(ctx, nil, nil, batch); err != nil {
			return err
		}
	}
	var users []string
	for name := range x.local.Tags {
		users = append(users, validName(name))
	}
	slices.Sort(users)
	for _, name := range x.cursor.Tags {
		if _, wanted := tags[name]; wanted {
			continue
		}
		err := x.client.call(ctx, http.MethodPost, "mlflow/runs/delete-tag", map[string]string{"run_id": x.cursor.Run, "key": name}, nil)
		if err != nil && !hasCode(err, "RESOURCE_DOES_NOT_EXIST") {
			return err
		}
	}
	x.cursor.Tags = users
	x.sent.Params += len(params)
	x.sent.Tags += len(changed)
	return nil
}

// batches cuts pairs into pieces of at most n and of less than a request's bytes.
func batches(pairs []pair, n int) func(yield func([]pair) bool) {
	return func(yield func([]pair) bool) {
		start, size := 0, 0
		for i, p := range pairs {
			data, _ := json.Marshal(p)
			if i > start && (i-start == n || size+len(data) > bodyLimit-1024) {
				if !yield(pairs[start:i]) {
					return
				}
				start, size = i, 0
			}
			size += len(data) + 1
		}
		if start < len(pairs) {
			yield(pairs[start:])
		}
	}
}

// batch is the body of log-batch.
type batch struct {
	Run     string   `json:"run_id"`
	Metrics []metric `json:"metrics,omitempty"`
	Params  []pair   `json:"params,omitempty"`
	Tags    []pair   `json:"tags,omitempty"`
}

func (x *runExport) logBatch(ctx context.Context, metrics []metric, params, tags []pair) error {
	return x.client.call(ctx, http.MethodPost, "mlflow/runs/log-batch", batch{x.cursor.Run, metrics, params, tags}, nil)
}

// sendSegment sends a piece of a journal and moves the position behind it.
func (x *runExport) sendSegment(ctx context.Context, at *position, s segment) error {
	if len(s.points) > 0 {
		unsure := s.from < at.Sent
		at.Sent = max(at.Sent, s.to)
		if err := x.cursor.save(); err != nil {
			return err
		}
		for points := range slices.Chunk(s.points, metricsPerCall) {
			if err := x.sendPoints(ctx, points, unsure); err != nil {
				return err
			}
		}
	}
	var notes []string
	for _, event := range s.others {
		switch {
		case event.Type == track.EventNote && event.Text != "":
			notes = append(notes, event.Text)
		case event.Dataset != nil:
			if err := x.sendDataset(ctx, *event.Dataset); err != nil {
				return err
			}
		case event.Artifact != nil:
			if err := x.sendArtifact(ctx, artifact{x.placeFor(event), *event.Artifact}); err != nil {
				return err
			}
		}
	}
	x.cursor.Notes = append(x.cursor.Notes, notes...) // with the position, so that none comes twice
	if at.Done = s.to; at.Done >= at.Sent {
		at.Sent = 0
	}
	return nil
}

// sendPoints sends points once. When an answer is lost it asks what the server
// has before it sends them again: not every server drops what it has already.
func (x *runExport) sendPoints(ctx context.Context, points []metric, unsure bool) error {
	left := points
	err := x.client.retry(ctx, func(again bool) error {
		if again {
			for _, p := range points { // what was asked before is out of date
				delete(x.held, p.Key)
			}
		}
		if again || unsure {
			var err error
			if left, err = x.missing(ctx, points); err != nil || len(left) == 0 {
				return err
			}
		}
		return x.client.once(ctx, http.MethodPost, "mlflow/runs/log-batch", batch{Run: x.cursor.Run, Metrics: left}, nil)
	})
	if err != nil {
		return err
	}
	x.sent.Points += len(left)
	x.report(x.sent)
	return nil
}

// missing are the points that the server does not have.
func (x *runExport) missing(ctx context.Context, points []metric) ([]metric, error) {
	var left []metric
	for _, p := range points {
		held, asked := x.held[p.Key]
		if !asked {
			held = map[point]bool{}
			err := x.client.history(ctx, x.cursor.Run, p.Key, func(m metric) { held[pointOf(m)] = true })
			if err != nil {
				return nil, err
			}
			x.held[p.Key] = held
		}
		if !held[pointOf(p)] {
			left = append(left, p)
		}
	}
	return left, nil
}

// sendState sets status and end.
func (x *runExport) sendState(ctx context.Context) error {
	status, end := statusOf(x.local.State), int64(0)
	if !x.local.Ended.IsZero() && status != "RUNNING" && status != "SCHEDULED" {
		end = x.local.Ended.UnixMilli()
	}
	if x.there.Info.Status == status && x.there.Info.EndTime == end {
		return nil
	}
	update := map[string]any{"run_id": x.cursor.Run, "status": status}
	if end != 0 {
		update["end_time"] = end
	}
	return x.client.call(ctx, http.MethodPost, "mlflow/runs/update", update, nil)
}
