package track

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// reasonChanges is how many changes a reason names before it counts the rest.
const reasonChanges = 3

// Reason says in a few words what made the key another one: what differs in the
// stage itself and, instead of inputs, in the stages that made them, such as
// "seed 1 → 2; joint/train: train.steps 500 → 1000". It is empty when nothing that
// the key is made of differs.
func (d Difference) Reason() string {
	r := reason{seen: map[[2]string]bool{}}
	r.visit(d, "")
	if r.more > 0 {
		r.parts = append(r.parts, fmt.Sprintf("%d more", r.more))
	}
	if len(r.parts) == 0 && !d.SameKey {
		return "the inputs' order"
	}
	return strings.Join(r.parts, "; ")
}

// reason collects the changes of a difference and of those behind it, each once
// however many inputs it came through.
type reason struct {
	parts       []string
	named, more int
	seen        map[[2]string]bool // pairs of runs
}

func (r *reason) visit(d Difference, name string) {
	pair := [2]string{d.Old, d.New}
	if r.seen[pair] {
		return
	}
	r.seen[pair] = true
	own, prefix := d.ownChanges(), ""
	if name != "" {
		prefix = name + ": "
		if len(own) == 0 && len(d.Inputs) == 0 {
			own, prefix = []string{name + " was recomputed"}, ""
		}
	}
	if room := reasonChanges - r.named; len(own) > room {
		r.more += len(own) - room
		own = own[:room]
	}
	if r.named += len(own); len(own) > 0 {
		r.parts = append(r.parts, prefix+strings.Join(own, ", "))
	}
	for _, in := range d.Inputs {
		if in.Why != nil {
			r.visit(*in.Why, in.Name)
		}
	}
}

// ownChanges names what differs but for inputs that can be explained.
func (d Difference) ownChanges() []string {
	var changes []string
	if d.OldVersion != d.NewVersion {
		changes = append(changes, fmt.Sprintf("version %d → %d", d.OldVersion, d.NewVersion))
	}
	for _, c := range d.Config {
		changes = append(changes, c.text(reasonValue))
	}
	for _, in := range d.Inputs {
		switch {
		case in.Old == nil:
			changes = append(changes, "input "+in.Name+" is new")
		case in.New == nil:
			changes = append(changes, "input "+in.Name+" is gone")
		case in.Why == nil:
			changes = append(changes, "input "+in.Name+" changed")
		}
	}
	return changes
}

// reasonValue and listValue are how many characters of a value are shown.
const (
	reasonValue = 24
	listValue   = 120
)

func (c FieldChange) text(limit int) string {
	path := c.Path
	if path == "" {
		path = "config"
	}
	switch {
	case c.Old == nil:
		return path + " is new: " + valueText(c.New, limit)
	case c.New == nil:
		return path + " is gone: " + valueText(c.Old, limit)
	}
	return path + " " + valueText(c.Old, limit) + " → " + valueText(c.New, limit)
}

// valueText is a JSON value cut to a length; a long value's ends tell more than
// its beginning alone.
func valueText(raw []byte, limit int) string {
	if utf8.RuneCount(raw) <= limit {
		return string(raw)
	}
	runes := []rune(string(raw))
	head := (limit - 1) / 2
	return string(runes[:head]) + "…" + string(runes[len(runes)-(limit-1-head):])
}

// WriteText writes the difference for a person, an input's own differences
// indented below it.
func (d Difference) WriteText(w io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: run %s against run %s\n", d.Stage, d.New, d.Old)
	d.write(&text, "  ", map[[2]string]bool{})
	switch {
	case d.SameKey && d.CodeChanged:
		fmt.Fprintf(&text, "  the key is the same: it was computed twice, and the code changed between (%s → %s)\n", d.OldCommit, d.NewCommit)
	case d.SameKey:
		fmt.Fprintf(&text, "  the key is the same: it was computed twice by the same code\n")
	case d.CodeChanged:
		fmt.Fprintf(&text, "  code     changed too, which is no part of the key (%s → %s)\n", d.OldCommit, d.NewCommit)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func (d Difference) write(text *strings.Builder, indent string, seen map[[2]string]bool) {
	line := func(format string, args ...any) {
		fmt.Fprintf(text, indent+format+"\n", args...)
	}
	pair := [2]string{d.Old, d.New}
	if seen[pair] {
		line("as above")
		return
	}
	seen[pair] = true
	if d.OldVersion != d.NewVersion {
		line("version  %d → %d", d.OldVersion, d.NewVersion)
	}
	for _, c := range d.Config {
		line("config   %s", c.text(listValue))
	}
	for _, in := range d.Inputs {
		line("input    %s", in.text())
		if in.Why != nil {
			in.Why.write(text, indent+"  ", seen)
		}
	}
	switch {
	case len(d.ownChanges()) > 0 || len(d.Inputs) > 0:
	case !d.SameKey:
		line("the inputs are the same in another order")
	case len(seen) > 1:
		line("recomputed, with another result")
	}
}

func (c InputChange) text() string {
	switch {
	case c.Old == nil:
		return c.Name + " is new: " + refText(c.New)
	case c.New == nil:
		return c.Name + " is gone: " + refText(c.Old)
	}
	text := c.Name + " " + refText(c.Old) + " → " + refText(c.New)
	if c.Note != "" {
		text += ": " + c.Note
	}
	return text
}

func refText(ref *InputRef) string {
	text := fmt.Sprintf("%.12s", ref.Hash)
	if ref.Run != "" {
		text += " (run " + ref.Run + ")"
	}
	return text
}
