package notebook

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"github.com/janpfeifer/gonb/gonbui/protocol"

	"noisebook/pkg/claim"
	"noisebook/pkg/figure"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// capture redirects what goes to standard output.
func capture(t *testing.T) *bytes.Buffer {
	t.Helper()
	var out bytes.Buffer
	before := output
	output = &out
	t.Cleanup(func() { output = before })
	return &out
}

type exited struct{ code int }

// captureFailure runs f and returns what it printed to standard error before it exited.
func captureFailure(t *testing.T, f func()) (message string) {
	t.Helper()
	var out bytes.Buffer
	beforeExit, beforeOutput := exit, errorOutput
	exit, errorOutput = func(code int) { panic(exited{code}) }, &out
	defer func() {
		exit, errorOutput = beforeExit, beforeOutput
		if stopped, ok := recover().(exited); !ok || stopped.code != 1 {
			t.Error("the cell did not exit with status 1")
		}
		message = out.String()
	}()
	f()
	return ""
}

func smallFigure(t *testing.T) *figure.Figure {
	t.Helper()
	tidy := table.New("x", "y")
	for i := range 3 {
		if err := tidy.Append(i, i*i); err != nil {
			t.Fatal(err)
		}
	}
	drawn, err := figure.Curves(tidy, figure.CurvesSpec{X: "x", Y: "y", Caption: "Squares."})
	if err != nil {
		t.Fatal(err)
	}
	return drawn
}

func report() claim.Report {
	value, reported := 0.942857142857, 95.1
	return claim.Report{
		Artifact: "joint/alpha-sweep", Title: "Sweep <script>", Tier: "quick", Dataset: "Fashion-MNIST",
		Provenance: map[string]string{"run": "r1", "commit": "abc"},
		Judgements: []claim.Judgement{
			{Claim: "precision rises & rises", Kind: claim.KindShape, Verdict: claim.TrendHolds, Value: &value, Detail: "Spearman 0.94"},
			{Claim: "accuracy", Kind: claim.KindNumber, Verdict: claim.NotComparable, Reported: &reported, Reason: "dataset differs"},
		},
	}
}

type both struct{ parts []any }

func (b both) Parts() []any { return b.parts }

func TestShowOutsideOfANotebook(t *testing.T) {
	out := capture(t)
	tidy := table.New("name", "value")
	if err := tidy.Append("a", 0.123456789); err != nil {
		t.Fatal(err)
	}
	Show(both{[]any{smallFigure(t), report()}}, tidy, &tidy, Captioned{Table: tidy, Caption: "Values"}, nil, (*figure.Figure)(nil),
		image.NewGray(image.Rect(0, 0, 3, 2)), "plain", 7)
	for _, want := range []string{
		"[figure, 615 ×", "Squares.", "▲ trend holds", "precision rises & rises", "95.1", "dataset differs", "commit abc · run r1",
		"name  value\na     0.12346\n", "Values\n", "[image, 3 × 2]", "plain\n", "7\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, out)
		}
	}
	if strings.Contains(out.String(), "nil") {
		t.Errorf("a nil was shown:\n%s", out)
	}
}

// A reader who does not trust the notebook sees no SVG output, so a figure must
// have a PNG; a terminal sees the text.
func TestEveryFigureHasAPNGAndAText(t *testing.T) {
	drawn := smallFigure(t)
	data := figureBundle(drawn).data()
	for _, kind := range []protocol.MIMEType{protocol.MIMEImagePNG, protocol.MIMEImageSVG, protocol.MIMETextPlain} {
		if data[kind] == nil {
			t.Errorf("the figure's output has no %s", kind)
		}
	}
	size := figureSize(drawn)["image/png"].(map[string]int)
	if size["width"] != drawn.Width || size["height"] != drawn.Height {
		t.Errorf("shown at %v, want %d × %d", size, drawn.Width, drawn.Height)
	}
}

// The sanitiser of an untrusted notebook drops scripts and foreign elements, and
// names in tables must not become markup at all.
func TestHTMLIsEscapedAndPlain(t *testing.T) {
	tidy := table.New(`<b>"name"`, "n")
	if err := tidy.Append("<script>alert(1)</script>", 1); err != nil {
		t.Fatal(err)
	}
	for name, document := range map[string]string{
		"table":  tableHTML(Captioned{Table: tidy, Caption: "<i>caption"}),
		"report": reportHTML(report()),
	} {
		allowed := map[string]bool{"table": true, "caption": true, "thead": true, "tbody": true, "tr": true, "th": true, "td": true, "b": true, "br": true, "div": true}
		decoder := xml.NewDecoder(strings.NewReader("<div>" + strings.ReplaceAll(document, "<br>", "<br/>") + "</div>"))
		for {
			token, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: not well-formed: %v\n%s", name, err, document)
			}
			if element, ok := token.(xml.StartElement); ok && !allowed[element.Name.Local] {
				t.Errorf("%s: element <%s>", name, element.Name.Local)
			}
		}
	}
}

