package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"noisebook/pkg/fetch"
)

// record lies beside an installed plugin. Hashing 270 MB at each start would be slow, so the digest is computed once, at
// installation, and size and time tell later whether the file is still the one that was verified.
type record struct {
	Bytes    int64     `json:"bytes"`
	Modified time.Time `json:"modified"`
	SHA256   string    `json:"sha256"`
	Source   string    `json:"source"`
}

func recordPath(library string) string { return library + ".json" }

// readRecord returns the zero record for a plugin that was put in place by hand.
func readRecord(library string) (record, error) {
	var r record
	text, err := os.ReadFile(recordPath(library))
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("%s: %w", recordPath(library), err)
	}
	return r, nil
}

// verify compares a plugin with its record.
func (r record) verify(library string) error {
	if r == (record{}) {
		return nil
	}
	info, err := os.Stat(library)
	if err != nil {
		return err
	}
	if info.Size() != r.Bytes {
		return fmt.Errorf("plugin %s is damaged: %d bytes instead of %d", library, info.Size(), r.Bytes)
	}
	if !info.ModTime().Equal(r.Modified) {
		return fmt.Errorf("plugin %s has changed since it was installed", library)
	}
	return nil
}

// writeRecord hashes a new plugin and writes its record.
func writeRecord(library, source string) (record, error) {
	digest, err := fetch.Digest(library)
	if err != nil {
		return record{}, err
	}
	info, err := os.Stat(library)
	if err != nil {
		return record{}, err
	}
	r := record{Bytes: info.Size(), Modified: info.ModTime(), SHA256: digest, Source: source}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return record{}, err
	}
	temporary := recordPath(library) + ".tmp"
	if err := os.WriteFile(temporary, append(text, '\n'), 0o644); err != nil {
		return record{}, err
	}
	return r, os.Rename(temporary, recordPath(library))
}
