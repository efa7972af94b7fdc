package plugin

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"runtime"
)

// entryPoint is the function through which every PJRT plugin hands out its interface.
const entryPoint = "GetPjrtApi"

var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "riscv64": elf.EM_RISCV}

// Check says in one line why a file cannot be a PJRT plugin for this machine: missing, not a shared library, cut short,
// for another processor, or without a plugin's entry point. It reads headers and symbols only, so that it is quick, and
// cannot see damage elsewhere; away from Linux it only sees whether the file is there.
func Check(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("plugin %s does not exist", path)
	case err != nil:
		return fmt.Errorf("plugin: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("plugin %s is not a file", path)
	}
	if runtime.GOOS != "linux" {
		return nil
	}
	library, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("plugin %s is damaged or is no shared library (%d bytes): %w", path, info.Size(), err)
	}
	defer library.Close()
	if want, known := machines[runtime.GOARCH]; known && library.Machine != want {
		return fmt.Errorf("plugin %s is built for another processor (%s, this machine is %s)", path, library.Machine, want)
	}
	if library.Type != elf.ET_DYN {
		return fmt.Errorf("plugin %s is no shared library (%s)", path, library.Type)
	}
	symbols, err := library.DynamicSymbols()
	if err != nil {
		return fmt.Errorf("plugin %s is damaged or has no symbols: %w", path, err)
	}
	for _, symbol := range symbols {
		if symbol.Name == entryPoint && symbol.Section != elf.SHN_UNDEF {
			return nil
		}
	}
	return fmt.Errorf("plugin %s is a shared library but no PJRT plugin: it has no function %s", path, entryPoint)
}