// Many numbers of a table are incomparable for one reason, which is long.
func TestAReasonSharedBySuccessiveRowsIsShownOnce(t *testing.T) {
	r := report()
	last := r.Judgements[1]
	r.Judgements = append(r.Judgements, last, claim.Judgement{Claim: "recall", Verdict: claim.TrendFails, Detail: "Spearman 0.1"}, last)
	document := reportHTML(r)
	for reason, want := range map[string]int{"Spearman 0.94": 1, "dataset differs": 2, "Spearman 0.1": 1} {
		if got := strings.Count(document, ">"+reason+"<"); got != want {
			t.Errorf("%q is in %d cells, want %d", reason, got, want)
		}
	}
	for span, want := range map[string]int{`rowspan="1"`: 3, `rowspan="2"`: 1} {
		if got := strings.Count(document, span); got != want {
			t.Errorf("%d cells with %s, want %d", got, span, want)
		}
	}
}

func TestWhatEveryRowHasIsSaidOnce(t *testing.T) {
	rows := table.New("source", "method", "note", "value")
	for i, method := range []string{"a", "b", "c", "d"} {
		if err := rows.Append("here", method, "", i); err != nil {
			t.Fatal(err)
		}
	}
	const line = "in every row: source here"
	for name, shown := range map[string]string{"html": tableHTML(Captioned{Table: rows}), "text": tableText(Captioned{Table: rows})} {
		if !strings.Contains(shown, line) || strings.Contains(shown, "note") || strings.Count(shown, "here") != 1 || !strings.Contains(shown, "method") {
			t.Errorf("%s: %s", name, shown)
		}
	}
	few := rows
	few.Rows = rows.Rows[:3]
	if shown := tableText(Captioned{Table: few}); strings.Contains(shown, line) {
		t.Errorf("three rows:\n%s", shown)
	}
	alike := table.New("a", "b")
	alike.Rows = slices.Repeat([][]string{{"1", "2"}}, 5)
	if shown := tableText(Captioned{Table: alike}); !strings.Contains(shown, "a  b") {
		t.Errorf("a table of equal rows has lost its columns:\n%s", shown)
	}
}

func TestLongTablesAreCutInTheMiddle(t *testing.T) {
	tidy := table.New("i")
	for i := range 1000 {
		if err := tidy.Append(i); err != nil {
			t.Fatal(err)
		}
	}
	for name, shown := range map[string]string{"html": tableHTML(Captioned{Table: tidy}), "text": tableText(Captioned{Table: tidy})} {
		if !strings.Contains(shown, "976 more rows") || !strings.Contains(shown, "999") || strings.Contains(shown, "500") {
			t.Errorf("%s: want the first and last rows and a note of 976 between", name)
		}
	}
}

func TestEveryVerdictHasALook(t *testing.T) {
	for _, v := range []claim.Verdict{claim.Reproduced, claim.Differs, claim.TrendHolds, claim.TrendFails, claim.Undecided, claim.NotComparable, claim.NotRun} {
		if look := verdictLook[v]; look.mark == "" || look.colour == "" {
			t.Errorf("%q has no mark or colour", v)
		}
	}
}

func TestFailuresAreOneLine(t *testing.T) {
	boom := fmt.Errorf("a: b: %w", errors.New("open\nx at main.go:13"))
	for name, f := range map[string]func(){
		"Check": func() { Check(boom) },
		"Must":  func() { Must(1, boom) },
		"Show":  func() { Show(1, boom) },
	} {
		capture(t)
		if got, want := captureFailure(t, f), "error: a: b: open x at main.go line 13\n"; got != want {
			t.Errorf("%s printed %q, want %q", name, got, want)
		}
	}
	if got := captureFailure(t, func() { Check(fmt.Errorf("train: %w", context.Canceled)) }); !strings.HasPrefix(got, "interrupted; run the cell again") {
		t.Errorf("an interrupt reads %q", got)
	}
	Check(nil)
	if got := Must(3, nil); got != 3 {
		t.Errorf("Must returned %d", got)
	}
}

func TestCatchTurnsAPanicIntoOneLine(t *testing.T) {
	got := captureFailure(t, func() {
		defer Catch()
		var empty []int
		_ = empty[len(os.Args)+3]
	})
	if !strings.HasPrefix(got, "error: panic: runtime error: index out of range") || strings.Count(got, "\n") != 1 {
		t.Errorf("printed %q", got)
	}
	defer Catch() // nothing to catch, nothing to do
}

