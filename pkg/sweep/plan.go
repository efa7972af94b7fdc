package sweep

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"noisebook/pkg/config"
)

// Question is what a sweep is asked: which experiment, at which settings.
type Question struct {
	Artifact string `json:"artifact"`
	Tier     string `json:"tier"`
	Axes     []Axis `json:"set,omitempty"`
	// List holds settings of several keys at once; each is combined with the axes.
	List     [][]string `json:"-"`
	Random   int        `json:"random,omitempty"`      // draws; 0 takes the whole grid
	Draw     uint64     `json:"random_seed,omitempty"` // seeds the draws
	Seeds    int        `json:"seeds"`                 // members of each setting
	SeedKeys []string   `json:"seed_keys,omitempty"`   // the keys that tell them apart
}

// Plan is a sweep as it is kept, to be resumed from there: what the question
// made at the time it was asked.
type Plan struct {
	Artifact  string   `json:"artifact"`
	Tier      string   `json:"tier"`
	Members   []Member `json:"members"`
	Parallel  int      `json:"jobs"`
	InProcess bool     `json:"in_process,omitempty"`
	Devices   int      `json:"devices"`
}

// Member is one run of a sweep, as overrides of the config.
type Member struct {
	Setting []string `json:"setting,omitempty"` // what is compared
	Seed    []string `json:"seed,omitempty"`    // what is averaged over
}

// Overrides are both parts.
func (m Member) Overrides() []string { return slices.Concat(m.Setting, m.Seed) }

// maximumMembers stops a slip of the keyboard; a grid of more is not a grid to run.
const maximumMembers = 10_000

// Members makes the runs that answer the question, in the order of the axes with
// seeds innermost. keys are the config's, with the tier's values: seeds count up
// from there, so that the first one is the experiment as it is.
func (q Question) Members(keys []config.Key) ([]Member, error) {
	settings, err := q.settings(keys)
	if err != nil {
		return nil, err
	}
	if q.Seeds < 1 {
		return nil, fmt.Errorf("%d seeds: at least one is needed", q.Seeds)
	}
	if len(settings)*q.Seeds > maximumMembers {
		return nil, fmt.Errorf("%d settings × %d seeds are more than %d runs: use --random to draw some", len(settings), q.Seeds, maximumMembers)
	}
	var members []Member
	for _, setting := range settings {
		for i := range q.Seeds {
			member := Member{Setting: setting}
			if q.Seeds > 1 {
				if member.Seed, err = q.seed(keys, i); err != nil {
					return nil, err
				}
			}
			members = append(members, member)
		}
	}
	return members, nil
}

func (q Question) settings(keys []config.Key) ([][]string, error) {
	list := q.List
	if len(list) == 0 {
		list = [][]string{nil}
	}
	seen := map[string]bool{}
	for _, axis := range q.Axes {
		if seen[axis.Key] {
			return nil, fmt.Errorf("%s is given twice: write its values in one --set", axis.Key)
		}
		seen[axis.Key] = true
		if axis.Range != nil && q.Random == 0 {
			return nil, fmt.Errorf("%s is a range: say with --random how many values are drawn from it", axis.Key)
		}
	}
	for _, setting := range list {
		for _, override := range setting {
			if key, _, _ := strings.Cut(override, "="); seen[key] {
				return nil, fmt.Errorf("%s is in the list and in --set", key)
			}
		}
	}
	if q.Random > 0 {
		return q.drawn(list, keys)
	}
	settings := list
	for _, axis := range q.Axes {
		if len(settings)*len(axis.Values) > maximumMembers {
			return nil, fmt.Errorf("the grid has more than %d settings: use --random to draw some", maximumMembers)
		}
		var next [][]string
		for _, setting := range settings {
			for _, value := range axis.Values {
				next = append(next, append(slices.Clone(setting), axis.Key+"="+value))
			}
		}
		settings = next
	}
	return settings, nil
}

