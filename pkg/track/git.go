package track

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

func (p *processProvenance) fromGit(dir string) {
	status, err := git(dir, diffLimit, "status", "--porcelain=v2", "--branch", "--untracked-files=normal")
	if err != nil {
		return
	}
	more := 0
	for line := range strings.Lines(string(status)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "# branch.oid "):
			if oid := strings.TrimPrefix(line, "# branch.oid "); oid != "(initial)" {
				p.Commit = oid
			}
		case strings.HasPrefix(line, "? "):
			if len(p.Untracked) < untrackedLimit {
				p.Untracked = append(p.Untracked, strings.TrimPrefix(line, "? "))
			} else {
				more++
			}
		case !strings.HasPrefix(line, "#"):
			p.Dirty = true
		}
	}
	if more > 0 {
		p.Untracked = append(p.Untracked, fmt.Sprintf("… and %d more", more))
	}
	if !p.Dirty || p.Commit == "" {
		return
	}
	err = readGit(dir, func(r io.Reader) error {
		var omitted []string
		var err error
		p.diff, omitted, err = keepDiff(r, diffLimit)
		if len(omitted) > 0 {
			p.DiffOmitted = fmt.Sprintf("beyond %d bytes: %s", diffLimit, strings.Join(omitted, " "))
		}
		return err
	}, "diff", "HEAD", "--no-color", "--no-ext-diff", "--no-textconv")
	if err != nil {
		p.diff, p.DiffOmitted = nil, "git diff failed: "+err.Error()
	}
}

// keepDiff reads a diff and keeps the files whose part still fits into limit
// bytes; the others are named.
func keepDiff(r io.Reader, limit int) (kept []byte, omitted []string, err error) {
	lines := bufio.NewReaderSize(r, 1<<16)
	start, fits := 0, true // of the present file
	for begun := true; ; {
		line, err := lines.ReadSlice('\n')
		if begun && bytes.HasPrefix(line, []byte("diff --git ")) {
			start, fits = len(kept), true
		}
		if fits && len(kept)+len(line) > limit {
			omitted = append(omitted, diffName(kept[start:], line))
			kept, fits = kept[:start], false
		}
		if fits {
			kept = append(kept, line...)
		}
		begun = err == nil // else the line goes on
		switch {
		case errors.Is(err, io.EOF):
			return kept, omitted, nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return nil, nil, err
		}
	}
}

// diffName is the file's name from the first line of its diff.
func diffName(diff, line []byte) string {
	if len(diff) == 0 {
		diff = line
	}
	head, _, _ := strings.Cut(string(diff), "\n")
	_, name, _ := strings.Cut(head, " b/")
	return name
}

// git runs a read-only git command and returns at most limit bytes of its
// output.
func git(dir string, limit int64, args ...string) (out []byte, err error) {
	err = readGit(dir, func(r io.Reader) error {
		out, err = io.ReadAll(io.LimitReader(r, limit))
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		return err
	}, args...)
	return out, err
}

// readGit runs a read-only git command and has its output read.
func readGit(dir string, read func(io.Reader) error, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), gitTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0")
	cmd.WaitDelay = time.Second
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	readErr := read(pipe)
	if err := cmd.Wait(); err != nil {
		return err
	}
	return readErr
}
