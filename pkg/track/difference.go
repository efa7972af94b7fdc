package track

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Difference says why two runs of a stage have different keys: what differs in
// all that a key is made of. Old is the earlier run's side.
type Difference struct {
	Stage       string        `json:"stage"`
	Old         string        `json:"old"` // run id
	New         string        `json:"new"` // run id
	OldVersion  int           `json:"old_version"`
	NewVersion  int           `json:"new_version"`
	SameKey     bool          `json:"same_key"` // the same was computed twice
	Config      []FieldChange `json:"config,omitempty"`
	Inputs      []InputChange `json:"inputs,omitempty"`
	CodeChanged bool          `json:"code_changed"` // no part of a key
	OldCommit   string        `json:"old_commit"`   // see [Provenance.ShortCommit]
	NewCommit   string        `json:"new_commit"`
}

// FieldChange is a field of a config that two runs have differently. A side that
// has no such field is empty.
type FieldChange struct {
	Path string          `json:"path"` // as an override names it: train.steps
	Old  json.RawMessage `json:"old,omitempty"`
	New  json.RawMessage `json:"new,omitempty"`
}

// InputChange is an input that two runs have with different content, or that only
// one has. Why says how the runs that made it differ, where that can be known, and
// Note why it cannot.
type InputChange struct {
	Name string      `json:"name"`
	Old  *InputRef   `json:"old,omitempty"`
	New  *InputRef   `json:"new,omitempty"`
	Why  *Difference `json:"why,omitempty"`
	Note string      `json:"note,omitempty"`
}

// Why compares a run of a stage with an earlier one, also one in the trash. An
// empty other means the run of the same stage that started last before it. Ids may
// be prefixes.
func (s *Store) Why(run, other string) (Difference, error) {
	newer, err := s.identityOf(run)
	if err != nil {
		return Difference{}, err
	}
	if newer.Stage == "" {
		return Difference{}, fmt.Errorf("track: run %s is no stage: it has no key", newer.ID)
	}
	var older runFile
	if other == "" {
		older, err = s.runBefore(newer)
	} else {
		older, err = s.identityOf(other)
	}
	if err != nil {
		return Difference{}, err
	}
	if older.Stage != newer.Stage {
		return Difference{}, fmt.Errorf("track: run %s is of stage %s and run %s of stage %s: compare runs of one stage", older.ID, older.Stage, newer.ID, newer.Stage)
	}
	if older.ID == newer.ID {
		return Difference{}, fmt.Errorf("track: run %s is compared with itself: give another run", newer.ID)
	}
	return s.difference(older, newer, differenceDepth), nil
}

// differenceDepth bounds how far inputs are followed: a store that was tampered
// with could hold a circle.
const differenceDepth = 32

// identityOf finds a run by a prefix of its id, in the trash if nowhere else.
func (s *Store) identityOf(prefix string) (runFile, error) {
	run, err := s.Run(prefix)
	if err != nil {
		trashed, trashErr := s.TrashedRun(prefix)
		if trashErr != nil {
			return runFile{}, err
		}
		run = trashed.Run
	}
	file, err := readIdentity(run.dir, run.ID)
	if err != nil {
		return file, fmt.Errorf("track: %w", err)
	}
	return file, nil
}

// runBefore is the run of the same stage that started last before the given one.
func (s *Store) runBefore(run runFile) (runFile, error) {
	ids, err := s.runIDs()
	if err != nil {
		return runFile{}, err
	}
	var last runFile
	for _, id := range ids {
		file, err := s.readIdentity(id)
		if err != nil || id == run.ID || file.Stage != run.Stage || file.Started.After(run.Started) {
			continue
		}
		if last.ID == "" || file.Started.After(last.Started) {
			last = file
		}
	}
	if last.ID == "" {
		return last, fmt.Errorf("track: run %s is the first of stage %s: there is nothing to compare it with", run.ID, run.Stage)
	}
	return last, nil
}

// reason says why a new run of a stage computes and does not answer with what the
// stage's last run had: "seed 1 → 2 since run 4k2m9x0c7d". The last run is noted
// in a hint: a reason is worth no scan. Without the hint there is none.
func (s *Store) reason(run runFile) string {
	dir := filepath.Join(s.dir, "stages")
	hint := filepath.Join(dir, hashBytes([]byte(run.Stage))[:16])
	last, err := os.ReadFile(hint)
	if os.MkdirAll(dir, 0o755) == nil {
		_ = os.WriteFile(hint, []byte(run.ID), 0o644)
	}
	if err != nil || !validID(string(last)) {
		return ""
	}
	older, err := s.readIdentity(string(last))
	if err != nil || older.Stage != run.Stage {
		return ""
	}
	d := s.difference(older, run, differenceDepth)
	reason := d.Reason()
	switch {
	case reason != "":
	case d.CodeChanged:
		reason = "code has changed"
	default:
		return ""
	}
	return reason + " since run " + older.ID
}

