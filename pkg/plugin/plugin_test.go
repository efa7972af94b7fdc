package plugin

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"noisebook/pkg/fetch"
)

// library is a minimal ELF file with one symbol: all that [Check] looks at.
func library(t *testing.T, kind elf.Type, machine elf.Machine, symbol string, section elf.SectionIndex) []byte {
	t.Helper()
	const headerSize, sectionSize, symbolSize = 64, 64, 24
	names := "\x00.dynsym\x00.dynstr\x00.shstrtab\x00"
	symbolNames := "\x00" + symbol + "\x00"
	symbols := uint64(headerSize)
	symbolStrings := symbols + 2*symbolSize
	sectionStrings := symbolStrings + uint64(len(symbolNames))
	sections := (sectionStrings + uint64(len(names)) + 7) &^ 7

	var file bytes.Buffer
	write := func(value any) {
		if err := binary.Write(&file, binary.LittleEndian, value); err != nil {
			t.Fatal(err)
		}
	}
	write(elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(kind), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT), Ehsize: headerSize,
		Shoff: sections, Shentsize: sectionSize, Shnum: 4, Shstrndx: 3,
	})
	write(elf.Sym64{})
	write(elf.Sym64{Name: 1, Info: byte(elf.STB_GLOBAL)<<4 | byte(elf.STT_FUNC), Shndx: uint16(section)})
	file.WriteString(symbolNames + names)
	file.Write(make([]byte, int(sections)-file.Len()))
	write(elf.Section64{})
	write(elf.Section64{Name: 1, Type: uint32(elf.SHT_DYNSYM), Off: symbols, Size: 2 * symbolSize, Link: 2, Entsize: symbolSize})
	write(elf.Section64{Name: 9, Type: uint32(elf.SHT_STRTAB), Off: symbolStrings, Size: uint64(len(symbolNames))})
	write(elf.Section64{Name: 17, Type: uint32(elf.SHT_STRTAB), Off: sectionStrings, Size: uint64(len(names))})
	return file.Bytes()
}

func goodLibrary(t *testing.T) []byte {
	t.Helper()
	return library(t, elf.ET_DYN, hostMachine(), entryPoint, 1)
}

func hostMachine() elf.Machine { return machines[runtime.GOARCH] }

func foreignMachine() elf.Machine {
	if hostMachine() == elf.EM_X86_64 {
		return elf.EM_AARCH64
	}
	return elf.EM_X86_64
}

func put(t *testing.T, path string, content []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// clean gives a test an empty cache, an empty home and no variables, and returns the cache's plugin folder.
func clean(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the plugins of these tests are ELF files")
	}
	cache := t.TempDir()
	t.Setenv("NOISEBOOK_CACHE", cache)
	t.Setenv("HOME", t.TempDir())
	t.Setenv(backendVariable, "")
	t.Setenv(pathVariable, "")
	t.Setenv("NOISEBOOK_PYTHON", "")
	if libraryIn(filepath.FromSlash("/usr/local/lib/go-xla")) != "" {
		t.Skip("this machine has a system-wide plugin")
	}
	return filepath.Join(cache, "plugin")
}

func TestCheck(t *testing.T) {
	if runtime.GOOS != "linux" || hostMachine() == 0 {
		t.Skip("only ELF files are looked into")
	}
	good := goodLibrary(t)
	tests := []struct {
		name    string
		content []byte
		want    string // part of the error; empty for none
	}{
		{"good", good, ""},
		{"empty", nil, "is damaged or is no shared library (0 bytes)"},
		{"web page", []byte("<html>not found</html>"), "is damaged or is no shared library"},
		{"truncated", good[:len(good)-100], "is damaged or is no shared library"},
		{"header only", good[:64], "is damaged or is no shared library"},
		{"other processor", library(t, elf.ET_DYN, foreignMachine(), entryPoint, 1), "is built for another processor"},
		{"program", library(t, elf.ET_EXEC, hostMachine(), entryPoint, 1), "is no shared library (ET_EXEC)"},
		{"other library", library(t, elf.ET_DYN, hostMachine(), "zlibVersion", 1), "no PJRT plugin: it has no function GetPjrtApi"},
		{"only uses a plugin", library(t, elf.ET_DYN, hostMachine(), entryPoint, elf.SHN_UNDEF), "it has no function GetPjrtApi"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := put(t, filepath.Join(t.TempDir(), "plugin.so"), test.content)
			err := Check(path)
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) ||
				strings.Contains(err.Error(), "\n") {
				t.Errorf("error is %v, want one line with the path and %q", err, test.want)
			}
		})
	}
	if err := Check(filepath.Join(t.TempDir(), "none.so")); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("error of a missing file is %v", err)
	}
	if err := Check(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is not a file") {
		t.Errorf("error of a folder is %v", err)
	}
}

