package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Command gets a file by running a program, such as a package manager's download, in an empty folder. Its failure is
// permanent: such programs retry by themselves.
type Command struct {
	Args   []string // program and arguments
	Result string   // pattern (see [filepath.Match]) of the one file that it leaves in the folder
}

func (c Command) String() string { return strings.Join(c.Args, " ") }

// Open implements [Source].
func (c Command) Open(ctx context.Context, scratch string) (io.ReadCloser, int64, error) {
	path, err := c.Run(ctx, scratch)
	if err != nil {
		return nil, 0, Permanent(err)
	}
	return openFile(path)
}

// Run runs the program in folder and returns the path of the file that it left there.
func (c Command) Run(ctx context.Context, folder string) (string, error) {
	command := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	command.Dir = folder
	command.WaitDelay = 2 * time.Second
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Run(); err != nil {
		switch {
		case ctx.Err() != nil:
			return "", context.Cause(ctx)
		case errors.Is(err, exec.ErrNotFound):
			return "", fmt.Errorf("%s is not installed", c.Args[0])
		}
		return "", fmt.Errorf("%w: %s", err, Complaint(output.String()))
	}
	found, err := filepath.Glob(filepath.Join(folder, c.Result))
	if err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", fmt.Errorf("it left %d files that match %s instead of one", len(found), c.Result)
	}
	return found[0], nil
}

// Complaint is the last line of a program's output that speaks of an error, else its last line.
func Complaint(output string) string {
	const longest = 300
	last, chosen := "", ""
	for line := range strings.Lines(output) {
		line = oneLine(line)
		if line == "" {
			continue
		}
		last = line
		if lower := strings.ToLower(line); strings.HasPrefix(lower, "e:") || strings.HasPrefix(lower, "error") {
			chosen = line
		}
	}
	if chosen == "" {
		chosen = last
	}
	if len(chosen) > longest {
		chosen = strings.ToValidUTF8(chosen[:longest], "") + "…"
	}
	return chosen
}

// Path is a file that may already be on this machine.
type Path string

func (p Path) String() string { return string(p) }

// Open implements [Source].
func (p Path) Open(_ context.Context, _ string) (io.ReadCloser, int64, error) {
	content, size, err := openFile(string(p))
	if errors.Is(err, os.ErrNotExist) {
		err = errors.New("no such file")
	}
	return content, size, Permanent(err)
}

func openFile(path string) (io.ReadCloser, int64, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := in.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a folder", path)
	}
	if err != nil {
		in.Close()
		return nil, 0, err
	}
	return in, info.Size(), nil
}
