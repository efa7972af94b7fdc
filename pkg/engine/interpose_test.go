//go:build linux && (amd64 || arm64)

package engine_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"noisebook/pkg/engine"
	"noisebook/pkg/engine/programs"
	"noisebook/pkg/plugin"
)

// childVariable makes this test program compute once and print what it did.
const childVariable = "NOISEBOOK_TEST_PROGRAM"

// computed is what a process of this test program prints.
type computed struct {
	Loaded    bool
	Elsewhere bool // in a child of the process
	Values    []float32
}

func TestMain(m *testing.M) {
	if size := os.Getenv(childVariable); size != "" {
		if err := child(size); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// long is a size whose program has a text that a child compiles.
const long = "25"

// child multiplies a matrix of a size with noise and prints what came out.
func child(size string) error {
	n, err := strconv.Atoi(size)
	if err != nil {
		return err
	}
	e, err := engine.Open(context.Background(), "xla")
	if err != nil {
		return err
	}
	defer e.Close()
	var result computed
	e.LogCompilations(func(c engine.Compilation) { result.Loaded = c.Loaded })
	devices := 1
	if n%2 == 0 {
		devices = 2 // another kind of program: a part of the rows on each
	}
	p, err := e.NewShardedProgram("product", devices, []bool{true, false}, func(g *graph.Graph, in []*graph.Node) []*graph.Node {
		_, noise := graph.RandomNormal(in[1], shapes.Make(dtypes.Float32, n, n))
		if size == long {
			for i := range 1000 {
				noise = graph.Sin(graph.AddScalar(noise, float64(i)))
			}
		}
		return []*graph.Node{graph.ReduceSum(graph.Exp(graph.MulScalar(graph.Dot(in[0], noise).Product(), 0.1)), 0)}
	})
	if err != nil {
		return err
	}
	var arguments []any
	for device := range devices {
		rows := make([]float32, n*n/devices)
		for i := range rows {
			rows[i] = float32((i*7+device)%5) - 2
		}
		state, err := engine.RandomState(1, 2)
		if err != nil {
			return err
		}
		arguments = append(arguments, tensors.FromFlatDataAndDimensions(rows, n/devices, n), state)
	}
	outputs, err := p.Call(arguments...)
	if err != nil {
		return err
	}
	if result.Values, err = tensors.CopyFlatData[float32](outputs[0]); err != nil {
		return err
	}
	var children syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children); err != nil {
		return err
	}
	result.Elsewhere = children.Maxrss > 0
	return json.NewEncoder(os.Stdout).Encode(result)
}

// process runs child in a process of its own.
func process(t *testing.T, size string, environment ...string) computed {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(append(os.Environ(), childVariable+"="+size), environment...)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("child: %v", err)
	}
	var result computed
	if err := json.Unmarshal(output, &result); err != nil {
		t.Fatalf("child printed %q: %v", output, err)
	}
	return result
}

func needPlugin(t *testing.T) {
	t.Helper()
	found, err := plugin.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if found.Path == "" {
		t.Skip("no PJRT plugin on this machine")
	}
}

