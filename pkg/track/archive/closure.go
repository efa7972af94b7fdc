package archive

import (
	"errors"
	"fmt"
	"sync"

	"noisebook/pkg/track"
)

// closure finds the named runs and, when asked, all that they depend on: those
// named first, each once.
func closure(store *track.Store, ids []string, dependencies bool) (runs []track.Run, messages []string, err error) {
	if len(ids) == 0 {
		return nil, nil, errors.New("no run is named")
	}
	seen := map[string]bool{}
	add := func(run track.Run) {
		if !seen[run.ID] {
			seen[run.ID] = true
			runs = append(runs, run)
		}
	}
	for _, id := range ids {
		run, err := store.Run(id)
		if err != nil {
			return nil, nil, err
		}
		if run.State == track.Unreadable {
			return nil, nil, fmt.Errorf("run %s cannot be exported: %s", run.ID, run.Error)
		}
		add(run)
	}
	if !dependencies {
		return runs, nil, nil
	}
	parts := sync.OnceValues(func() (map[string][]track.Run, error) { return runsByParent(store) })
	missing := map[string]bool{}
	for i := 0; i < len(runs); i++ { // grows while it is walked
		run := runs[i]
		if run.Kind != track.KindStage { // which is no parent: most exports need not read the whole store
			children, err := parts()
			if err != nil {
				return nil, nil, err
			}
			for _, child := range children[run.ID] {
				add(child)
			}
		}
		for _, id := range needs(run) {
			if seen[id] || missing[id] {
				continue
			}
			needed, err := store.Run(id)
			if err != nil || needed.ID != id || needed.State == track.Unreadable {
				missing[id] = true
				messages = append(messages, fmt.Sprintf("run %s, which run %s depends on, is not in the store", id, run.ID))
				continue
			}
			add(needed)
		}
	}
	return runs, messages, nil
}

// needs lists the runs that made a run's inputs and those that it used.
func needs(run track.Run) []string {
	var ids []string
	for _, in := range run.Inputs {
		if in.Run != "" {
			ids = append(ids, in.Run)
		}
	}
	for _, use := range run.Uses {
		ids = append(ids, use.Run)
	}
	return ids
}

func runsByParent(store *track.Store) (map[string][]track.Run, error) {
	runs, err := store.Runs()
	if err != nil {
		return nil, err
	}
	children := map[string][]track.Run{}
	for _, run := range runs {
		if run.Parent != "" && run.State != track.Unreadable {
			children[run.Parent] = append(children[run.Parent], run)
		}
	}
	return children, nil
}
