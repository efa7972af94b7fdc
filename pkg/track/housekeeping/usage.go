package housekeeping

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"noisebook/pkg/track"
)

// Usage is what a store's space is spent on.
type Usage struct {
	Groups  []Group `json:"groups"`  // the largest first
	Shared  Amount  `json:"shared"`  // artifacts that runs of several groups name
	Scratch Amount  `json:"scratch"` // checkpoints of keys
	Trash   Amount  `json:"trash"`   // runs in the trash, with the artifacts that only they name
	Unused  Amount  `json:"unused"`  // artifacts that no run names
	Other   int64   `json:"other"`   // index, hints, locks and temporary files
	Total   int64   `json:"total"`
}

// Group is the runs of one stage, or of one kind when they are no stages.
type Group struct {
	Kind      track.Kind `json:"kind"`
	Stage     string     `json:"stage,omitempty"`
	Runs      int        `json:"runs"`
	Records   int64      `json:"records"`   // run.json, result.json and the like
	Journals  int64      `json:"journals"`  // bytes
	Artifacts Amount     `json:"artifacts"` // that only runs of this group name
	Shared    Amount     `json:"shared"`    // that runs of other groups or of the trash name too
}

// Bytes is what the group alone takes.
func (g Group) Bytes() int64 { return g.Records + g.Journals + g.Artifacts.Bytes }

// Measure reads what every run of the store takes.
func Measure(store *track.Store) (Usage, error) {
	usage, err := measure(store)
	if err != nil {
		return Usage{}, fmt.Errorf("du: %w", err)
	}
	return usage, nil
}

func measure(store *track.Store) (Usage, error) {
	runs, err := store.Runs()
	if err != nil {
		return Usage{}, err
	}
	trashed, err := store.Trashed()
	if err != nil {
		return Usage{}, err
	}
	var usage Usage
	groups := map[Group]*Group{}
	naming := map[string][]*Group{} // hash → the groups whose runs name it
	for _, run := range runs {
		id := Group{Kind: run.Kind, Stage: run.Stage}
		group, ok := groups[id]
		if !ok {
			group = &Group{Kind: run.Kind, Stage: run.Stage}
			groups[id] = group
		}
		group.Runs++
		journals, records, err := runSize(run)
		if err != nil {
			return Usage{}, err
		}
		group.Journals += journals
		group.Records += records
		if err := note(naming, run, group); err != nil {
			return Usage{}, err
		}
	}
	inTrash := &Group{}
	for _, run := range trashed {
		bytes, _, err := sizeOf(run.Dir())
		if err != nil {
			return Usage{}, err
		}
		usage.Trash.add(bytes)
		if err := note(naming, run.Run, inTrash); err != nil {
			return Usage{}, err
		}
	}
	if err := usage.countObjects(store, naming, inTrash); err != nil {
		return Usage{}, err
	}
	if err := usage.countScratch(store); err != nil {
		return Usage{}, err
	}
	for _, group := range groups {
		usage.Groups = append(usage.Groups, *group)
	}
	slices.SortFunc(usage.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Bytes(), a.Bytes()), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Stage, b.Stage))
	})
	if usage.Total, _, err = sizeOf(store.Dir()); err != nil {
		return Usage{}, err
	}
	known := usage.Shared.Bytes + usage.Scratch.Bytes + usage.Trash.Bytes + usage.Unused.Bytes
	for _, group := range usage.Groups {
		known += group.Bytes()
	}
	usage.Other = max(0, usage.Total-known) // the store may have grown meanwhile
	return usage, nil
}

func note(naming map[string][]*Group, run track.Run, group *Group) error {
	sums, err := run.References()
	if err != nil {
		return ignoreGone(err)
	}
	for _, sum := range sums {
		if !slices.Contains(naming[sum], group) {
			naming[sum] = append(naming[sum], group)
		}
	}
	return nil
}

func (u *Usage) countObjects(store *track.Store, naming map[string][]*Group, inTrash *Group) error {
	all, err := objects(store)
	if err != nil {
		return err
	}
	for _, o := range all {
		groups := naming[o.sum]
		switch {
		case len(groups) == 0:
			u.Unused.add(o.bytes)
		case len(groups) == 1 && groups[0] == inTrash:
			u.Trash.Bytes += o.bytes
		case len(groups) == 1:
			groups[0].Artifacts.add(o.bytes)
		default:
			u.Shared.add(o.bytes)
			for _, group := range groups {
				group.Shared.add(o.bytes)
			}
		}
	}
	return nil
}

func (u *Usage) countScratch(store *track.Store) error {
	keys, err := os.ReadDir(filepath.Join(store.Dir(), "keys"))
	if err != nil {
		return ignoreGone(err)
	}
	for _, key := range keys {
		bytes, changed, err := sizeOf(filepath.Join(store.Dir(), "keys", key.Name(), "scratch"))
		if err != nil {
			return err
		}
		if !changed.IsZero() {
			u.Scratch.add(bytes)
		}
	}
	return nil
}

// runSize is the size of a run's journals and of its other files.
func runSize(run track.Run) (journals, records int64, err error) {
	entries, err := os.ReadDir(run.Dir())
	if err != nil {
		return 0, 0, ignoreGone(err)
	}
	for _, entry := range entries {
		bytes, _, err := sizeOf(filepath.Join(run.Dir(), entry.Name()))
		if err != nil {
			return 0, 0, err
		}
		if strings.HasPrefix(entry.Name(), "journal-") {
			journals += bytes
		} else {
			records += bytes
		}
	}
	return journals, records, nil
}
