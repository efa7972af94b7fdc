// -*- coding: utf-8 -*-
// ---
// jupyter:
//   kernelspec:
//     display_name: Noisebook (Go)
//     language: go
//     name: noisebook
// ---

// %% [markdown]
// # 2. A notebook that remembers
//
// Here is a strange fact about this notebook: **every cell is a new process.** It is compiled, runs, and is gone, and all its variables with it. So how can
// a cell know what the one above it found? It asks the *run store*: a folder in which every process writes down what it does, while it does it.
//
// What we do in it needs no network and no data. A ball rolls down into a banana-shaped valley,
//
// $$f(x, y) = (1-x)^2 + 100\,(y-x^2)^2,$$
//
// which Rosenbrock bent in 1960 to annoy optimisers: its walls are steep, its floor is nearly flat, and the lowest point, $f(1,1) = 0$, lies far along the floor.

// %% tags=["parameters"]
import (
	"fmt"

	"noisebook/pkg/notebook"
)

// Parameters: change them and run all cells.
var (
	rate     = 0.001 // length of a step, in gradients
	momentum = 0.9   // share of the last step that goes into the next
)

// ball is a place in the valley and the step that led there.
type ball struct{ X, Y, DX, DY float64 }

func (b ball) height() float64 {
	far, off := 1-b.X, b.Y-b.X*b.X
	return far*far + 100*off*off
}

// roll is one step of gradient descent.
func (b ball) roll(rate, momentum float64) ball {
	off := b.Y - b.X*b.X
	b.DX = momentum*b.DX + rate*(2*(1-b.X)+400*b.X*off)
	b.DY = momentum*b.DY - rate*200*off
	b.X, b.Y = b.X+b.DX, b.Y+b.DY
	return b
}

//gonb:%%
defer notebook.Catch()
top := ball{X: -1.2, Y: 1}
notebook.Show(fmt.Sprintf("The ball starts at (%g, %g), at height %.1f", top.X, top.Y, top.height()))

// %% [markdown]
// ## 1. Write it down
//
// `Start` opens a run, `Log` records numbers at a step, `End` says that it is over. `Log` takes about a microsecond and never waits for the disk, so call it as
// often as you like: here at each of 1,500 steps. We begin without momentum.

// %%
import (
	"fmt"

	"noisebook/pkg/notebook"
	"noisebook/pkg/track"
)

//gonb:%%
defer notebook.Catch()
ctx, store := notebook.Context(), notebook.Store()
run := notebook.Must(store.Start(ctx, track.StartOptions{
	Name:   "learn/valley",
	Config: map[string]any{"rate": rate, "momentum": 0},
}))
at := ball{X: -1.2, Y: 1}
for step := range 1500 {
	run.Log(step, map[string]float64{"height": at.height(), "x": at.X, "y": at.Y})
	at = at.roll(rate, 0)
}
notebook.Check(run.End(ctx.Err()))
notebook.Show(fmt.Sprintf("run %s: down to %.3g, at (%.2f, %.2f)", run.ID(), at.height(), at.X, at.Y))

// %% [markdown]
// ## 2. Go on in another process
//
// That process is gone. This one looks up the newest run of that name, reads where the ball lay, *attaches* to the run and rolls on, now with momentum. `Attach` works from any
// process, another notebook's too, while the run goes on or a year later.

// %%
import (
	"fmt"

	"noisebook/pkg/notebook"
	"noisebook/pkg/track"
)

// newest is the latest run of a name.
func newest(store *track.Store, name string) track.Run {
	for _, run := range notebook.Must(store.Runs()) {
		if run.Name == name {
			return run
		}
	}
	notebook.Check(fmt.Errorf("no run is called %s yet: run the cells above", name))
	return track.Run{}
}