// drawn are different random settings; of a small space there may be too few.
func (q Question) drawn(list [][]string, keys []config.Key) ([][]string, error) {
	if q.Random > maximumMembers {
		return nil, fmt.Errorf("--random %d is more than %d", q.Random, maximumMembers)
	}
	rng := rand.New(rand.NewPCG(q.Draw, 0))
	var settings [][]string
	seen := map[string]bool{}
	for tries := 0; len(settings) < q.Random; tries++ {
		if tries > 100*q.Random {
			return nil, fmt.Errorf("--random %d: only %d different settings were found, leave it out to take them all", q.Random, len(settings))
		}
		setting := slices.Clone(list[rng.IntN(len(list))])
		for _, axis := range q.Axes {
			setting = append(setting, axis.Key+"="+axis.draw(rng, isWhole(keys, axis.Key)))
		}
		if id := strings.Join(setting, "\n"); !seen[id] {
			seen[id] = true
			settings = append(settings, setting)
		}
	}
	return settings, nil
}

func isWhole(keys []config.Key, path string) bool {
	i := slices.IndexFunc(keys, func(k config.Key) bool { return k.Path == path })
	return i >= 0 && (keys[i].Type == "whole number" || strings.Contains(keys[i].Type, "int"))
}

// seed is the i-th seed of the seed keys.
func (q Question) seed(keys []config.Key, i int) ([]string, error) {
	if len(q.SeedKeys) == 0 {
		return nil, errors.New("no key of the config is a seed: name one with --seed-key, or vary a key with --set")
	}
	var overrides []string
	for _, path := range q.SeedKeys {
		at := slices.IndexFunc(keys, func(k config.Key) bool { return k.Path == path })
		if at < 0 {
			return nil, fmt.Errorf("--seed-key %s: the config has no such key", path)
		}
		first, err := strconv.ParseUint(keys[at].Value, 10, 63)
		if err != nil {
			return nil, fmt.Errorf("--seed-key %s: it is a %s, %q, and no seed", path, keys[at].Type, keys[at].Value)
		}
		for _, axis := range q.Axes {
			if axis.Key == path {
				return nil, fmt.Errorf("%s is varied by --set and by --seeds", path)
			}
		}
		overrides = append(overrides, path+"="+strconv.FormatUint(first+uint64(i), 10))
	}
	return overrides, nil
}

// DefaultSeedKeys picks the first key named seed, which by convention is the
// model's: the networks that only measure stay the same ones.
func DefaultSeedKeys(keys []config.Key) []string {
	for _, k := range keys {
		if k.Path == "seed" || strings.HasSuffix(k.Path, ".seed") {
			return []string{k.Path}
		}
	}
	return nil
}

// ReadList reads settings from CSV: a header of keys and a setting a row.
func ReadList(r io.Reader) ([][]string, error) {
	reader := csv.NewReader(r)
	reader.Comment, reader.TrimLeadingSpace = '#', true
	rows, err := reader.ReadAll()
	if err != nil {
		return nil, err
	}
	if len(rows) < 2 {
		return nil, errors.New("want a header of keys and at least one row of values")
	}
	header := rows[0]
	for i, key := range header {
		header[i] = strings.TrimSpace(key)
		if header[i] == "" || slices.Contains(header[:i], header[i]) {
			return nil, fmt.Errorf("the header's column %d, %q, is empty or there twice", i+1, key)
		}
	}
	var list [][]string
	seen := map[string]int{}
	for n, row := range rows[1:] {
		setting := make([]string, len(header))
		for i, value := range row {
			setting[i] = header[i] + "=" + strings.TrimSpace(value)
		}
		id := strings.Join(setting, "\n")
		if first, again := seen[id]; again {
			return nil, fmt.Errorf("rows %d and %d are the same setting", first, n+1)
		}
		seen[id] = n + 1
		list = append(list, setting)
	}
	return list, nil
}
