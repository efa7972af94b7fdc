package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"

	"noisebook/pkg/fetch"
)

// progressPrinter shows downloads and uploads: on a terminal in one line that is overwritten, elsewhere in a line for each
// source and then one every few seconds.
type progressPrinter struct {
	w        io.Writer
	terminal bool
	last     time.Time
	shown    bool // a line is on the terminal and has to be overwritten
}

func newProgressPrinter(w io.Writer) *progressPrinter {
	file, ok := w.(*os.File)
	return &progressPrinter{w: w, terminal: ok && isatty.IsTerminal(file.Fd())}
}

// Report is a [fetch.Progress].
func (p *progressPrinter) Report(event fetch.Event) {
	if event.Done == 0 {
		p.show(fmt.Sprintf("%s: %s", event.File, event.Source))
		return
	}
	line := fmt.Sprintf("%s: %.1f MB", event.File, float64(event.Done)/1e6)
	if event.Total > 0 {
		line += fmt.Sprintf(" of %.1f MB (%d %%)", float64(event.Total)/1e6, 100*event.Done/event.Total)
	}
	p.Line(line)
}

// Line shows a state of the work unless the last one was shown just now.
func (p *progressPrinter) Line(line string) {
	const terminalInterval, logInterval = 100 * time.Millisecond, 5 * time.Second
	interval := logInterval
	if p.terminal {
		interval = terminalInterval
	}
	if time.Since(p.last) >= interval {
		p.show(line)
	}
}

func (p *progressPrinter) show(line string) {
	p.last = time.Now()
	if !p.terminal {
		fmt.Fprintln(p.w, line)
		return
	}
	const widest = 100 // so that the line is not broken, which could not be overwritten
	if runes := []rune(line); len(runes) > widest {
		line = string(runes[:widest-1]) + "…"
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s", line)
	p.shown = true
}

// Clear removes the line of a terminal, before other text is printed.
func (p *progressPrinter) Clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}
