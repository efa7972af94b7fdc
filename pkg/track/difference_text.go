package track

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// reasonChanges is how many changes a reason names before it counts the rest.
const reasonChanges = 3

// Reason says in a few words what made the key another one, such as
// "seed 1 → 2" or "input joint/train: train.steps 500 → 1000". It is empty when
// nothing that the key is made of differs.
func (d Difference) Reason() string {
	var parts []string
	if d.OldVersion != d.NewVersion {
		parts = append(parts, fmt.Sprintf("version %d → %d", d.OldVersion, d.NewVersion))
	}
	for _, c := range d.Config {
		parts = append(parts, c.text(reasonValue))
	}
	for _, in := range d.Inputs {
		parts = append(parts, in.reason())
	}
	if len(parts) == 0 && !d.SameKey {
		return "the inputs' order"
	}
	if more := len(parts) - reasonChanges; more > 0 {
		parts = append(parts[:reasonChanges:reasonChanges], fmt.Sprintf("%d more", more))
	}
	return strings.Join(parts, ", ")
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

func (c InputChange) reason() string {
	switch {
	case c.Old == nil:
		return "input " + c.Name + " is new"
	case c.New == nil:
		return "input " + c.Name + " is gone"
	case c.Why == nil:
		return "input " + c.Name + " changed"
	}
	if reason := c.Why.Reason(); reason != "" {
		return "input " + c.Name + ": " + reason
	}
	return "input " + c.Name + " was recomputed"
}

// WriteText writes the difference for a person, an input's own differences
// indented below it.
func (d Difference) WriteText(w io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: run %s against run %s\n", d.Stage, d.New, d.Old)
	d.write(&text, "  ")
	_, err := io.WriteString(w, text.String())
	return err
}

func (d Difference) write(text *strings.Builder, indent string) {
	line := func(format string, args ...any) {
		fmt.Fprintf(text, indent+format+"\n", args...)
	}
	if d.OldVersion != d.NewVersion {
		line("version  %d → %d", d.OldVersion, d.NewVersion)
	}
	for _, c := range d.Config {
		line("config   %s", c.text(listValue))
	}
	for _, in := range d.Inputs {
		line("input    %s", in.text())
		if in.Why != nil {
			in.Why.write(text, indent+"  ")
		}
	}
	switch {
	case d.SameKey && d.CodeChanged:
		line("the key is the same: it was computed twice, and the code changed between (%s → %s)", d.OldCommit, d.NewCommit)
	case d.SameKey:
		line("the key is the same: it was computed twice by the same code")
	case d.CodeChanged:
		line("code     changed too, which is no part of the key (%s → %s)", d.OldCommit, d.NewCommit)
	}
	if !d.SameKey && d.Reason() == "the inputs' order" {
		line("the inputs are the same in another order")
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
