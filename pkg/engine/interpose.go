//go:build linux && (amd64 || arm64)

package engine

/*
#cgo LDFLAGS: -ldl
#include <stdlib.h>
#include "pjrt.h"
*/
import "C"

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"unsafe"

	"github.com/gomlx/go-xla/pjrt"

	"noisebook/pkg/engine/programs"
)

// interposed is the plugin whose compile function looks for a program on disk
// before it compiles. There is at most one in a process.
var interposed struct {
	sync.Mutex
	path     string
	cache    *programs.Cache
	identity []byte // what programs depend on besides their text
}

// interpose loads a CPU plugin and registers it with go-xla under its path,
// with a table of functions of which one is ours: docs/decisions/warm-cells.md.
// When anything is not as expected nothing is registered and go-xla loads the
// plugin itself, so that every program is compiled.
func interpose(path string) {
	interposed.Lock()
	defer interposed.Unlock()
	if interposed.path != "" || !strings.Contains(filepath.Base(path), "cpu") || strings.Contains(os.Getenv("XLA_FLAGS"), "--xla_dump") {
		return // dumps are written while a program compiles
	}
	cache, err := programs.Open()
	if err != nil || cache == nil {
		return
	}
	identity, err := identify(path)
	if err != nil {
		return
	}
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	table := C.pjrt_interpose(name)
	if table == nil {
		return
	}
	identity = fmt.Appendf(identity, "interface %d.%d\n", table.version.major, table.version.minor)
	// The functions read these two as soon as the plugin is registered.
	interposed.cache, interposed.identity = cache, identity
	if err := pjrt.RegisterPreloadedPlugin(path, uintptr(unsafe.Pointer(table))); err != nil {
		return
	}
	interposed.path = path
}

// identify says everything but its text that the code of a program depends on:
// the plugin, its flags, and the processor that it compiles for. XLA divides work
// by the number of threads when it compiles.
func identify(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	processor, err := processorFeatures()
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "plugin %d bytes of %d\nflags %s\nthreads %d %q %q\n%s", info.Size(), info.ModTime().UnixNano(),
		os.Getenv("XLA_FLAGS"), runtime.NumCPU(), os.Getenv("NPROC"), os.Getenv("PJRT_NPROC"), processor), nil
}

// processorFeatures are the lines of /proc/cpuinfo that name the first
// processor's model and its instructions.
func processorFeatures() ([]byte, error) {
	content, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return nil, err
	}
	var kept []byte
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, len(content)+1)
	for lines.Scan() && (len(kept) == 0 || lines.Text() != "") {
		name, _, _ := strings.Cut(lines.Text(), "\t")
		switch strings.TrimSpace(name) {
		case "model name", "flags", "Features", "CPU part", "isa":
			kept = append(append(kept, lines.Bytes()...), '\n')
		}
	}
	if len(kept) == 0 {
		return nil, fmt.Errorf("/proc/cpuinfo does not say what the processor can do")
	}
	return kept, nil
}

// noisebook_compile stands for PJRT_Client_Compile. It has its signature: NULL
// or an error of the plugin's is returned, the program in the arguments.
//
//export noisebook_compile
func noisebook_compile(pointer unsafe.Pointer) unsafe.Pointer {
	arguments := (*C.pjrt_client_compile)(pointer)
	program := arguments.program
	text := compilation{
		Format: bytesAt(program.format, program.format_size), Options: bytesAt(arguments.options, arguments.options_size),
		Code: bytesAt(program.code, program.code_size),
	}
	key := programs.NewKey(interposed.identity, text.Format, text.Options, text.Code)
	load := func(code []byte) (loaded bool) {
		arguments.executable = C.pjrt_load(arguments.client, (*C.char)(unsafe.Pointer(unsafe.SliceData(code))), C.size_t(len(code)))
		return arguments.executable != nil
	}
	if code, found := interposed.cache.Load(key); found && load(code) {
		loadedBy.Store(syscall.Gettid(), true)
		return nil
	}
	if len(text.Code) >= largeProgram {
		if code, err := compileElsewhere(interposed.path, text); err == nil && load(code) {
			_ = interposed.cache.Save(key, code) // as below
			return nil
		}
	}
	if failure := C.pjrt_compile(arguments); failure != nil {
		return failure
	}
	var written C.pjrt_executable_serialize
	if C.pjrt_serialize(arguments.executable, &written) == 0 {
		// A full disk costs the next process time, and this one nothing.
		_ = interposed.cache.Save(key, bytesAt(written.bytes, written.bytes_size))
		C.pjrt_release(&written)
	}
	return nil
}

// bytesAt is C's memory as a slice, without a copy.
func bytesAt(start *C.char, size C.size_t) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(start)), int(size))
}

// loadedBy has an entry for each thread that loaded a program.
var loadedBy sync.Map

// watch runs a compilation and says whether the program came from disk. The
// compile function runs on the thread that asked for it, and knows no more of it.
func watch(compile func() error) (loaded bool, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	loadedBy.Delete(syscall.Gettid())
	err = compile()
	_, loaded = loadedBy.LoadAndDelete(syscall.Gettid())
	return loaded, err
}