//gonb:%%
defer notebook.Catch()
store := notebook.Store()
before := newest(store, "learn/valley")
run := notebook.Must(store.Attach(before.ID))
run.Param("momentum", momentum)
at := ball{X: float64(before.Last["x"].Value), Y: float64(before.Last["y"].Value)}
first := before.Last["height"].Step + 1
for step := first; step < first+1500; step++ {
	at = at.roll(rate, momentum)
	run.Log(step, map[string]float64{"height": at.height(), "x": at.X, "y": at.Y})
}
run.Tag("lesson", "tracking")
run.Note(fmt.Sprintf("momentum %g from step %d on: was that worth it?", momentum, first))
notebook.Check(run.End(nil))
notebook.Show(fmt.Sprintf("run %s goes on at step %d: down to %.3g, at (%.4f, %.4f)", run.ID(), first, at.height(), at.X, at.Y))

// %% [markdown]
// ## 3. Look back
//
// A third process draws what the first two wrote. One run, one curve, though two processes made it. And what do params, tags and notes say?

// %%
import (
	"fmt"
	"math"

	"noisebook/pkg/figure"
	"noisebook/pkg/notebook"
	"noisebook/pkg/table"
	"noisebook/pkg/track"
)

//gonb:%%
defer notebook.Catch()
store := notebook.Store()
run := newest(store, "learn/valley")
curve := table.New("step", "log10_height")
for i, p := range notebook.Must(run.Curve("height")) {
	if i%50 == 0 {
		notebook.Check(curve.Append(p.Step, math.Log10(float64(p.Value))))
	}
}
notebook.Show(notebook.Must(figure.Curves(curve, figure.CurvesSpec{
	X: "step", Y: "log10_height", Title: "Down the valley", YLabel: "log10 of the height",
	Bands:      []figure.Band{{From: 1500, To: 3000, Label: "with momentum"}},
	Provenance: map[string]string{"run": run.ID},
})))
fmt.Println("params", run.Params)
fmt.Println("tags  ", run.Tags)
for _, event := range notebook.Must(run.Journal()).Events {
	if event.Type == track.EventNote {
		fmt.Println("note  ", event.Text)
	}
}

// %% [markdown]
// ## 4. Compute it once
//
// Some things take long, and you ask for them again and again. Make them a **stage**: a function of a config whose result the store keeps. Ours lets 40,000 balls roll, one from every
// place with $-2 \le x < 2$ and $-1 < y \le 3$, and colours the place: gold where the ball was at the lowest point in no time, blue where it took long. From the black places it flies away for ever.
//
// Look at the line above the picture: it says whether the stage was computed, and why, or where the answer came from.

// %%
import (
	"context"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"

	"noisebook/pkg/notebook"
	"noisebook/pkg/track"
)

// mapping is all that the map depends on: another value, another map.
type mapping struct {
	Rate, Momentum float64
	Size, Patience int
}

// atlas is what the stage returns. A picture is kept as a file of the store.
type atlas struct {
	Picture track.Artifact
	Lost    float64 // share of the balls that fly away
}

var draw = track.Stage[mapping, atlas]{Name: "learn/valley-map", Version: 1, Run: func(ctx context.Context, job *track.Job, c mapping) (atlas, error) {
	picture, lost := image.NewRGBA(image.Rect(0, 0, c.Size, c.Size)), 0
	for row := range c.Size {
		if ctx.Err() != nil {
			return atlas{}, ctx.Err()
		}
		for column := range c.Size {
			at := ball{X: -2 + 4*float64(column)/float64(c.Size), Y: 3 - 4*float64(row)/float64(c.Size)}
			step := 0
			for step < c.Patience && at.height() > 1e-3 && at.height() < 1e12 {
				at = at.roll(c.Rate, c.Momentum)
				step++
			}
			shade := color.RGBA{A: 255}
			if h := at.height(); h < 1e12 { // false for NaN as well
				quick := 1 - math.Sqrt(float64(step)/float64(c.Patience))
				shade = color.RGBA{uint8(40 + 215*quick), uint8(60 + 150*quick*quick), uint8(140 - 60*quick), 255}
			} else {
				lost++
			}
			picture.SetRGBA(column, row, shade)
		}
		job.Progress(row+1, c.Size, nil)
	}
	kept, err := job.Image("map", 0, picture)
	return atlas{Picture: kept, Lost: float64(lost) / float64(c.Size*c.Size)}, err
}}