// The kernel exits on a line of standard error with a position behind two colons.
func TestErrorLinesCannotStopTheKernel(t *testing.T) {
	safe := func(parts []string) bool {
		line := errorLine(errors.New(strings.Join(parts, ": main.go:7\n")))
		return !strings.Contains(line, ".go:") && !strings.Contains(line, "\n")
	}
	if err := quick.Check(safe, nil); err != nil {
		t.Error(err)
	}
}

func TestTier(t *testing.T) {
	t.Setenv(TierVariable, "")
	if got := Tier(); got != tier.Quick {
		t.Errorf("without a setting the tier is %s", got)
	}
	t.Setenv(TierVariable, "smoke")
	if got := Tier(); got != tier.Smoke {
		t.Errorf("tier %s, want smoke", got)
	}
	t.Setenv(TierVariable, "huge")
	if got := captureFailure(t, func() { Tier() }); !strings.Contains(got, `NOISEBOOK_TIER: unknown tier "huge"`) {
		t.Errorf("printed %q", got)
	}
}

func TestContextEndsOnInterrupt(t *testing.T) {
	ctx := Context()
	process, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Signal(os.Interrupt); err != nil {
		t.Skipf("no signals here: %v", err)
	}
	select {
	case <-ctx.Done():
	case <-time.After(5 * time.Second):
		t.Fatal("the context lives on after an interrupt")
	}
}

func TestStoreFolder(t *testing.T) {
	t.Setenv("NOISEBOOK_STORE", "")
	t.Setenv("NOISEBOOK_ROOT", "checkout")
	if got := storeFolder(); !strings.HasSuffix(got, ".noisebook") || !strings.HasPrefix(got, "checkout") {
		t.Errorf("a cell of the kernel uses %q", got)
	}
	t.Setenv("NOISEBOOK_STORE", "elsewhere")
	if got := storeFolder(); got != "" {
		t.Errorf("NOISEBOOK_STORE is set, but the folder is %q", got)
	}
}

func TestAnswersOfAStageShareABlock(t *testing.T) {
	screen := &frames{last: map[string]string{}}
	p := &Progress{stages: map[string]*stageView{}, cached: map[string]*answers{}, now: time.Now, update: screen.update}
	answer := func(stage, run string) {
		p.StageFinished(track.StageEvent{Stage: stage, Run: run, Cached: true, Age: time.Minute}, nil)
	}
	answer("sample", "a1")
	answer("score", "b1")
	answer("sample", "a2")
	answer("sample", "a3")
	if len(screen.last) != 2 {
		t.Fatalf("%d blocks for two stages: %v", len(screen.last), screen.last)
	}
	for _, content := range screen.last {
		switch {
		case strings.Contains(content, "score"):
			if strings.Contains(content, "more") {
				t.Errorf("one answer shows as %q", content)
			}
		default:
			for _, want := range []string{"and 2 more", "run a1", "run a2", "run a3", "<details>"} {
				if !strings.Contains(content, want) {
					t.Errorf("%q does not show %q", content, want)
				}
			}
		}
	}
}

// frames is a notebook's display: the last content and the count of updates by id.
type frames struct {
	last  map[string]string
	count int
}

func (f *frames) update(id, html string) {
	f.last[id] = html
	f.count++
}

func TestProgressInANotebook(t *testing.T) {
	out := capture(t)
	clock := time.Unix(0, 0)
	screen := frames{last: map[string]string{}}
	p := &Progress{stages: map[string]*stageView{}, cached: map[string]*answers{}, now: func() time.Time { return clock }, update: screen.update}
	event := track.StageEvent{Stage: "train <1>", Run: "r1", Attempt: 1}
	p.StageStarted(event)
	for i := 1; i <= 100; i++ { // ten steps a second for ten seconds
		clock = clock.Add(100 * time.Millisecond)
		p.StageProgress(event, i, 100, map[string]float64{"loss": 1 / float64(i), "loss_class": 9, "rate": 1e-3})
	}
	if screen.count > 12 {
		t.Errorf("%d frames in ten seconds, want one a second", screen.count)
	}
	if len(screen.last) != 1 {
		t.Fatalf("%d blocks for one stage", len(screen.last))
	}
	last := func() string {
		for _, html := range screen.last {
			return html
		}
		return ""
	}
	for _, want := range []string{"train &lt;1&gt;", `<progress max="100" value="100">`, "loss 0.01", "rate 0.001", `src="data:image/svg+xml;base64,`} {
		if !strings.Contains(last(), want) {
			t.Errorf("the block lacks %q:\n%s", want, last())
		}
	}
	event.Duration = 10 * time.Second
	p.StageFinished(event, nil)
	if got := last(); !strings.Contains(got, "computed in 10s (run r1)") || strings.Contains(got, "<progress") || !strings.Contains(got, "<img") {
		t.Errorf("the last state is %s", got)
	}
	p.StageFinished(track.StageEvent{Stage: "train", Run: "r0", Cached: true, Age: 3 * time.Hour}, nil)
	if want := "<div>train: cached from run r0 (3 h ago)</div>"; !slices.Contains(slices.Collect(maps.Values(screen.last)), want) {
		t.Errorf("a cached stage shows %v, want %q", screen.last, want)
	}
	if out.String() != "" {
		t.Errorf("in a notebook stages print %q beside their blocks", out)
	}
}

