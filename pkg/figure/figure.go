// Package figure draws tidy tables and images as publication figures.
//
// A figure is a pure function of its table: the same table and specification
// give the same bytes, so a plot can be restyled in a second without a model.
// Every figure comes as SVG for print, as PNG for viewers that drop vector
// images (an untrusted notebook does), and with a caption that says which run
// made it.
package figure

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"noisebook/pkg/atomicfile"
)

// Figure is one rendered figure.
type Figure struct {
	// SVG is a standalone document with the caption in its description.
	SVG []byte
	// PNG is the same picture at twice the size in pixels that Width and
	// Height say, with the caption in a text chunk.
	PNG []byte
	// Caption is the text drawn below the figure: a sentence and the provenance.
	Caption string
	// Width and Height are the size to show the figure at, in CSS pixels (1/96 inch).
	Width, Height int
}

// Save writes name.svg and name.png into dir, which is created when missing.
// A file appears whole or not at all. The paths come back in that order.
func (f *Figure) Save(dir, name string) (paths []string, err error) {
	if name == "" || name != filepath.Base(name) {
		return nil, fmt.Errorf("figure: %q is not a file name: give a name without folders or extension", name)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("figure: folder for %s: %w", name, err)
	}
	for _, file := range []struct {
		extension string
		content   []byte
	}{{".svg", f.SVG}, {".png", f.PNG}} {
		path := filepath.Join(dir, name+file.extension)
		if err := atomicfile.WriteBytes(path, file.content); err != nil {
			return nil, fmt.Errorf("figure: save %s: %w", path, err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// provenanceOrder is the reading order of the keys a figure usually carries;
// keys it does not name follow in alphabetical order.
var provenanceOrder = []string{"run", "commit", "tier", "dataset", "n", "seeds", "features"}

// provenanceLine joins the provenance to one line, "run r1 · commit c2 · tier quick".
func provenanceLine(provenance map[string]string) string {
	keys := slices.DeleteFunc(slices.Clone(provenanceOrder), func(key string) bool { return provenance[key] == "" })
	for _, key := range slices.Sorted(maps.Keys(provenance)) {
		if provenance[key] != "" && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	parts := make([]string, len(keys))
	for i, key := range keys {
		parts[i] = key + " " + provenance[key]
	}
	return strings.Join(parts, " · ")
}

// captionText is the caption as one text: the sentence, then the provenance.
func captionText(caption string, provenance map[string]string) string {
	return strings.TrimSpace(strings.TrimSpace(caption) + "\n" + provenanceLine(provenance))
}
