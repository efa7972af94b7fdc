package mlflow

import (
	"context"
	"errors"
	"fmt"

	"noisebook/pkg/track"
)

// Options say where runs go to.
type Options struct {
	URL         string // of the server, such as http://127.0.0.1:5000
	Credentials Credentials
	Experiment  string          // empty: that of each run's kind, see [ExperimentOf]
	NoArtifacts bool            // send params, tags and metrics alone; a later export sends the rest
	Progress    func(Sent, int) // hears what was sent of a run so far and how many runs are still to come
}

// Sent is what an export of a run sent. What the server had already is not
// counted.
type Sent struct {
	Run       string // id in the store
	Title     string
	Remote    string // MLflow's id
	Points    int
	Params    int
	Tags      int
	Artifacts int
	Bytes     int64 // of the artifacts
}

// Exporter sends a store's runs to an MLflow tracking server.
type Exporter struct {
	store       *track.Store
	client      *client
	options     Options
	folder      string               // of the cursors
	experiments map[string]string    // name → id
	known       map[string]track.Run // by id; without one where a parent is not in the store
}

// New checks the options. It does not talk to the server.
func New(store *track.Store, options Options) (*Exporter, error) {
	client, err := newClient(options.URL, options.Credentials)
	if err != nil {
		return nil, err
	}
	return &Exporter{
		store: store, client: client, options: options, folder: cursorFolder(store, client.base),
		experiments: map[string]string{}, known: map[string]track.Run{},
	}, nil
}

// Server is the address without credentials.
func (e *Exporter) Server() string { return e.client.base }

// RunError is why a run could not be exported, or not all of it.
type RunError struct {
	Run string
	Err error
}

func (e *RunError) Error() string { return fmt.Sprintf("run %s: %v", e.Run, e.Err) }
func (e *RunError) Unwrap() error { return e.Err }

// Export sends what the server does not have yet of the runs, as they were read,
// and of the runs that they are a part of. It may be called again at any time: after an
// interruption, for a run that has gone on since, from another process.
//
// A run that cannot be exported does not keep the others back; the error then
// says how many there were and why the first one failed. A server that cannot be
// reached ends the export.
func (e *Exporter) Export(ctx context.Context, runs []track.Run) ([]Sent, error) {
	runs = e.withParents(runs)
	var all []Sent
	var failed []*RunError
	for i, run := range runs {
		report := func(s Sent) {
			if e.options.Progress != nil {
				e.options.Progress(s, len(runs)-i-1)
			}
		}
		sent, err := e.exportRun(ctx, run, report)
		if sent.Remote != "" {
			all = append(all, sent)
		}
		switch {
		case err == nil:
			report(sent)
		case endsExport(err) || ctx.Err() != nil:
			return all, err
		default:
			failed = append(failed, &RunError{Run: run.ID, Err: err})
		}
	}
	switch len(failed) {
	case 0:
		return all, nil
	case 1:
		return all, failed[0]
	}
	return all, fmt.Errorf("%d of %d runs were not exported whole; the first: %w", len(failed), len(runs), failed[0])
}

// endsExport says that the next run would meet the same.
func endsExport(err error) bool {
	var network *networkError
	var api *apiError
	switch {
	case errors.As(err, &network):
		return true
	case errors.As(err, &api):
		return api.Status == 401 || api.Status == 403 || api.Status >= 500 || api.Status == 429
	}
	var server *serverError
	return errors.As(err, &server)
}

// withParents puts before each run those that it is a part of: MLflow nests a
// run under one that exists.
func (e *Exporter) withParents(runs []track.Run) []track.Run {
	for _, run := range runs {
		e.known[run.ID] = run
	}
	var order []track.Run
	placed := map[string]bool{}
	var place func(run track.Run)
	place = func(run track.Run) {
		if placed[run.ID] {
			return
		}
		placed[run.ID] = true
		if parent, ok := e.parent(run); ok {
			place(parent)
		}
		order = append(order, run)
	}
	for _, run := range runs {
		place(run)
	}
	return order
}

// parent is the run that this one is a part of. One that was deleted leaves its
// parts to stand alone.
func (e *Exporter) parent(run track.Run) (track.Run, bool) {
	if run.Parent == "" {
		return track.Run{}, false
	}
	parent, ok := e.known[run.Parent]
	if !ok {
		var err error
		if parent, err = e.store.Run(run.Parent); err != nil {
			parent = track.Run{}
		}
		e.known[run.Parent] = parent
	}
	return parent, parent.ID != "" && parent.State != track.Unreadable
}

// root is the outermost run that this one is a part of.
func (e *Exporter) root(run track.Run) track.Run {
	seen := map[string]bool{}
	for !seen[run.ID] {
		seen[run.ID] = true
		if parent, ok := e.parent(run); ok {
			run = parent
		}
	}
	return run
}