func TestFindOrder(t *testing.T) {
	folder := clean(t)
	expect := func(want Found) {
		t.Helper()
		got, err := Find(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got.Path != want.Path || got.Origin != want.Origin {
			t.Errorf("found %q (%s), want %q (%s)", got.Path, got.Origin, want.Path, want.Origin)
		}
		if (got.Path == "") != (got.Warning != "") {
			t.Errorf("path %q with warning %q: exactly one is expected", got.Path, got.Warning)
		}
	}
	expect(Found{Origin: None})

	goXLA := put(t, filepath.Join(os.Getenv("HOME"), ".local", "lib", "go-xla", "pjrt_c_api_cpu_v0.104.0_plugin.so"), goodLibrary(t))
	expect(Found{Path: goXLA, Origin: FromGoXLA})

	cached := put(t, filepath.Join(folder, "libpjrt_cpu.so"), goodLibrary(t))
	expect(Found{Path: cached, Origin: FromCache})

	listed := put(t, filepath.Join(t.TempDir(), "pjrt_c_api_cpu_plugin.so"), goodLibrary(t))
	t.Setenv(pathVariable, "/nonexistent:"+filepath.Dir(listed))
	expect(Found{Path: listed, Origin: FromPathVariable})
	t.Setenv(pathVariable, listed)
	expect(Found{Path: listed, Origin: FromPathVariable})

	named := put(t, filepath.Join(t.TempDir(), "my.so"), goodLibrary(t))
	t.Setenv(backendVariable, "xla:"+named+",tf32=false")
	expect(Found{Path: named, Origin: FromBackendVariable})
	t.Setenv(backendVariable, "xla:cpu")
	expect(Found{Path: listed, Origin: FromPathVariable})
	t.Setenv(backendVariable, "go")
	expect(Found{Origin: None})
}

func TestFindRejects(t *testing.T) {
	bad := []byte("no library")
	tests := []struct {
		name    string
		prepare func(t *testing.T, folder string)
		want    []string
	}{
		{"GOMLX_BACKEND names a bad file", func(t *testing.T, folder string) {
			t.Setenv(backendVariable, "xla:"+put(t, filepath.Join(folder, "x.so"), bad))
		}, []string{"GOMLX_BACKEND=xla:", "no shared library", "correct or unset GOMLX_BACKEND"}},
		{"GOMLX_BACKEND names nothing", func(t *testing.T, folder string) {
			t.Setenv(backendVariable, "xla:/nonexistent/x.so")
		}, []string{"/nonexistent/x.so does not exist; correct or unset GOMLX_BACKEND"}},
		{"the path variable names a bad file", func(t *testing.T, folder string) {
			t.Setenv(pathVariable, put(t, filepath.Join(folder, "x.so"), bad))
		}, []string{"PJRT_PLUGIN_LIBRARY_PATH=", "correct or unset PJRT_PLUGIN_LIBRARY_PATH"}},
		{"the path variable names an empty folder", func(t *testing.T, folder string) {
			t.Setenv(pathVariable, t.TempDir())
		}, []string{"no PJRT CPU plugin there", "libpjrt_cpu.so"}},
		{"the cached file is cut short", func(t *testing.T, folder string) {
			path := put(t, filepath.Join(folder, "libpjrt_cpu.so"), goodLibrary(t))
			if _, err := writeRecord(path, "test"); err != nil {
				t.Fatal(err)
			}
			put(t, path, goodLibrary(t)[:100])
		}, []string{"libpjrt_cpu.so is damaged: 100 bytes instead of", "run: bin/noisebook setup --only plugin"}},
		{"the cached file was replaced", func(t *testing.T, folder string) {
			path := put(t, filepath.Join(folder, "libpjrt_cpu.so"), goodLibrary(t))
			if _, err := writeRecord(path, "test"); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
		}, []string{"has changed since it was installed"}},
		{"the record is garbage", func(t *testing.T, folder string) {
			path := put(t, filepath.Join(folder, "libpjrt_cpu.so"), goodLibrary(t))
			put(t, recordPath(path), bad)
		}, []string{"libpjrt_cpu.so.json", "run: bin/noisebook setup --only plugin"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.prepare(t, clean(t))
			found, err := Find(t.Context())
			if err == nil {
				t.Fatalf("found %+v, want an error", found)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
		})
	}
}

// fakeWheel makes a wheel with a library and a Python that "downloads" it.
func fakeWheel(t *testing.T, content []byte) (w wheel, python string) {
	t.Helper()
	folder := t.TempDir()
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for name, text := range map[string][]byte{"some_package/__init__.py": nil, "some_package/libpjrt_cpu.so": content} {
		member, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		member.Write(text)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	original := put(t, filepath.Join(folder, "some_package-1.0-py3-none-any.whl"), archive.Bytes())
	python = put(t, filepath.Join(folder, "python"), []byte(`#!/bin/sh
test "$*" = "-m pip download --no-deps --only-binary :all: --disable-pip-version-check some-package==1.0" || {
	echo "ERROR: unexpected arguments $*" >&2
	exit 1
}
cp '`+original+`' .
`))
	if err := os.Chmod(python, 0o755); err != nil {
		t.Fatal(err)
	}
	return wheel{"some-package==1.0", sum(archive.Bytes()), "some_package/libpjrt_cpu.so", sum(content)}, python
}

func sum(content []byte) string {
	digest := sha256.Sum256(content)
	return hex.EncodeToString(digest[:])
}

func unreachable(context.Context, string, fetch.Progress) (string, error) {
	return "", errors.New("release page: unknown host")
}

func TestInstallFromWheel(t *testing.T) {
	folder := clean(t)
	w, python := fakeWheel(t, goodLibrary(t))
	t.Setenv("NOISEBOOK_PYTHON", python)
	asked := 0
	methods := []method{{"first", func(ctx context.Context, folder string, progress fetch.Progress) (string, error) {
		asked++
		return unreachable(ctx, folder, progress)
	}}, {"the wheel", w.install}}

	var events []fetch.Event
	found, err := install(t.Context(), func(e fetch.Event) { events = append(events, e) }, methods)
	if err != nil {
		t.Fatal(err)
	}
	want := Found{Path: filepath.Join(folder, "libpjrt_cpu.so"), Origin: FromCache, SHA256: w.librarySHA256, Source: "the wheel"}
	if found != want {
		t.Errorf("installed %+v, want %+v", found, want)
	}
	if last := events[len(events)-1]; last.Done != int64(len(goodLibrary(t))) || last.Done != last.Total {
		t.Errorf("last event is %+v, want the library's size", last)
	}
	if again, err := Find(t.Context()); err != nil || again != want {
		t.Errorf("found %+v (%v), want what was installed", again, err)
	}
	if found.Backend() != "xla:"+want.Path {
		t.Errorf("backend is %q", found.Backend())
	}
	// Nothing is left to do, even without a network.
	if again, err := install(t.Context(), nil, methods); err != nil || again != want || asked != 1 {
		t.Errorf("second installation: %+v (%v), first method asked %d times", again, err, asked)
	}
	// A damaged plugin is replaced.
	put(t, want.Path, []byte("damaged"))
	if again, err := install(t.Context(), nil, methods); err != nil || again != want {
		t.Errorf("repair: %+v (%v), want %+v", again, err, want)
	}
	if err := Check(want.Path); err != nil {
		t.Error(err)
	}
}

func TestInstallFallsBackToPureGo(t *testing.T) {
	wrong := func(change func(*wheel)) func(t *testing.T) wheel {
		return func(t *testing.T) wheel {
			w, python := fakeWheel(t, goodLibrary(t))
			t.Setenv("NOISEBOOK_PYTHON", python)
			change(&w)
			return w
		}
	}
	t.Setenv("PATH", "") // no python3 of this machine
	tests := []struct {
		name  string
		wheel func(t *testing.T) wheel
		want  string
	}{
		{"pip refuses", wrong(func(w *wheel) { w.requirement = "other==2" }), "ERROR: unexpected arguments"},
		{"wrong wheel", wrong(func(w *wheel) { w.sha256 = sum(nil) }), "checksum mismatch of some_package-1.0-py3-none-any.whl"},
		{"wrong library", wrong(func(w *wheel) { w.librarySHA256 = sum(nil) }), "checksum mismatch: sha256"},
		{"no library", wrong(func(w *wheel) { w.member = "some_package/lib.so" }), "no some_package/lib.so in the wheel"},
		{"no plugin in it", func(t *testing.T) wheel {
			w, python := fakeWheel(t, []byte("text"))
			t.Setenv("NOISEBOOK_PYTHON", python)
			return w
		}, "is damaged or is no shared library"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			folder := clean(t)
			// /bin/sh and cp are needed by the fake Python, which finds them without a search path of ours.
			t.Setenv("PATH", "/usr/bin:/bin")
			w := test.wheel(t)
			found, err := install(t.Context(), nil, []method{{"go-xla's installer", unreachable}, {"the wheel", onlyFirst(w)}})
			if err != nil {
				t.Fatal(err)
			}
			if found.Origin != None || found.Backend() != "go" {
				t.Errorf("installed %+v, want none", found)
			}
			for _, part := range []string{test.want, "go-xla's installer: release page: unknown host", "by hand", folder, pathVariable,
				"pure-Go backend", "slower"} {
				if !strings.Contains(found.Warning, part) {
					t.Errorf("warning %q does not say %q", found.Warning, part)
				}
			}
			if strings.Contains(found.Warning, "\n") {
				t.Errorf("warning %q is more than one line", found.Warning)
			}
			if left, err := Find(t.Context()); err != nil || left.Path != "" {
				t.Errorf("a failed installation left %+v (%v)", left, err)
			}
		})
	}
}

// onlyFirst installs from the first Python alone, so that the outcome does not depend on this machine's pip.
func onlyFirst(w wheel) func(context.Context, string, fetch.Progress) (string, error) {
	return func(ctx context.Context, folder string, progress fetch.Progress) (string, error) {
		target := filepath.Join(folder, filepath.Base(w.member))
		file := fetch.File{Name: "plugin", SHA256: w.librarySHA256, Sources: w.sources()[:1]}
		return target, fetch.Get(ctx, target, file, fetch.Options{Attempts: 1, Progress: progress})
	}
}

func TestInstallLeavesTheUsersChoiceAlone(t *testing.T) {
	clean(t)
	never := []method{{"never", func(context.Context, string, fetch.Progress) (string, error) {
		t.Error("a download was started")
		return "", errors.New("never")
	}}}
	t.Setenv(backendVariable, "go")
	if found, err := install(t.Context(), nil, never); err != nil || found.Origin != None {
		t.Errorf("GOMLX_BACKEND=go: %+v, %v", found, err)
	}
	t.Setenv(backendVariable, "xla:/nonexistent/plugin.so")
	if found, err := install(t.Context(), nil, never); err == nil {
		t.Errorf("a bad GOMLX_BACKEND: %+v, want an error", found)
	}
}

func TestInstallStopsWithTheContext(t *testing.T) {
	clean(t)
	ctx, cancel := context.WithCancel(t.Context())
	interrupted := method{"interrupted", func(ctx context.Context, _ string, _ fetch.Progress) (string, error) {
		cancel()
		return "", within(ctx, time.Minute, func() error { select {} })
	}}
	start := time.Now()
	if _, err := install(ctx, nil, []method{interrupted}); !errors.Is(err, context.Canceled) || time.Since(start) > 10*time.Second {
		t.Errorf("error is %v after %s, want context.Canceled at once", err, time.Since(start))
	}
}

func TestWithin(t *testing.T) {
	if err := within(t.Context(), time.Millisecond, func() error { time.Sleep(time.Minute); return nil }); err == nil ||
		err.Error() != "no answer within 1ms" {
		t.Errorf("error is %v", err)
	}
	failure := errors.New("failure")
	if err := within(t.Context(), time.Minute, func() error { return failure }); err != failure {
		t.Errorf("error is %v, want the work's own", err)
	}
}

func ExampleFound_Backend() {
	fmt.Println(Found{Path: "/opt/xla/libpjrt_cpu.so"}.Backend())
	fmt.Println(Found{Origin: None}.Backend())
	// Output:
	// xla:/opt/xla/libpjrt_cpu.so
	// go
}
