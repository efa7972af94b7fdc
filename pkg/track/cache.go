package track

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
)

// CacheEntry is a key that the store has an answer for.
type CacheEntry struct {
	Key         string    `json:"key"`
	Stage       string    `json:"stage"`
	Version     int       `json:"version"`
	Runs        []string  `json:"runs"`         // finished ones, the newest first: the one that answers
	Bytes       int64     `json:"bytes"`        // of the answer: its value and artifacts
	Finished    time.Time `json:"finished"`     // when the answer was computed
	CodeChanged bool      `json:"code_changed"` // the present sources differ from those that computed it
	Damaged     string    `json:"damaged,omitempty"`
}

// Cache lists the keys that the store answers, the newest answer first.
func (s *Store) Cache() ([]CacheEntry, error) {
	runs, err := s.Runs()
	if err != nil {
		return nil, err
	}
	finished := map[string][]Run{}
	for _, run := range runs {
		if run.Key != "" && run.State == Finished {
			finished[run.Key] = append(finished[run.Key], run)
		}
	}
	entries := make([]CacheEntry, 0, len(finished))
	for key, runs := range finished {
		slices.SortStableFunc(runs, func(a, b Run) int { return b.Ended.Compare(a.Ended) })
		entry := CacheEntry{Key: key, Stage: runs[0].Stage, Version: runs[0].Version, Finished: runs[0].Ended}
		for _, run := range runs {
			entry.Runs = append(entry.Runs, run.ID)
		}
		if file, err := readResult(runs[0].dir); err != nil {
			entry.Damaged = err.Error()
		} else {
			entry.Finished, entry.CodeChanged = file.Finished, codeChanged(file.Provenance.CodeHash)
			entry.Bytes = int64(len(file.Value))
			seen := map[string]bool{}
			for _, artifact := range file.Artifacts {
				if !seen[artifact.SHA256] {
					seen[artifact.SHA256] = true
					entry.Bytes += artifact.Bytes
				}
			}
		}
		entries = append(entries, entry)
	}
	slices.SortFunc(entries, func(a, b CacheEntry) int { return b.Finished.Compare(a.Finished) })
	return entries, nil
}

// Forget moves all finished runs of an entry to the trash, so that its stage is
// computed anew. A run that was interrupted keeps its checkpoints and is continued.
func (s *Store) Forget(ctx context.Context, entry CacheEntry) error {
	for _, id := range entry.Runs {
		if err := s.Trash(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// RemoveScratch removes a key's checkpoints when nothing of them has changed
// since a time and no process computes the key.
func (s *Store) RemoveScratch(key string, since time.Time) (removed bool, err error) {
	fail := func(err error) (bool, error) {
		return false, fmt.Errorf("track: cannot remove checkpoints: %w", advise(err))
	}
	if !validID(key) {
		return fail(fs.ErrNotExist)
	}
	lock := flock.New(filepath.Join(s.keyDir(key), "lock"))
	if held, err := lock.TryLock(); err != nil {
		return fail(err)
	} else if !held {
		return false, nil
	}
	defer func() { _ = lock.Unlock() }()
	recent := false
	scratch := s.scratchDir(key)
	err = filepath.WalkDir(scratch, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		recent = recent || info.ModTime().After(since)
		return nil
	})
	if err != nil {
		return fail(err)
	}
	if recent {
		return false, nil
	}
	if err := os.RemoveAll(scratch); err != nil {
		return fail(err)
	}
	return true, nil
}
