package noisebook

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// plotCellImports are what a cell imports that draws a table.
var plotCellImports = []string{"./pkg/figure", "./pkg/notebook", "./pkg/table", "./pkg/track"}

// plotCellLinks is everything outside the standard library that such a cell
// links: packages of the project, and modules of others. A reader waits for the
// linker at each cell, so a new line here is a decision to slow all of them.
var plotCellLinks = []string{
	"noisebook/pkg/atomicfile",
	"noisebook/pkg/claim",
	"noisebook/pkg/dense",
	"noisebook/pkg/figure",
	"noisebook/pkg/launch",
	"noisebook/pkg/metric",
	"noisebook/pkg/notebook",
	"noisebook/pkg/table",
	"noisebook/pkg/tier",
	"noisebook/pkg/track",

	"codeberg.org/go-fonts/liberation", // text in figures
	"codeberg.org/go-latex/latex",      // gonum/plot
	"git.sr.ht/~sbinet/gg",             // PNG
	"github.com/agnivade/levenshtein",  // suggestions for misspelt names
	"github.com/ajstarks/svgo",         // SVG
	"github.com/go-logr/logr",          // klog
	"github.com/gofrs/flock",           // the run store
	"github.com/gofrs/uuid",            // gonbui
	"github.com/golang/freetype",       // PNG
	"github.com/google/renameio",       // files written whole
	"github.com/janpfeifer/gonb",       // display
	"github.com/pkg/errors",            // gonbui
	"golang.org/x/exp",                 // gonbui
	"golang.org/x/image",               // fonts and PNG
	"golang.org/x/sys",                 // the run store
	"golang.org/x/text",                // fonts
	"gonum.org/v1/gonum",               // metric, claim and plot
	"gonum.org/v1/plot",                // figures
	"k8s.io/klog/v2",                   // gonbui
}

// plotCellPackages is how many packages a plotting cell may link, those of the
// standard library included.
const plotCellPackages = 260

// heavyStandard are packages of the standard library that bring a network
// stack or a compiler with them.
var heavyStandard = []string{"net/http", "crypto/tls", "go/types", "html/template", "testing"}

func TestPlotCellLinksLittle(t *testing.T) {
	watchSources(t)
	arguments := append([]string{"list", "-deps", "-f", "{{.ImportPath}} {{.Standard}}"}, plotCellImports...)
	out, err := exec.Command("go", arguments...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := 0
	var linked []string
	for line := range strings.Lines(string(out)) {
		path, standard, _ := strings.Cut(strings.TrimSpace(line), " ")
		packages++
		if standard == "true" {
			if slices.Contains(heavyStandard, path) {
				t.Errorf("a plotting cell links %s", path)
			}
			continue
		}
		if name := linkName(path); !slices.Contains(linked, name) {
			linked = append(linked, name)
		}
	}
	for _, name := range linked {
		if !slices.Contains(plotCellLinks, name) {
			t.Errorf("a plotting cell links %s, which is not in plotCellLinks", name)
		}
	}
	for _, name := range plotCellLinks {
		if !slices.Contains(linked, name) {
			t.Errorf("plotCellLinks lists %s, which a plotting cell does not link: remove the line", name)
		}
	}
	if packages > plotCellPackages {
		t.Errorf("a plotting cell links %d packages, more than %d", packages, plotCellPackages)
	}
}

// linkName is a package of the project, or of another module its first three elements.
func linkName(path string) string {
	if strings.HasPrefix(path, module+"/") {
		return path
	}
	elements := strings.Split(path, "/")
	return strings.Join(elements[:min(3, len(elements))], "/")
}
