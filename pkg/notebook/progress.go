package notebook

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"html"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/janpfeifer/gonb/gonbui"

	"noisebook/pkg/track"
)

// Progress shows stages as they run: in a notebook a block a stage with a bar,
// the time left and the curve of the loss; elsewhere lines of text. It is a
// [track.Observer].
type Progress struct {
	mu     sync.Mutex
	stages map[string]*stageView // by run
	cached map[string]*answers   // by stage
	now    func() time.Time
	update func(id, html string) // nil outside of a notebook
}

var (
	_ track.Observer = (*Progress)(nil)
	_ track.Warner   = (*Progress)(nil)
)

// How often a stage's state is shown.
const (
	frameInterval = time.Second
	lineInterval  = 10 * time.Second
)

// NewProgress returns an observer that writes to this cell's output.
func NewProgress() *Progress {
	p := &Progress{stages: map[string]*stageView{}, cached: map[string]*answers{}, now: time.Now}
	if gonbui.IsNotebook {
		p.update = gonbui.UpdateHTML
	}
	return p
}

// stageView is what is known of one running stage.
type stageView struct {
	id          string
	event       track.StageEvent
	begun       time.Time
	shown       time.Time
	first       int // steps done when this process heard of it first
	done, total int
	values      map[string]float64
	loss        history
}

// answers are a stage's runs that had no block of their own, because the store
// answered or a follower came after them: one block, so that a sweep of sixty
// runs takes a line a stage and not sixty.
type answers struct {
	id    string
	lines []string
}

// StageStarted opens a block for the stage.
func (p *Progress) StageStarted(e track.StageEvent) {
	p.mu.Lock()
	defer p.mu.Unlock()
	view := p.view(e)
	if p.update == nil {
		fmt.Fprintln(output, e)
		return
	}
	p.frame(view, e.String())
}

// StageProgress redraws the block, at most once a second.
func (p *Progress) StageProgress(e track.StageEvent, done, total int, values map[string]float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	view := p.view(e)
	if view.total == 0 {
		view.first = done
	}
	view.done, view.total, view.values = done, total, maps.Clone(values)
	if name := lossName(values); name != "" {
		view.loss.name = name
		view.loss.add(done, values[name])
	}
	interval := frameInterval
	if p.update == nil {
		interval = lineInterval
	}
	if p.now().Sub(view.shown) < interval {
		return
	}
	if p.update == nil {
		view.shown = p.now()
		fmt.Fprintf(output, "%s: %s\n", e.Stage, p.status(view))
		return
	}
	p.frame(view, p.status(view))
}

// StageFinished leaves the block in its last state: how long it took or why it
// failed, and the curve. Runs that it did not show before, such as answers from
// the store, are one line a stage, which
// unfolds to all of them.
func (p *Progress) StageFinished(e track.StageEvent, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	view := p.stages[e.Run]
	delete(p.stages, e.Run)
	line := e.String()
	if err != nil {
		line = fmt.Sprintf("%s: stopped: %s", e.Stage, strings.TrimPrefix(errorLine(err), "error: "))
	}
	switch {
	case p.update != nil && view == nil && err == nil:
		p.answered(e)
		return
	case p.update == nil || view == nil:
		fmt.Fprintln(output, line)
		return
	}
	view.total = 0 // no bar
	p.frame(view, line)
	flush()
}

// answered adds a run to its stage's block.
func (p *Progress) answered(e track.StageEvent) {
	a := p.cached[e.Stage]
	if a == nil {
		a = &answers{id: "cached_" + gonbui.UniqueId()}
		p.cached[e.Stage] = a
	}
	a.lines = append(a.lines, html.EscapeString(e.String()))
	if len(a.lines) == 1 {
		p.update(a.id, "<div>"+a.lines[0]+"</div>")
		return
	}
	p.update(a.id, fmt.Sprintf("<details><summary>%s, and %d more</summary>%s</details>",
		a.lines[0], len(a.lines)-1, strings.Join(a.lines[1:], "<br>")))
}

// StageWarning prints a warning.
func (p *Progress) StageWarning(e track.StageEvent, message string) {
	fmt.Fprintf(output, "warning: stage %s: %s\n", e.Stage, message)
}

func (p *Progress) view(e track.StageEvent) *stageView {
	view, known := p.stages[e.Run]
	if !known {
		view = &stageView{id: "stage_" + e.Run, event: e, begun: p.now()}
		if p.update != nil {
			view.id += "_" + gonbui.UniqueId()
		}
		p.stages[e.Run] = view
	}
	return view
}

// frame draws a block anew.
func (p *Progress) frame(view *stageView, status string) {
	view.shown = p.now()
	var out strings.Builder
	fmt.Fprintf(&out, "<div><b>%s</b>", html.EscapeString(view.event.Stage))
	if view.total > 0 {
		fmt.Fprintf(&out, ` <progress max="%d" value="%d"></progress>`, view.total, view.done)
	}
	fmt.Fprintf(&out, " %s</div>", html.EscapeString(strings.TrimPrefix(status, view.event.Stage+": ")))
	if picture := view.loss.svg(); picture != "" {
		fmt.Fprintf(&out, `<img alt="%s" src="data:image/svg+xml;base64,%s">`,
			html.EscapeString(view.loss.name), base64.StdEncoding.EncodeToString([]byte(picture)))
	}
	p.update(view.id, out.String())
}

// status says how far a stage is, such as "120/4000 · 2m10s left · loss 0.0412".
func (p *Progress) status(view *stageView) string {
	parts := []string{fmt.Sprintf("%d/%d", view.done, view.total)}
	if steps := view.done - view.first; steps > 0 && view.done < view.total {
		each := p.now().Sub(view.begun) / time.Duration(steps)
		left := each * time.Duration(view.total-view.done)
		parts = append(parts, left.Round(time.Second).String()+" left")
	}
	for _, name := range slices.Sorted(maps.Keys(view.values)) {
		parts = append(parts, fmt.Sprintf("%s %.4g", name, view.values[name]))
	}
	return strings.Join(parts, " · ")
}

// lossName picks the value to draw: the shortest name that speaks of a loss, so
// that the total comes before its terms.
func lossName(values map[string]float64) string {
	names := slices.DeleteFunc(slices.Collect(maps.Keys(values)), func(name string) bool { return !strings.Contains(name, "loss") })
	if len(names) == 0 {
		return ""
	}
	return slices.MinFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
}