func (s *Store) difference(older, newer runFile, depth int) Difference {
	d := Difference{
		Stage: newer.Stage, Old: older.ID, New: newer.ID, OldVersion: older.Version, NewVersion: newer.Version,
		SameKey: older.Key == newer.Key, Config: diffConfigs(older.Config, newer.Config),
		OldCommit: older.Provenance.ShortCommit(), NewCommit: newer.Provenance.ShortCommit(),
	}
	then, now := older.Provenance.CodeHash, newer.Provenance.CodeHash
	d.CodeChanged = then != "" && now != "" && then != now
	before := map[string][]InputRef{} // by name, in order
	for _, in := range older.Inputs {
		before[in.Name] = append(before[in.Name], in)
	}
	for _, in := range newer.Inputs {
		rest := before[in.Name]
		if len(rest) == 0 {
			d.Inputs = append(d.Inputs, InputChange{Name: in.Name, New: &in})
			continue
		}
		old := rest[0]
		before[in.Name] = rest[1:]
		if old.Hash != in.Hash {
			change := InputChange{Name: in.Name, Old: &old, New: &in}
			change.Why, change.Note = s.inputDifference(old, in, depth)
			d.Inputs = append(d.Inputs, change)
		}
	}
	for _, in := range older.Inputs { // what is left has no counterpart
		if rest := before[in.Name]; len(rest) > 0 {
			before[in.Name] = rest[1:]
			d.Inputs = append(d.Inputs, InputChange{Name: in.Name, Old: &rest[0]})
		}
	}
	return d
}

func (s *Store) inputDifference(old, new InputRef, depth int) (*Difference, string) {
	if old.Run == "" || new.Run == "" {
		return nil, ""
	}
	older, err := s.identityOf(old.Run)
	if err != nil {
		return nil, fmt.Sprintf("run %s, which made it before, is no longer in the store", old.Run)
	}
	newer, err := s.identityOf(new.Run)
	if err != nil {
		return nil, fmt.Sprintf("run %s, which made it, is no longer in the store", new.Run)
	}
	if older.Stage != newer.Stage || depth == 0 {
		return nil, ""
	}
	d := s.difference(older, newer, depth-1)
	return &d, ""
}

// diffConfigs lists the fields in which two JSON values differ, ordered by path.
func diffConfigs(old, new json.RawMessage) []FieldChange {
	var changes []FieldChange
	add := func(path string, old, new any) {
		changes = append(changes, FieldChange{Path: path, Old: rawJSON(old), New: rawJSON(new)})
	}
	var walk func(path string, old, new any)
	walk = func(path string, old, new any) {
		switch before := old.(type) {
		case map[string]any:
			after, ok := new.(map[string]any)
			if !ok {
				break
			}
			names := maps.Clone(before)
			maps.Copy(names, after)
			for _, name := range slices.Sorted(maps.Keys(names)) {
				child := strings.TrimPrefix(path+"."+name, ".")
				a, inOld := before[name]
				b, inNew := after[name]
				switch {
				case !inOld:
					add(child, absent{}, b)
				case !inNew:
					add(child, a, absent{})
				default:
					walk(child, a, b)
				}
			}
			return
		case []any:
			after, ok := new.([]any)
			if !ok || len(after) != len(before) || !structured(before) || !structured(after) {
				break
			}
			for i := range before {
				walk(path+"."+strconv.Itoa(i), before[i], after[i])
			}
			return
		}
		if a, b := rawJSON(old), rawJSON(new); !bytes.Equal(a, b) {
			add(path, old, new)
		}
	}
	walk("", decodeJSON(old), decodeJSON(new))
	return changes
}

// absent marks a field that a config does not have.
type absent struct{}

// structured says that a list is one of objects or lists, whose elements are
// compared one by one; a list of numbers is one value.
func structured(list []any) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(item any) bool {
		switch item.(type) {
		case map[string]any, []any:
			return false
		}
		return true
	})
}

func decodeJSON(raw json.RawMessage) any {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return absent{}
	}
	return value
}

func rawJSON(value any) json.RawMessage {
	if _, none := value.(absent); none {
		return nil
	}
	data, err := json.Marshal(value)
	if err != nil { // it was decoded from JSON
		return nil
	}
	return data
}
