package data

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"noisebook/pkg/fetch"
)

// debianPackage is a package of this machine's Debian archive, downloaded and unpacked, without being installed, into a
// temporary folder when its first file is asked for. It needs no root.
type debianPackage struct {
	name   string
	folder string // of the unpacked files; "" before
	err    error  // why the package is not to be had, kept so that it is asked for once
}

func (p *debianPackage) unpacked() bool { return p.folder != "" && p.err == nil }

func (p *debianPackage) remove() {
	if p.folder != "" {
		os.RemoveAll(p.folder)
	}
}

// unpack makes the package's files available, once.
func (p *debianPackage) unpack(ctx context.Context) error {
	if p.folder != "" {
		return p.err
	}
	if p.folder, p.err = os.MkdirTemp("", "noisebook-deb-"); p.err != nil {
		return p.err
	}
	archive, err := p.download(ctx)
	if err == nil {
		command := exec.CommandContext(ctx, "dpkg-deb", "--extract", archive, p.folder)
		command.WaitDelay = time.Second
		var output []byte
		if output, err = command.CombinedOutput(); err != nil {
			err = fmt.Errorf("dpkg-deb: %w: %s", err, output)
		}
	}
	p.err = err
	return err
}

// download asks apt with the system's package lists and, if they do not know the package (a fresh container has none),
// with lists of its own.
func (p *debianPackage) download(ctx context.Context) (string, error) {
	download := fetch.Command{Args: []string{"apt-get", "--quiet", "download", p.name}, Result: p.name + "_*.deb"}
	archive, err := download.Run(ctx, p.folder)
	if err == nil || ctx.Err() != nil {
		return archive, err
	}
	private := []string{"--quiet", "-o", "APT::Sandbox::User=" /* the temporary folder is ours alone */}
	for _, place := range []string{"State", "Cache"} {
		folder := filepath.Join(p.folder, ".apt", place)
		for _, needed := range []string{"lists/partial", "archives/partial"} {
			if err := os.MkdirAll(filepath.Join(folder, filepath.FromSlash(needed)), 0o755); err != nil {
				return "", err
			}
		}
		private = append(private, "-o", "Dir::"+place+"="+folder)
	}
	private = append(private, "-o", "Dir::State::status=/var/lib/dpkg/status")
	update := fetch.Command{Args: append(append([]string{"apt-get"}, private...), "update"), Result: ".apt"}
	if _, updateErr := update.Run(ctx, p.folder); updateErr != nil {
		return "", err
	}
	download.Args = append(append([]string{"apt-get"}, private...), "download", p.name)
	return download.Run(ctx, p.folder)
}

// debianMember is a file of a Debian package.
type debianMember struct {
	pkg  *debianPackage
	path string // in the package, relative to the root
}

func (m debianMember) String() string { return "apt-get download " + m.pkg.name }

// Open implements [fetch.Source].
func (m debianMember) Open(ctx context.Context, scratch string) (io.ReadCloser, int64, error) {
	if err := m.pkg.unpack(ctx); err != nil {
		return nil, 0, fetch.Permanent(err)
	}
	return fetch.Path(filepath.Join(m.pkg.folder, filepath.FromSlash(m.path))).Open(ctx, scratch)
}
