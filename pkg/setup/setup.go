// Package setup knows the parts of a working installation: what each is, whether it is there, and how to get it.
//
// `noisebook doctor` shows the parts and `noisebook setup` mends them; both are loops over [Parts].
package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/modfile"

	"noisebook/pkg/fetch"
)

// A State says how a part is.
type State int

// The states of a part.
const (
	Ready   State = iota // there and right
	Missing              // not there, or not the right one; something does not work without it
	Reduced              // not there, but all works in a slower or smaller way
)

func (s State) String() string { return [...]string{"ok", "missing", "reduced"}[s] }

// Status is what looking at a part found.
type Status struct {
	State  State
	Detail string // one line: what is there, or what is wrong
}

// Part is a piece of the installation.
type Part struct {
	Name  string
	Group string // parts of a group are set up together: "python", "kernel", "plugin" or "data"; "" cannot be set up

	// Check looks, quickly and without the network.
	Check func(ctx context.Context) Status

	// Mend gets the part. Nil if the user has to, by Advice.
	Mend func(ctx context.Context, progress fetch.Progress) error

	// Advice is the command that mends the part, or words where there is no command.
	Advice string
}

// Groups are the groups of parts that can be set up, in the order in which they are: pip fetches the plugin, so that
// Python comes first.
func Groups() []string { return []string{"python", "kernel", "plugin", "data"} }

// Parts lists all parts of an installation in the repository at root, in the order in which they are set up.
func Parts(root string) []Part {
	parts := []Part{goPart(root), compilerPart(root), pythonPart()}
	parts = append(parts, environmentPart(root))
	parts = append(parts, toolParts(root)...)
	parts = append(parts, kernelSpecPart(root), pluginPart(), dataPart("fashion-mnist"), storePart(root), programsPart())
	return append(parts, diskParts(root)...)
}

// command is the command line of a group's set-up, to be copied.
func command(group string) string { return "bin/noisebook setup --only " + group }

// Root is the folder of the repository that the working directory is in: the nearest one upwards with the go.mod of
// module noisebook.
func Root() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for folder := start; ; folder = filepath.Dir(folder) {
		text, err := os.ReadFile(filepath.Join(folder, "go.mod"))
		if err == nil && modfile.ModulePath(text) == "noisebook" {
			return folder, nil
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
		if folder == filepath.Dir(folder) {
			return "", fmt.Errorf("%s is not inside the Noisebook repository; change to it first", start)
		}
	}
}
