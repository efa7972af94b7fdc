package plugin

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"noisebook/pkg/fetch"
)

// wheel is a Python package that carries a plugin. Python never imports it: pip only fetches the archive.
type wheel struct {
	requirement   string
	sha256        string // of the archive
	member        string // path of the library in the archive
	librarySHA256 string
}

// xlaWheel carries an unmodified upstream build of XLA (Apache-2.0) for Linux on amd64, tried with go-xla v0.3.0.
var xlaWheel = wheel{
	requirement:   "fastatomstruct-xla-cpu==2026.6.23",
	sha256:        "88b1c430b341b4bea40a37420311c9c75db6e22b46d2ff95b6986577bee6afe9",
	member:        "fastatomstruct_xla_cpu/libpjrt_cpu.so",
	librarySHA256: "0a0fe56ca17be9efc7b942e89e534e5e0ad4a0f1e369b66d27b62184509015b9",
}

// sources are the pips of this machine: that of the user's choice and of the project's virtual environment come first,
// because a system's Python often has none.
func (w wheel) sources() []fetch.Source {
	var sources []fetch.Source
	if python := os.Getenv("NOISEBOOK_PYTHON"); python != "" {
		sources = append(sources, wheelSource{w, python})
	}
	if python, err := filepath.Abs(filepath.Join(".venv", "bin", "python")); err == nil {
		if _, err := os.Stat(python); err == nil {
			sources = append(sources, wheelSource{w, python})
		}
	}
	return append(sources, wheelSource{w, "python3"})
}

// wheelSource reads the library out of the wheel that pip downloads.
type wheelSource struct {
	wheel
	python string
}

func (s wheelSource) command() fetch.Command {
	return fetch.Command{
		Args: []string{s.python, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--disable-pip-version-check",
			s.requirement},
		Result: "*.whl",
	}
}

func (s wheelSource) String() string { return s.command().String() }

// Open implements [fetch.Source].
func (s wheelSource) Open(ctx context.Context, scratch string) (io.ReadCloser, int64, error) {
	path, err := s.command().Run(ctx, scratch)
	if err != nil {
		return nil, 0, fetch.Permanent(err)
	}
	digest, err := fetch.Digest(path)
	if err != nil {
		return nil, 0, err
	}
	if digest != s.sha256 {
		return nil, 0, fetch.Permanent(fmt.Errorf("%w of %s: sha256 %s instead of %s", fetch.ErrChecksum, filepath.Base(path),
			digest, s.sha256))
	}
	archive, err := zip.OpenReader(path)
	if err != nil {
		return nil, 0, fetch.Permanent(err)
	}
	for _, member := range archive.File {
		if member.Name != s.member {
			continue
		}
		content, err := member.Open()
		if err != nil {
			archive.Close()
			return nil, 0, fetch.Permanent(err)
		}
		return zipMember{content, archive}, int64(member.UncompressedSize64), nil
	}
	archive.Close()
	return nil, 0, fetch.Permanent(fmt.Errorf("no %s in the wheel", s.member))
}

type zipMember struct {
	io.ReadCloser
	archive io.Closer
}

func (m zipMember) Close() error { return errors.Join(m.ReadCloser.Close(), m.archive.Close()) }
