package setup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"noisebook/pkg/fetch"
)

// oldestPython is the least minor version of Python 3 for which requirements.txt is made.
const oldestPython = 10

const pythonAdvice = "install Python 3.10 or newer with venv (Debian: apt-get install python3 python3-venv), or set NOISEBOOK_PYTHON to one"

func pythonPart() Part {
	return Part{
		Name:   "Python",
		Advice: pythonAdvice,
		Check: func(ctx context.Context) Status {
			python, err := findPython(ctx)
			if err != nil {
				return Status{Missing, err.Error()}
			}
			return Status{Ready, fmt.Sprintf("%s (%s)", python.version, python.path)}
		},
	}
}

type python struct{ path, version string }

// findPython returns NOISEBOOK_PYTHON if it is set, else the first Python on the search path that is new enough and can make
// virtual environments.
func findPython(ctx context.Context) (python, error) {
	if chosen := os.Getenv("NOISEBOOK_PYTHON"); chosen != "" {
		p, err := examinePython(ctx, chosen)
		if err != nil {
			return p, fmt.Errorf("NOISEBOOK_PYTHON: %w", err)
		}
		return p, nil
	}
	var reasons []string
	for _, name := range []string{"python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python"} {
		p, err := examinePython(ctx, name)
		if err == nil {
			return p, nil
		}
		if ctx.Err() != nil {
			return p, context.Cause(ctx)
		}
		if !strings.HasSuffix(err.Error(), "is not installed") {
			reasons = append(reasons, err.Error())
		}
	}
	if reasons == nil {
		return python{}, errors.New("python3 is not installed")
	}
	return python{}, errors.New(strings.Join(reasons, "; "))
}

// examinePython asks a Python for its path and version, and whether it can make virtual environments.
func examinePython(ctx context.Context, name string) (python, error) {
	const script = `import sys
sys.stdout.write("%s\n%d.%d.%d\n" % ((sys.executable,) + sys.version_info[:3]))
import venv, ensurepip`
	text, err := output(ctx, "", name, "-c", script)
	if err != nil {
		if strings.Contains(err.Error(), "ImportError") || strings.Contains(err.Error(), "ModuleNotFoundError") {
			err = fmt.Errorf("%s cannot make virtual environments", name)
		}
		return python{}, err
	}
	path, release, _ := strings.Cut(text, "\n")
	var major, minor int
	if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err != nil {
		return python{}, fmt.Errorf("%s answers %q when asked for its version", name, text)
	}
	if major != 3 || minor < oldestPython {
		return python{}, fmt.Errorf("%s is Python %s, needed is 3.%d or newer", name, release, oldestPython)
	}
	return python{path, release}, nil
}

// environmentPart is the virtual environment .venv with the packages of requirements.txt.
func environmentPart(root string) Part {
	environment := filepath.Join(root, ".venv")
	requirements := filepath.Join(root, "requirements.txt")
	return Part{
		Name:   "Python packages",
		Group:  "python",
		Advice: command("python"),
		Check: func(ctx context.Context) Status {
			wanted, err := fetch.Digest(requirements)
			if err != nil {
				return Status{Missing, err.Error()}
			}
			have, err := os.ReadFile(stampPath(environment))
			if errors.Is(err, os.ErrNotExist) {
				return Status{Missing, ".venv is not set up"}
			}
			if err != nil {
				return Status{Missing, err.Error()}
			}
			if strings.TrimSpace(string(have)) != wanted {
				return Status{Missing, ".venv is of another requirements.txt"}
			}
			// A removed or updated Python leaves an environment that no longer starts.
			found, err := output(ctx, root, environmentPython(environment), "-c",
				`from importlib.metadata import version; print("JupyterLab", version("jupyterlab"))`)
			if err != nil {
				return Status{Missing, err.Error()}
			}
			return Status{Ready, found + " in .venv"}
		},
		Mend: func(ctx context.Context, progress fetch.Progress) error {
			return makeEnvironment(ctx, environment, requirements, progress)
		},
	}
}

func environmentPython(environment string) string { return filepath.Join(environment, "bin", "python") }

// stampPath holds the digest of the requirements that are completely installed.
func stampPath(environment string) string { return filepath.Join(environment, "requirements.sha256") }

func makeEnvironment(ctx context.Context, environment, requirements string, progress fetch.Progress) error {
	if err := os.Remove(stampPath(environment)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	step := func(what string) { progress.Report(fetch.Event{File: "Python packages", Source: what, Total: -1}) }
	if _, err := output(ctx, "", environmentPython(environment), "-m", "pip", "--version"); err != nil {
		python, err := findPython(ctx)
		if err != nil {
			return fmt.Errorf("%w; %s", err, pythonAdvice)
		}
		step("virtual environment of " + python.path)
		if _, err := output(ctx, "", python.path, "-m", "venv", "--clear", environment); err != nil {
			return err
		}
	}
	step("pip install -r requirements.txt")
	pip := exec.CommandContext(ctx, environmentPython(environment), "-m", "pip", "install", "--disable-pip-version-check", "--no-input",
		"--progress-bar", "off", "-r", requirements)
	pip.WaitDelay = 2 * time.Second
	lines := &lineReporter{report: step}
	var complaints bytes.Buffer
	pip.Stdout, pip.Stderr = lines, &complaints
	if err := pip.Run(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		err = fmt.Errorf("pip: %w: %s", err, fetch.Complaint(complaints.String()))
		return fmt.Errorf("%w; to supply the packages by hand, put their wheels into a folder, set PIP_FIND_LINKS to it and PIP_NO_INDEX=1, "+
			"and run: %s", err, command("python"))
	}
	digest, err := fetch.Digest(requirements)
	if err != nil {
		return err
	}
	return os.WriteFile(stampPath(environment), []byte(digest+"\n"), 0o644)
}

// lineReporter reports the lines that a program prints, one every few seconds.
type lineReporter struct {
	report func(line string)
	rest   []byte // an unfinished line
	last   time.Time
}

func (r *lineReporter) Write(text []byte) (int, error) {
	const interval = 2 * time.Second
	r.rest = append(r.rest, text...)
	for {
		line, rest, complete := bytes.Cut(r.rest, []byte("\n"))
		if !complete {
			return len(text), nil
		}
		r.rest = rest
		if line = bytes.TrimSpace(line); len(line) > 0 && time.Since(r.last) >= interval {
			r.last = time.Now()
			r.report("pip: " + string(line))
		}
	}
}
