package notebook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"noisebook/pkg/claim"
	"noisebook/pkg/figure"
	"noisebook/pkg/launch"
	"noisebook/pkg/table"
	"noisebook/pkg/track"
)

// stopTimeout is how long Stop waits for a checkpoint.
const stopTimeout = time.Minute

// Start runs an artifact in the background, as `noisebook start` does: it
// survives an interrupt, a restart of the kernel and a closed browser. The
// arguments are those of noisebook run, such as "--set", "model.train.steps=500";
// without "--tier" the notebook's tier counts. It returns the run, for [Follow] in
// any cell of any kernel. A job that is at work already is not started twice.
func Start(artifact string, arguments ...string) (run string) {
	started, err := startJob(artifact, arguments)
	if err != nil {
		fail(err, 2)
	}
	what := "started"
	switch {
	case started.Attached:
		what = "is running already"
	case started.Resumed:
		what = "resumed"
	}
	fmt.Fprintf(output, "%s %s as run %s\n", artifact, what, started.Run)
	return started.Run
}

func startJob(artifact string, arguments []string) (started launch.Started, err error) {
	store, err := track.Open(storeFolder())
	if err != nil {
		return started, err
	}
	root, err := checkout()
	if err != nil {
		return started, err
	}
	program := filepath.Join(root, "bin", "noisebook")
	if _, err := os.Stat(program); err != nil {
		return started, fmt.Errorf("%s is not built: run `make build` in the repository", program)
	}
	arguments = append([]string{"start", artifact, "--json"}, arguments...)
	if !slices.ContainsFunc(arguments, func(a string) bool { return a == "--tier" || strings.HasPrefix(a, "--tier=") }) {
		arguments = append(arguments, "--tier", Tier().String())
	}
	var out, problem bytes.Buffer
	command := exec.Command(program, arguments...)
	command.Dir, command.Env = root, append(os.Environ(), "NOISEBOOK_STORE="+store.Dir())
	command.Stdout, command.Stderr = &out, &problem
	if err := command.Run(); err != nil {
		if line := strings.TrimPrefix(strings.TrimSpace(problem.String()), "error: "); line != "" {
			err = errors.New(line)
		}
		return started, err
	}
	if err := json.Unmarshal(out.Bytes(), &started); err != nil {
		return started, fmt.Errorf("%s is older than the notebook, run `make build`: %w", program, err)
	}
	return started, nil
}

// checkout is the root of the repository that the cell belongs to.
func checkout() (string, error) {
	if root := os.Getenv("NOISEBOOK_ROOT"); root != "" {
		return root, nil
	}
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := folder; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is not inside the repository: set NOISEBOOK_ROOT to its folder", folder)
		}
	}
}

// Follow shows a job's progress until it ends, then its figures and verdicts, or
// a sweep's table. Interrupting the cell stops only the following. A job that
// fails ends the cell with its error.
func Follow(run string) {
	store, err := track.Open(storeFolder())
	if err != nil {
		fail(err, 2)
	}
	if err := follow(Context(), store, run, NewProgress()); err != nil {
		fail(err, 2)
	}
}

func follow(ctx context.Context, store *track.Store, id string, progress *Progress) error {
	run, err := store.Run(id)
	if err != nil {
		return err
	}
	run, err = launch.Follow(ctx, store, run.ID, earlier{progress, store})
	if errors.Is(err, context.Canceled) {
		fmt.Fprintf(output, "stopped following; run %s goes on\n", id)
		return nil
	}
	if err != nil {
		return err
	}
	problem := launch.Outcome(store, run)
	if problem == nil || run.Kind == track.KindSweep {
		if err := showOutcome(store, run); err != nil {
			return err
		}
	}
	flush()
	return problem
}

// Stop ends a job with a checkpoint, from which [Start] resumes it.
func Stop(run string) {
	store, err := track.Open(storeFolder())
	if err != nil {
		fail(err, 2)
	}
	stopped, err := launch.Stop(Context(), store, run, stopTimeout)
	if err != nil {
		fail(err, 2)
	}
	fmt.Fprintf(output, "%s (run %s) is %s\n", stopped.Title(), stopped.ID, stopped.State)
}

// earlier draws a stage that was followed late with the loss that it logged
// before.
type earlier struct {
	*Progress
	store *track.Store
}

// StageStarted opens the stage's block and fills in its curve.
func (e earlier) StageStarted(event track.StageEvent) {
	e.Progress.StageStarted(event)
	run, err := e.store.Run(event.Run)
	if err != nil {
		return
	}
	values := map[string]float64{}
	for name, point := range run.Last {
		values[name] = float64(point.Value)
	}
	name := lossName(values)
	if name == "" {
		return
	}
	points, err := run.Curve(name)
	if err != nil {
		return // the curve then begins here
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	view := e.view(event)
	view.loss.name = name
	for _, p := range points {
		view.loss.add(p.Step, float64(p.Value))
	}
}

// showOutcome shows what a job or sweep kept: figures first, then verdicts.
func showOutcome(store *track.Store, run track.Run) error {
	artifacts, err := launch.Artifacts(run)
	if err != nil {
		return err
	}
	read := func(name string, into func([]byte) error) error {
		artifact, ok := artifacts[name]
		if !ok {
			return nil
		}
		path, err := store.Path(artifact)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err == nil {
			err = into(content)
		}
		if err != nil {
			err = fmt.Errorf("%s of run %s: %w", name, run.ID, err)
		}
		return err
	}
	var parts []any
	for _, name := range slices.Sorted(maps.Keys(artifacts)) {
		title, isPicture := strings.CutSuffix(name, ".png")
		if _, vector := artifacts[title+".svg"]; !isPicture || !vector {
			continue
		}
		drawn := &figure.Figure{Caption: path.Base(title) + " of run " + run.ID}
		err := read(name, func(content []byte) error {
			size, err := png.DecodeConfig(bytes.NewReader(content))
			drawn.PNG, drawn.Width, drawn.Height = content, size.Width/2, size.Height/2 // twice the size, as figures are
			return err
		})
		if err == nil {
			err = read(title+".svg", func(content []byte) error { drawn.SVG = content; return nil })
		}
		if err != nil {
			return err
		}
		parts = append(parts, drawn)
	}
	err = read("report.json", func(content []byte) error {
		var report claim.Report
		err := json.Unmarshal(content, &report)
		parts = append(parts, report)
		return err
	})
	if err == nil {
		err = read("summary.csv", func(content []byte) error {
			summary, err := table.ReadCSV(bytes.NewReader(content))
			parts = append(parts, Captioned{Table: summary, Caption: run.Title() + ", run " + run.ID})
			return err
		})
	}
	for _, part := range parts {
		show(part)
	}
	return err
}
