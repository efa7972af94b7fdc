package published

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Figure is a published drawing with what it says of itself.
type Figure struct {
	Name    string // such as "joint/alpha-sweep"
	SVG     []byte // well-formed
	Title   string
	Caption string // what is drawn, then the provenance in a line of its own
	Width   int    // in CSS pixels
	Height  int
}

// readFigures returns an artifact's figures, its own name first.
func (f Folder) readFigures(id string) ([]Figure, error) {
	folder := path.Dir(id)
	entries, err := os.ReadDir(filepath.Join(f.Plots, filepath.FromSlash(folder)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var figures []Figure
	for _, entry := range entries { // in order of name
		name, isSVG := strings.CutSuffix(path.Join(folder, entry.Name()), ".svg")
		if !isSVG || !FigureOf(name, id) {
			continue
		}
		file := filepath.Join(f.Plots, filepath.FromSlash(name)+".svg")
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		figure, err := ParseFigure(name, content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if name == id {
			figures = append([]Figure{figure}, figures...)
		} else {
			figures = append(figures, figure)
		}
	}
	return figures, nil
}

// ParseFigure reads what an SVG document of package figure says of itself: its
// size, title and description. Any other document is an error.
func ParseFigure(name string, svg []byte) (Figure, error) {
	f := Figure{Name: name, SVG: svg}
	decoder := xml.NewDecoder(bytes.NewReader(svg))
	var open []string
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return f, fmt.Errorf("the figure is not well-formed: %w", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if len(open) == 0 {
				if t.Name.Local != "svg" {
					return f, fmt.Errorf("the figure is a %s, want an svg", t.Name.Local)
				}
				f.Width, f.Height = pixels(t, "width"), pixels(t, "height")
			}
			if err := standsAlone(t); err != nil {
				return f, err
			}
			open = append(open, t.Name.Local)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			switch strings.Join(open, "/") {
			case "svg/title":
				f.Title += string(t)
			case "svg/desc":
				f.Caption += string(t)
			}
		}
	}
	switch {
	case f.Width <= 0 || f.Height <= 0:
		return f, errors.New("the figure has no width and height")
	case strings.TrimSpace(f.Title+f.Caption) == "":
		return f, errors.New("the figure has neither title nor desc, which readers without sight need")
	}
	return f, nil
}

// standsAlone refuses what could run, or load anything from elsewhere.
func standsAlone(element xml.StartElement) error {
	if slices.Contains([]string{"script", "foreignObject", "iframe"}, element.Name.Local) {
		return fmt.Errorf("the figure has an element %s, which a drawing needs not", element.Name.Local)
	}
	for _, a := range element.Attr {
		name, value := strings.ToLower(a.Name.Local), strings.ToLower(a.Value)
		inside := strings.HasPrefix(value, "#") || strings.HasPrefix(value, "data:image/")
		switch {
		case strings.HasPrefix(name, "on"):
			return fmt.Errorf("the figure has an attribute %s, which a drawing needs not", a.Name.Local)
		case (name == "href" || name == "src") && !inside:
			return fmt.Errorf("the figure refers to %q: it must hold all that it shows", a.Value)
		case strings.Contains(value, "url(") && !strings.Contains(value, "url(#"):
			return fmt.Errorf("the figure's %s refers elsewhere: it must hold all that it shows", a.Name.Local)
		}
	}
	return nil
}

// pixels reads a length in points or pixels.
func pixels(element xml.StartElement, attribute string) int {
	for _, a := range element.Attr {
		if a.Name.Local != attribute {
			continue
		}
		number, inPoints := strings.CutSuffix(a.Value, "pt")
		length, err := strconv.ParseFloat(strings.TrimSuffix(number, "px"), 64)
		if err != nil {
			return 0
		}
		if inPoints {
			length *= 96.0 / 72
		}
		return int(length + 0.5)
	}
	return 0
}
