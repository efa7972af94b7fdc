package chart

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"

	"noisebook/pkg/figure"
	"noisebook/pkg/table"
)

func settings() (table.Table, figure.ParallelSpec) {
	return table.Table{
			Columns: []string{"run", "rate", "optimizer", "fid"},
			Rows: [][]string{
				{"r1", "0.0001", "adam", "0.91"}, {"r2", "0.01", "</script><b>", "0.935"}, {"r3", "0.01", "adam", ""},
			},
		}, figure.ParallelSpec{
			Axes: []figure.ParallelAxis{{Column: "rate", Log: true}, {Column: "optimizer"}, {Column: "fid"}}, Color: "fid",
		}
}

func TestParallelOption(t *testing.T) {
	c, err := Parallel(settings())
	if err != nil {
		t.Fatal(err)
	}
	var option struct {
		ParallelAxis []struct {
			Dim      int
			Name     string
			Type     string
			Min, Max any
			Data     []string
		}
		Series []struct {
			Type      string
			LineStyle struct{ Color string }
			Data      []struct {
				Name  string
				Value []any
			}
		}
	}
	if err := json.Unmarshal(c.Option, &option); err != nil {
		t.Fatal(err)
	}
	if len(option.ParallelAxis) != 3 || len(option.Series) != 3 {
		t.Fatalf("%s", c.Option)
	}
	rate, words, fid := option.ParallelAxis[0], option.ParallelAxis[1], option.ParallelAxis[2]
	if rate.Type != "log" || rate.Min != 0.0001 || rate.Max != 0.01 || words.Type != "category" || words.Data[1] != "adam" || words.Dim != 1 {
		t.Errorf("axes %+v", option.ParallelAxis)
	}
	if fid.Min != 0.91 || fid.Max != 0.935 {
		t.Errorf("the axis of fid goes from %v to %v", fid.Min, fid.Max)
	}
	last := option.Series[2].Data[0]
	if last.Name != "r3" || last.Value[2] != missing || last.Value[0] != 0.01 {
		t.Errorf("row %+v", last)
	}
	if option.Series[0].LineStyle.Color == option.Series[1].LineStyle.Color {
		t.Error("best and worst have one colour")
	}
}

// What a reader does not trust must be left with the picture, what they write
// must not become a script, and nothing may ask the network.
func TestHTMLIsSafeAndOffline(t *testing.T) {
	c, err := Parallel(settings())
	if err != nil {
		t.Fatal(err)
	}
	page := c.HTML() + Library().HTML()
	if n := strings.Count(page, "</script>"); n != 2 {
		t.Errorf("%d scripts end", n)
	}
	static := regexp.MustCompile(`(?s)<script>.*?</script>`).ReplaceAllString(page, "")
	if !strings.Contains(static, `src="data:image/png;base64,`) || c.Static() == nil {
		t.Error("without scripts there is no picture")
	}
	if at := regexp.MustCompile(`(src|href)="(https?:)?//`).FindString(page); at != "" {
		t.Errorf("the page asks for %s", at)
	}
}

func TestLibraryUnpacks(t *testing.T) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	source, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(source, []byte("noisebookECharts=")) || !bytes.HasPrefix(source, []byte("/* Apache ECharts")) {
		t.Errorf("the library begins with %.100s", source)
	}
}

func TestRoundEnds(t *testing.T) {
	for _, c := range [][4]float64{{0.2549, 0.3091, 0.254, 0.31}, {80, 160, 80, 160}, {3, 3, 1.5, 4.5}, {0, 0, -0.5, 0.5}, {-7, 1234, -100, 1300}} {
		low, high := roundEnds(c[0], c[1])
		if math.Abs(low-c[2]) > 1e-9 || math.Abs(high-c[3]) > 1e-9 {
			t.Errorf("%g to %g becomes %g to %g", c[0], c[1], low, high)
		}
	}
}
