package jointparity

import (
	"context"
	"noisebook/pkg/engine"
	"os"
	"testing"
	"time"
)

func TestTmp(t *testing.T) {
	e, err := engine.Open(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	e.LogCompilations(func(c engine.Compilation) { t.Log(c.Program, c.Took) })
	s := time.Now()
	r, err := Run(context.Background(), e, os.Getenv("JP_DIR"))
	if err != nil {
		t.Fatal(err)
	}
	t.Log(time.Since(s))
	r.Print(os.Stdout)
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
}
