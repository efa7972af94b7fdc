package mlflow

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"noisebook/pkg/atomicfile"
	"noisebook/pkg/track"
)

const cursorFormat = 1

// cursor is how far the export of a run to a server has come. It lies in the
// store under exports/mlflow/<server>/<run>.json and may be deleted: the export
// then compares what the server has.
type cursor struct {
	Format    int                  `json:"format"`
	Server    string               `json:"server"`
	Run       string               `json:"run"`                 // MLflow's id
	Verify    bool                 `json:"verify,omitempty"`    // the server may hold any of the points: an earlier cursor was lost
	Journals  map[string]*position `json:"journals,omitempty"`  // by file name
	Artifacts map[string]string    `json:"artifacts,omitempty"` // path on the server → SHA-256
	Waiting   []artifact           `json:"waiting,omitempty"`   // passed over: not in the store, or not wanted
	Datasets  map[string]string    `json:"datasets,omitempty"`  // name on the server → checksum
	Tags      []string             `json:"tags,omitempty"`      // of the user, so that one that is removed here is removed there
	Notes     []string             `json:"notes,omitempty"`

	path string
}

// position in a journal, in bytes. What lies before Done is on the server; what
// lies between Done and Sent may be, because no answer was noted.
type position struct {
	Done int64 `json:"done"`
	Sent int64 `json:"sent,omitempty"`
}

// artifact is a file of the store and its path on the server.
type artifact struct {
	Path string         `json:"path"`
	File track.Artifact `json:"file"`
}

// cursorFolder is where the cursors of a server's runs lie.
func cursorFolder(store *track.Store, server string) string {
	sum := sha256.Sum256([]byte(server))
	return filepath.Join(store.Dir(), "exports", "mlflow", hex.EncodeToString(sum[:6]))
}

// openCursor reads a run's cursor, or starts an empty one, and keeps other
// exporters of the run to the server away until release is called.
func openCursor(folder, server, run string) (c *cursor, release func(), err error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, nil, err
	}
	lock := flock.New(cursorPath(folder, run) + ".lock")
	switch held, err := lock.TryLock(); {
	case err != nil:
		return nil, nil, err
	case !held:
		return nil, nil, errors.New("another process is exporting it to this server")
	}
	release = func() { _ = lock.Unlock() }
	if c, err = readCursor(folder, run); err != nil {
		release()
		return nil, nil, err
	}
	c.Server = server
	return c, release, nil
}

func cursorPath(folder, run string) string { return filepath.Join(folder, run+".json") }

// readCursor reads a run's cursor. One that is damaged is as good as lost.
func readCursor(folder, run string) (*cursor, error) {
	c := &cursor{path: cursorPath(folder, run)}
	data, err := os.ReadFile(c.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if json.Unmarshal(data, c) != nil || c.Format != cursorFormat {
		c.reset()
	}
	return c, nil
}

// reset makes the cursor that of a run that was never exported.
func (c *cursor) reset() {
	*c = cursor{Format: cursorFormat, Server: c.Server, path: c.path}
}

// begin makes the cursor that of a run on the server. Of a run that is there
// already although no cursor says so, everything is compared.
func (c *cursor) begin(run string, verify bool) error {
	c.reset()
	c.Run, c.Verify = run, verify
	return c.save()
}

func (c *cursor) save() error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(c.path, append(data, '\n')); err != nil {
		return fmt.Errorf("cannot note how far the export came: %w", err)
	}
	return nil
}

// journal is the position in a journal file.
func (c *cursor) journal(name string) *position {
	if p, ok := c.Journals[name]; ok {
		return p
	}
	p := &position{}
	if c.Verify {
		p.Sent = math.MaxInt64
	}
	if c.Journals == nil {
		c.Journals = map[string]*position{}
	}
	c.Journals[name] = p
	return p
}

// verified notes that everything up to the positions is on the server.
func (c *cursor) verified() {
	c.Verify = false
	for _, p := range c.Journals {
		p.Sent = 0
	}
}