func TestProgressInATerminal(t *testing.T) {
	out := capture(t)
	clock := time.Unix(0, 0)
	p := &Progress{stages: map[string]*stageView{}, cached: map[string]*answers{}, now: func() time.Time { return clock }}
	event := track.StageEvent{Stage: "train", Run: "r1", Attempt: 1}
	p.StageStarted(event)
	for i := range 31 {
		p.StageProgress(event, i*10, 300, map[string]float64{"loss": 0.5})
		clock = clock.Add(time.Second)
	}
	p.StageWarning(event, "the disk is slow")
	p.StageFinished(event, context.Canceled)
	want := "train: running (run r1)\n" +
		"train: 0/300 · loss 0.5\n" +
		"train: 100/300 · 20s left · loss 0.5\n" +
		"train: 200/300 · 10s left · loss 0.5\n" +
		"train: 300/300 · loss 0.5\n" +
		"warning: stage train: the disk is slow\n" +
		"train: stopped: interrupted; run the cell again to go on from the last checkpoint\n"
	if out.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", out, want)
	}
}

// Through the store, as a cell does it.
func TestProgressObservesAStore(t *testing.T) {
	out := capture(t)
	t.Setenv("NOISEBOOK_STORE", t.TempDir())
	store := Store()
	stage := track.Stage[int, float64]{Name: "square", Version: 1, Run: func(_ context.Context, _ *track.Job, c int) (float64, error) {
		return float64(c * c), nil
	}}
	for range 2 {
		if _, err := track.Do(context.Background(), store, stage, 3); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"square: running (run ", "square: computed in ", "square: cached from run "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
}

// The curve keeps the mean of what it was given, in order, in bounded memory.
func TestHistoryIsARunningMean(t *testing.T) {
	property := func(values []float64, many uint16) bool {
		var h history
		sum, count := 0.0, 0
		for i := range int(many) + len(values) {
			v := float64(i % 7)
			if i < len(values) {
				v = math.Mod(values[i], 100)
			}
			h.add(i, v)
			if !math.IsNaN(v) {
				sum, count = sum+v, count+1
			}
		}
		total, seen, previous := 0.0, 0, -1.0
		for _, p := range h.points {
			if p.step <= previous {
				return false
			}
			previous = p.step
			total, seen = total+p.value*float64(p.count), seen+p.count
		}
		return len(h.points) <= historySize && seen == count && math.Abs(total-sum) < 1e-6*(1+math.Abs(sum))
	}
	if err := quick.Check(property, nil); err != nil {
		t.Error(err)
	}
}

func TestHistoryDraws(t *testing.T) {
	for name, values := range map[string][]float64{
		"constant": {2, 2, 2}, "falls far": {1000, 10, 0.1}, "negative": {-1, 0, 1}, "not finite": {1, math.NaN(), math.Inf(1), 2},
	} {
		h := history{name: "loss <total>"}
		for i, v := range values {
			h.add(i, v)
		}
		svg := h.svg()
		if err := xml.Unmarshal([]byte(svg), new(struct{ XMLName xml.Name })); err != nil {
			t.Errorf("%s: %v\n%s", name, err, svg)
		}
		if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Errorf("%s: a position is not finite: %s", name, svg)
		}
	}
	if (&history{points: make([]sample, 1)}).svg() != "" {
		t.Error("one point made a curve")
	}
}

// interactive is a value with scripts and a static twin.
type interactive struct{ twin *figure.Figure }

func (i interactive) HTML() string           { return "<img><script></script>" }
func (i interactive) Static() *figure.Figure { return i.twin }

func TestInteractiveHasAText(t *testing.T) {
	var out strings.Builder
	output = &out
	defer func() { output = standardOutput{} }()
	Show(interactive{smallFigure(t)}, interactive{})
	if got := out.String(); !strings.HasPrefix(got, "[figure, ") || !strings.HasSuffix(got, "[interactive]\n") {
		t.Errorf("shown as %q", got)
	}
}