// load reads a picture of the store.
func load(store *track.Store, picture track.Artifact) image.Image {
	file := notebook.Must(os.Open(notebook.Must(store.Path(picture))))
	defer file.Close()
	return notebook.Must(png.Decode(file))
}

//gonb:%%
defer notebook.Catch()
store := notebook.Store()
drawn := notebook.Must(track.Do(notebook.Context(), store, draw, mapping{rate, momentum, 200, 1500}))
notebook.Show(load(store, drawn.Value.Picture))

// %% [markdown]
// The edge of the black is no smooth line: where a ball ends can hang on the last digit of where it began. Now ask for the same map *again*, in a new process, and then for one with a little less momentum.

// %%
import (
	"fmt"

	"noisebook/pkg/notebook"
	"noisebook/pkg/track"
)

//gonb:%%
defer notebook.Catch()
ctx, store := notebook.Context(), notebook.Store()
again := notebook.Must(track.Do(ctx, store, draw, mapping{rate, momentum, 200, 1500}))
calm := notebook.Must(track.Do(ctx, store, draw, mapping{rate, momentum - 0.1, 200, 1500}))
notebook.Show(load(store, calm.Value.Picture))
notebook.Show(fmt.Sprintf("lost: %.1f %% with momentum %g, %.1f %% with %g",
	100*again.Value.Lost, momentum, 100*calm.Value.Lost, momentum-0.1))

// %% [markdown]
// The first answer came from the store in no time, with its age and the run that it is from; the second names the one value that made it another question. `noisebook cache why RUN` tells the same in a terminal.
//
// ## 5. A small sweep
//
// Runs may have parts. A parent of kind *sweep* holds six members, each a run of its own with its params and its curve. One of them will not survive; it is recorded as failed, and the others
// do not care.

// %%
import (
	"fmt"

	"noisebook/pkg/notebook"
	"noisebook/pkg/track"
)

//gonb:%%
defer notebook.Catch()
ctx, store := notebook.Context(), notebook.Store()
sweep := notebook.Must(store.Start(ctx, track.StartOptions{Name: "learn/valley-sweep", Kind: track.KindSweep}))
for _, r := range []float64{0.0005, 0.002} {
	for _, m := range []float64{0, 0.9, 0.97} {
		member := notebook.Must(store.Start(ctx, track.StartOptions{
			Name: "learn/valley-member", Parent: sweep.ID(), Config: map[string]any{"rate": r, "momentum": m},
		}))
		at, err := ball{X: -1.2, Y: 1}, ctx.Err()
		for step := 0; step < 2000 && err == nil; step++ {
			member.LogValue("height", step, at.height())
			at = at.roll(r, m)
			if !(at.height() < 1e6) {
				err = fmt.Errorf("flew away at step %d", step)
			}
		}
		notebook.Check(member.End(err))
	}
}
notebook.Check(sweep.End(ctx.Err()))
notebook.Show(sweep.ID())

// %% [markdown]
// And the comparison, once more by a process that knows nothing but the store:

// %%
import (
	"fmt"
	"math"

	"noisebook/pkg/figure"
	"noisebook/pkg/notebook"
	"noisebook/pkg/table"
)

//gonb:%%
defer notebook.Catch()
store := notebook.Store()
sweep := newest(store, "learn/valley-sweep")
members := table.New("run", "rate", "momentum", "state", "last height", "error")
curves := table.New("step", "log10_height", "momentum", "rate")
for _, run := range notebook.Must(store.Children(sweep.ID)) {
	r, m := run.Params["rate"], run.Params["momentum"]
	notebook.Check(members.Append(run.ID, fmt.Sprint(r), fmt.Sprint(m), string(run.State), float64(run.Last["height"].Value), run.Error))
	for i, p := range notebook.Must(run.Curve("height")) {
		if i%40 == 0 {
			notebook.Check(curves.Append(p.Step, math.Log10(float64(p.Value)), fmt.Sprint(m), fmt.Sprint("rate ", r)))
		}
	}
}
notebook.Show(
	notebook.Captioned{Table: members, Caption: "Members of sweep " + sweep.ID},
	notebook.Must(figure.Curves(curves, figure.CurvesSpec{
		X: "step", Y: "log10_height", Group: "momentum", Panel: "rate", GroupLabel: "momentum",
		Title: "Six ways down", YLabel: "log10 of the height", Provenance: map[string]string{"run": sweep.ID},
	})),
)

