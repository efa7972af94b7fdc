//go:build linux && (amd64 || arm64)

package engine

/*
#include <stdlib.h>
#include "pjrt.h"
*/
import "C"

import (
	"encoding/gob"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"unsafe"
)

// A compiler leaves its process a heap in thousands of pieces, through which each
// allocation of the program's own threads then searches, one thread at a time: a
// training step takes half as long again as in a process that has loaded the same
// program (docs/decisions/warm-cells.md). So a large program is compiled by a
// child, which is this executable over again.

// compilerVariable is the path of the plugin in the child's environment. Whoever
// links this package is a compiler when it is set, and never reaches its main.
const compilerVariable = "NOISEBOOK_COMPILER_PLUGIN"

// keepMemoryVariable at 0 leaves the child's heap as glibc has it (allocator_linux.go):
// its threads need not wait for one another.
const keepMemoryVariable = "NOISEBOOK_KEEP_MEMORY"

// largeProgram is the size of text from which a child is worth its start, about a
// fifth of a second.
const largeProgram = 64 << 10

// compilation is what the child reads from its standard input.
type compilation struct{ Format, Options, Code []byte }

// programFile is the descriptor that the child writes the program to: a plugin
// may print to the standard ones.
const programFile = 3

func init() {
	path := os.Getenv(compilerVariable)
	if path == "" {
		return
	}
	if err := compileForParent(path, os.Stdin, os.NewFile(programFile, "program")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func compileForParent(path string, from io.Reader, to io.Writer) error {
	var c compilation
	if err := gob.NewDecoder(from).Decode(&c); err != nil {
		return fmt.Errorf("engine: compiler: %w", err)
	}
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	bytes := func(b []byte) (*C.char, C.size_t) {
		return (*C.char)(unsafe.Pointer(unsafe.SliceData(b))), C.size_t(len(b))
	}
	format, formatSize := bytes(c.Format)
	options, optionsSize := bytes(c.Options)
	code, codeSize := bytes(c.Code)
	var written C.pjrt_executable_serialize
	if C.pjrt_compile_alone(name, format, formatSize, options, optionsSize, code, codeSize, &written) != 0 {
		return fmt.Errorf("engine: compiler: the plugin compiles no program of %d bytes", len(c.Code))
	}
	_, err := to.Write(bytesAt(written.bytes, written.bytes_size))
	return err
}

// compileElsewhere is a program as a child has compiled it. After an error one
// compiles here, and learns of the reason in the plugin's own words.
func compileElsewhere(plugin string, c compilation) ([]byte, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer out.Close()
	child := exec.Command("/proc/self/exe")
	child.Env = append(os.Environ(), compilerVariable+"="+plugin, keepMemoryVariable+"=0")
	child.ExtraFiles = []*os.File{in}
	// An interrupt of the terminal is the parent's to answer; a child does not outlive it.
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	request, err := child.StdinPipe()
	if err != nil {
		in.Close()
		return nil, err
	}
	err = child.Start()
	in.Close()
	if err != nil {
		return nil, err
	}
	go func() {
		_ = gob.NewEncoder(request).Encode(c) // a child that cannot read it fails
		request.Close()
	}()
	program, readErr := io.ReadAll(out)
	if err := child.Wait(); err != nil {
		return nil, err
	}
	return program, readErr
}
