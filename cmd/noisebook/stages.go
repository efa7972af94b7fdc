package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"

	"noisebook/pkg/track"
)

// stagePrinter follows stages: a bar on a terminal, elsewhere a line now and
// then, and one line a finished stage.
type stagePrinter struct {
	w        io.Writer
	terminal bool
	bar      *progressbar.ProgressBar
	last     time.Time
}

func newStagePrinter(w io.Writer) *stagePrinter {
	file, ok := w.(interface{ Fd() uintptr })
	return &stagePrinter{w: w, terminal: ok && isatty.IsTerminal(file.Fd())}
}

// StageStarted names the stage.
func (p *stagePrinter) StageStarted(e track.StageEvent) {
	p.last = time.Now()
	if p.terminal {
		p.bar = progressbar.NewOptions(-1, progressbar.OptionSetWriter(p.w), progressbar.OptionSetDescription(e.Stage),
			progressbar.OptionSetPredictTime(true), progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth())
		return
	}
	fmt.Fprintln(p.w, e)
}

// StageProgress moves the bar, or prints a line every ten seconds.
func (p *stagePrinter) StageProgress(e track.StageEvent, done, total int, values map[string]float64) {
	if p.bar != nil {
		p.bar.ChangeMax(total)
		p.bar.Describe(e.Stage + " " + terms(values))
		p.bar.Set(done)
		return
	}
	if time.Since(p.last) < 10*time.Second {
		return
	}
	p.last = time.Now()
	fmt.Fprintf(p.w, "%s: %d of %d %s\n", e.Stage, done, total, terms(values))
}

// StageFinished prints how the stage ended, but for its error, which the command returns.
func (p *stagePrinter) StageFinished(e track.StageEvent, err error) {
	if p.bar != nil {
		p.bar.Finish()
		p.bar = nil
	}
	if err == nil {
		fmt.Fprintln(p.w, e)
	}
}

// terms writes the main values first: the loss, then the others by name.
func terms(values map[string]float64) string {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if (a == "loss") != (b == "loss") {
			if a == "loss" {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	var out strings.Builder
	for _, name := range names {
		fmt.Fprintf(&out, " %s %.4g", strings.ReplaceAll(name, "_", " "), values[name])
	}
	return strings.TrimSpace(out.String())
}