// %% [markdown]
// ## 6. Press stop
//
// The stop button sends an interrupt. The kernel then gives a cell five seconds, so a loop that looks at its context can end in order; the run is then *interrupted*, which is not *failed*: it can go on.
// Nobody is here to press the button, so this cell does it by itself at step 700.

// %%
import (
	"fmt"
	"os"
	"time"

	"noisebook/pkg/notebook"
	"noisebook/pkg/track"
)

//gonb:%%
defer notebook.Catch()
ctx, store := notebook.Context(), notebook.Store()
run := notebook.Must(store.Start(ctx, track.StartOptions{Name: "learn/valley-stopped"}))
at := ball{X: -1.2, Y: 1}
for step := 0; step < 100_000 && ctx.Err() == nil; step++ {
	run.Log(step, map[string]float64{"height": at.height(), "x": at.X, "y": at.Y})
	at = at.roll(rate, 0)
	if step == 700 {
		self := notebook.Must(os.FindProcess(os.Getpid()))
		notebook.Check(self.Signal(os.Interrupt)) // what the stop button does
		time.Sleep(100 * time.Millisecond)
	}
}
notebook.Check(run.End(ctx.Err()))
ended := notebook.Must(store.Run(run.ID()))
notebook.Show(fmt.Sprintf("run %s is %s at step %d", ended.ID, ended.State, ended.Last["height"].Step))

// %% [markdown]
// `Resume` begins a second *attempt* of the same run, which goes on from what the first one logged. Had the power failed instead, the run would be *crashed* as soon as anyone looked, what was logged
// until two seconds before would be there, and `Resume` would work just the same.

// %%
import (
	"fmt"

	"noisebook/pkg/notebook"
)

//gonb:%%
defer notebook.Catch()
ctx, store := notebook.Context(), notebook.Store()
stopped := newest(store, "learn/valley-stopped")
run := notebook.Must(store.Resume(ctx, stopped.ID))
at := ball{X: float64(stopped.Last["x"].Value), Y: float64(stopped.Last["y"].Value)}
for step := stopped.Last["height"].Step + 1; step < 1500 && ctx.Err() == nil; step++ {
	at = at.roll(rate, 0)
	run.Log(step, map[string]float64{"height": at.height(), "x": at.X, "y": at.Y})
}
notebook.Check(run.End(ctx.Err()))
whole := notebook.Must(store.Run(run.ID()))
points := notebook.Must(whole.Curve("height"))
notebook.Show(fmt.Sprintf("run %s is %s after %d attempts: %d points, down to %.3g", whole.ID, whole.State, whole.Attempts, len(points), points[len(points)-1].Value))

// %% [markdown]
// ## Try it yourself
//
// - **Forget to end.** Delete the line with `run.End` in part 1, run that cell and then `noisebook runs` in a terminal. What does the store say of the run, and how can it know?
// - **Restart the kernel** and run only part 3, after the cells that declare. Did the notebook lose anything?
// - **Ask a third time.** Run part 4 again: what do its lines say now? Then change `Patience`: which of the maps are computed?
// - **Another palette.** Swap two colours in the stage and run part 4. Why does the old picture come back, and which number must you raise? (Nobody else can know that the new code means another result.)
// - **Save the sixth.** Which `rate` lets every member survive, and which of them is then the lowest?
// - **A question.** Resumed with momentum, the run of part 6 would *not* go the same way as one that was never stopped. Which two numbers would have to be logged as well?
//
// In a terminal, `noisebook show RUN` has all that is known of a run. Next: `03-evaluating.ipynb` asks how good samples are; `docs/tracking.md` shows the rest of the
// store: jobs in the background, sweeps over seeds, reruns and exports.
