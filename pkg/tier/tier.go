// Package tier names the sizes at which an artifact can be run. A tier is a
// config delta: the code is the same at each.
package tier

import (
	"fmt"
	"strings"
)

// Tier is a size of experiment.
type Tier string

const (
	Smoke Tier = "smoke" // seconds; proves the code path, claims nothing
	Quick Tier = "quick" // real data, a few minutes on a laptop, few samples
	CPU   Tier = "cpu"   // real data, small networks, at most an hour on two cores
	Paper Tier = "paper" // the authors' sizes and steps, for a GPU
)

// All lists the tiers from the smallest to the largest.
func All() []Tier { return []Tier{Smoke, Quick, CPU, Paper} }

// Parse reads a tier's name.
func Parse(name string) (Tier, error) {
	var t Tier
	err := t.Set(name)
	return t, err
}

// Reduced says that the tier is smaller than the paper's setting, so that it may
// judge trends but never a reported number.
func (t Tier) Reduced() bool { return t != Paper }

// String is the tier's name.
func (t Tier) String() string { return string(t) }

// Set reads a tier's name, so that a *Tier can be a command-line flag.
func (t *Tier) Set(name string) error {
	names := make([]string, 0, len(All()))
	for _, known := range All() {
		if name == string(known) {
			*t = known
			return nil
		}
		names = append(names, string(known))
	}
	return fmt.Errorf("unknown tier %q: choose one of %s", name, strings.Join(names, ", "))
}

// Type names the flag's kind in help texts.
func (t *Tier) Type() string { return "tier" }

// UnmarshalText reads a tier from JSON or a config override; empty is no tier.
func (t *Tier) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*t = ""
		return nil
	}
	return t.Set(string(text))
}
