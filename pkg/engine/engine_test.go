package engine_test

import (
	"context"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"noisebook/pkg/engine"
)

func openGo(t *testing.T) *engine.Engine {
	t.Helper()
	e, err := engine.Open(t.Context(), "go")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func TestOpenRefusesInOneLine(t *testing.T) {
	notPlugin := filepath.Join(t.TempDir(), "libpjrt_text.so")
	if err := os.WriteFile(notPlugin, []byte("no shared library"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, spec, want string }{
		{"unknown engine", "cuda", "use auto, xla, xla:PATH or go"},
		{"missing plugin", "xla:" + notPlugin + ".absent", "noisebook setup"},
		{"no plugin", "xla:" + notPlugin, "does not load"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := engine.Open(t.Context(), test.spec)
			if err == nil {
				t.Fatalf("opened %q", test.spec)
			}
			wantOneLine(t, err, test.want)
		})
	}
}

func TestOpenReadsEnvironment(t *testing.T) {
	t.Setenv("NOISEBOOK_ENGINE", "abacus")
	if _, err := engine.Open(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "abacus") {
		t.Errorf("NOISEBOOK_ENGINE was not read: %v", err)
	}
	t.Setenv("NOISEBOOK_ENGINE", "go")
	e, err := engine.Open(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	info := e.Info()
	if info.Backend != "go" || info.Plugin != "" || info.Devices < 1 {
		t.Errorf("info of the pure-Go backend: %+v", info)
	}
}

func TestProgramCompilesOnceAndLogs(t *testing.T) {
	e := openGo(t)
	var compiled []string
	e.LogCompilations(func(c engine.Compilation) { compiled = append(compiled, c.Program) })
	built := 0
	p, err := e.NewProgram("double", func(_ *graph.Graph, in []*graph.Node) []*graph.Node {
		built++
		return []*graph.Node{graph.MulScalar(in[0], 2)}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Finalize()
	for _, x := range []float32{1, 3} {
		out, err := p.Call([]float32{x, -x})
		if err != nil {
			t.Fatal(err)
		}
		got, err := tensors.CopyFlatData[float32](out[0])
		if err != nil {
			t.Fatal(err)
		}
		if want := []float32{2 * x, -2 * x}; !slices.Equal(got, want) {
			t.Errorf("double of ±%g is %v", x, got)
		}
	}
	if built != 1 || !slices.Equal(compiled, []string{"double"}) {
		t.Errorf("built %d times, compilations logged: %v; want one", built, compiled)
	}
}

func TestErrorsNameProgramAndInnermostLayer(t *testing.T) {
	inner := func(x *graph.Node) *graph.Node {
		defer engine.InLayer("encoder.1.conv")
		return graph.Add(x, graph.Const(x.Graph(), []float32{1, 2, 3}))
	}
	outer := func(x *graph.Node) *graph.Node {
		defer engine.InLayer("encoder")
		return inner(x)
	}
	panicking := func(x *graph.Node) *graph.Node {
		defer engine.InLayer("head")
		panic(fmt.Sprint("a message\nwith a second line"))
	}
	for _, test := range []struct {
		name  string
		layer func(*graph.Node) *graph.Node
		want  string
	}{
		{"shape mismatch", outer, "program broken: layer encoder.1.conv: "},
		{"panic with a string", panicking, "program broken: layer head: a message"},
		{"no layer", func(x *graph.Node) *graph.Node { return graph.Reshape(x, 5) }, "program broken: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := openGo(t).NewProgram("broken", func(_ *graph.Graph, in []*graph.Node) []*graph.Node {
				return []*graph.Node{test.layer(in[0])}
			})
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.Call([]float32{1, 2})
			if err == nil {
				t.Fatal("no error")
			}
			wantOneLine(t, err, test.want)
		})
	}
}

func TestCallWithWrongArguments(t *testing.T) {
	p, err := openGo(t).NewProgram("sum", func(_ *graph.Graph, in []*graph.Node) []*graph.Node {
		return []*graph.Node{graph.Add(in[0], in[1])}
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Call([]float32{1})
	if err == nil {
		t.Fatal("one argument for two inputs")
	}
	wantOneLine(t, err, "program sum")
}

func TestRandomStateFollowsSeedAndStep(t *testing.T) {
	state := func(seed, step uint64) string {
		s, err := engine.RandomState(seed, step)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(s.Value())
	}
	if state(1, 2) != state(1, 2) {
		t.Error("the same seed and step give two states")
	}
	seen := map[string]string{}
	for seed := range uint64(30) {
		for step := range uint64(30) {
			key, at := state(seed, step), fmt.Sprintf("seed %d step %d", seed, step)
			if other, ok := seen[key]; ok {
				t.Fatalf("%s and %s share a state", at, other)
			}
			seen[key] = at
		}
	}
}

func TestRandomWordsAreTheState(t *testing.T) {
	source := rand.NewSource(1).(rand.Source64)
	for seed := range uint64(5) {
		for step := range uint64(5) {
			state, err := engine.RandomState(seed, step)
			if err != nil {
				t.Fatal(err)
			}
			words := engine.RandomWords(source, seed, step)
			if got, want := fmt.Sprint(words), fmt.Sprint(state.Value()); got != want {
				t.Fatalf("seed %d step %d: words %s, state %s", seed, step, got, want)
			}
		}
	}
}

func wantOneLine(t *testing.T, err error, want string) {
	t.Helper()
	message := err.Error()
	if strings.ContainsAny(message, "\n\t") || strings.Contains(message, "goroutine") {
		t.Errorf("not one line: %q", message)
	}
	if !strings.HasPrefix(message, "engine: ") || !strings.Contains(message, want) {
		t.Errorf("error %q does not say %q", message, want)
	}
}

func ExampleEngine_NewProgram() {
	e, err := engine.Open(context.Background(), "go")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Close()
	square, err := e.NewProgram("square", func(_ *graph.Graph, in []*graph.Node) []*graph.Node {
		return []*graph.Node{graph.Square(in[0])}
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	outputs, err := square.Call([]float32{1, 2, 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(outputs[0].Value())
	// Output: [1 4 9]
}

// Memory that was given back counts in the peak until that is forgotten.
func TestForgetPeakMemory(t *testing.T) {
	before := engine.PeakMemory()
	if before == 0 {
		t.Skip("this system does not tell")
	}
	const size = 256 << 20
	large := make([]byte, size)
	for i := 0; i < size; i += 4096 {
		large[i] = 1
	}
	runtime.KeepAlive(large)
	high := engine.PeakMemory()
	large = nil
	debug.FreeOSMemory()
	if kept := engine.PeakMemory(); kept < high-size/8 { // the kernel counts pages in batches, so that it may be off by a few
		t.Errorf("the peak fell from %d to %d MiB by itself", high>>20, kept>>20)
	}
	engine.ForgetPeakMemory()
	if after := engine.PeakMemory(); after > high-size/2 {
		t.Errorf("peak of %d MiB before and %d after it was forgotten", high>>20, after>>20)
	}
}