func TestNextProcessLoadsTheProgram(t *testing.T) {
	needPlugin(t)
	folder := filepath.Join(t.TempDir(), "programs")
	cache := programs.Variable + "=" + folder
	want := func(what string, got computed, loaded bool, values []float32) {
		t.Helper()
		if got.Loaded != loaded {
			t.Errorf("%s: loaded %v, want %v", what, got.Loaded, loaded)
		}
		if !slices.Equal(got.Values, values) {
			t.Errorf("%s: other values: %v, want %v", what, got.Values, values)
		}
	}

	values := process(t, "8", programs.Variable+"="+programs.Off).Values
	if len(values) != 8 {
		t.Fatalf("values %v", values)
	}
	want("first process", process(t, "8", cache), false, values)
	want("second process", process(t, "8", cache), true, values)
	if other := process(t, "9", cache); other.Loaded || len(other.Values) != 9 {
		t.Errorf("another program: %+v", other)
	}
	want("other flags", process(t, "8", cache, "XLA_FLAGS=--xla_cpu_enable_fast_math=false"), false, values)
	want("turned off", process(t, "8", programs.Variable+"="+programs.Off), false, values)

	kept, err := filepath.Glob(filepath.Join(folder, "*.program"))
	if err != nil || len(kept) != 3 {
		t.Fatalf("%d programs on disk, %v; want 3", len(kept), err)
	}
	for _, path := range kept {
		if err := os.WriteFile(path, []byte("no program"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want("damaged file", process(t, "8", cache), false, values)
	want("rewritten file", process(t, "8", cache), true, values)

	// Files that are whole, of which the plugin can make nothing.
	t.Setenv(programs.Variable, folder)
	store, err := programs.Open()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range kept {
		key, err := hex.DecodeString(strings.TrimSuffix(filepath.Base(path), ".program"))
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Save(programs.Key(key), []byte("whole, but no program")); err != nil {
			t.Fatal(err)
		}
	}
	want("foreign file", process(t, "8", cache), false, values)
	want("rewritten foreign file", process(t, "8", cache), true, values)
}

func TestLargeProgramIsCompiledElsewhere(t *testing.T) {
	needPlugin(t)
	cache := programs.Variable + "=" + filepath.Join(t.TempDir(), "programs")
	here := process(t, long, programs.Variable+"="+programs.Off)
	if here.Elsewhere {
		t.Error("without a cache a child compiles")
	}
	for what, want := range []computed{{Elsewhere: true, Values: here.Values}, {Loaded: true, Values: here.Values}} {
		if got := process(t, long, cache); got.Loaded != want.Loaded || got.Elsewhere != want.Elsewhere || !slices.Equal(got.Values, want.Values) {
			t.Errorf("process %d: %+v, want %+v", what+1, got, want)
		}
	}
	if small := process(t, "8", cache); small.Elsewhere {
		t.Error("a child compiles a small program")
	}
}

// The positions and structs of pjrt.h are those of the header that go-xla speaks.
func TestInterfaceIsGoXLAs(t *testing.T) {
	folder, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/gomlx/go-xla").Output()
	if err != nil {
		t.Fatal(err)
	}
	theirs := source(t, filepath.Join(strings.TrimSpace(string(folder)), "pjrt", "pjrt_c_api.h"))
	ours := source(t, "pjrt.h")

	functions := regexp.MustCompile(`(?m)^ +_PJRT_API_STRUCT_FIELD\((\w+)\)`).FindAllStringSubmatch(theirs, -1)
	positions := regexp.MustCompile(`(PJRT_[A-Z_]+) = (\d+)`).FindAllStringSubmatch(ours, -1)
	if len(positions) < 5 {
		t.Fatalf("found only the positions %v in pjrt.h", positions)
	}
	major := regexp.MustCompile(`#define PJRT_API_MAJOR (\d+)`).FindStringSubmatch(theirs)
	for _, p := range positions {
		at, err := strconv.Atoi(p[2])
		if err != nil {
			t.Fatal(err)
		}
		if p[1] == "PJRT_MAJOR" {
			if major == nil || major[1] != p[2] {
				t.Errorf("major version %s, go-xla's is %v", p[2], major)
			}
			continue
		}
		plain := strings.ReplaceAll(p[1], "_", "")
		if at >= len(functions) || !strings.EqualFold(strings.ReplaceAll(functions[at][1], "_", ""), plain) {
			t.Errorf("%s is %d, which is another function in go-xla's header", p[1], at)
		}
	}

	for own, name := range map[string]string{
		"pjrt_error_destroy":        "PJRT_Error_Destroy_Args",
		"pjrt_plugin_initialize":    "PJRT_Plugin_Initialize_Args",
		"pjrt_client_create":        "PJRT_Client_Create_Args",
		"pjrt_program":              "PJRT_Program",
		"pjrt_client_compile":       "PJRT_Client_Compile_Args",
		"pjrt_get_executable":       "PJRT_LoadedExecutable_GetExecutable_Args",
		"pjrt_executable_destroy":   "PJRT_Executable_Destroy_Args",
		"pjrt_executable_serialize": "PJRT_Executable_Serialize_Args",
		"pjrt_deserialize_and_load": "PJRT_Executable_DeserializeAndLoad_Args",
	} {
		_, body, found := strings.Cut(theirs, "struct "+name+" {")
		body, _, closed := strings.Cut(body, "\n};")
		if !found || !closed {
			t.Errorf("go-xla's header has no struct %s", name)
			continue
		}
		before, _, found := strings.Cut(ours, "} "+own+";")
		if !found {
			t.Errorf("pjrt.h has no struct %s", own)
			continue
		}
		mine := kinds(before[strings.LastIndex(before, "typedef struct {")+len("typedef struct {"):])
		if want := kinds(body); !slices.Equal(mine, want) {
			t.Errorf("%s has fields %v, %s has %v", own, mine, name, want)
		}
	}
}

func source(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`//.*`).ReplaceAllString(string(content), "")
}

// kinds are a struct's fields: what decides how they lie in memory.
func kinds(body string) []string {
	var all []string
	for field := range strings.SplitSeq(body, ";") {
		switch field = strings.TrimSpace(field); {
		case field == "":
		case strings.Contains(field, "*"):
			all = append(all, "pointer")
		case strings.HasPrefix(field, "size_t "):
			all = append(all, "size_t")
		default:
			all = append(all, field)
		}
	}
	return all
}
