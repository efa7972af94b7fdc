package page

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"testing"

	"noisebook/pkg/track"
	"noisebook/pkg/track/compare"
)

func TestWrite(t *testing.T) {
	store, err := track.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i := range 3 {
		run, err := store.Start(context.Background(), track.StartOptions{Name: "<script>alert(1)</script>", Config: map[string]any{"rate": i + 1}})
		if err != nil {
			t.Fatal(err)
		}
		for step := range 20 {
			run.LogValue("loss", step, float64(20-step)/float64(i+1))
		}
		if err := run.End(nil); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, run.ID())
	}
	c, err := compare.Runs(store, ids...)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Write(&out, c, compare.CurveOptions{}); err != nil {
		t.Fatal(err)
	}
	page := out.String()
	if strings.Contains(page, "<script>alert") {
		t.Error("a run's name becomes a script")
	}
	if n := strings.Count(page, "data:image/png;base64,"); n != 2 {
		t.Errorf("%d pictures, want the parallel coordinates and the loss", n)
	}
	for _, want := range append(ids, "params", "parallel coordinates", "20") {
		if !strings.Contains(page, want) {
			t.Errorf("no %q", want)
		}
	}
	if at := regexp.MustCompile(`(src|href)="?[^d" ]|url\(|@import`).FindString(page); at != "" {
		t.Errorf("the page needs another file: %s", at)
	}
}
