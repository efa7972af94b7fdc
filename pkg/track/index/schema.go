package index

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// migrations bring the schema from the version that is their place in the list
// to the next. PRAGMA user_version is the number of those that were applied. What
// an earlier version did not record is read from the files again, so a migration
// may throw rows away.
var migrations = []string{`
CREATE TABLE run (
	n          INTEGER PRIMARY KEY AUTOINCREMENT, -- a number is never used for another run
	id         TEXT NOT NULL UNIQUE,
	kind       TEXT NOT NULL,
	name       TEXT NOT NULL,
	parent     TEXT NOT NULL,
	stage      TEXT NOT NULL,
	version    INTEGER NOT NULL,
	key        TEXT NOT NULL,
	state      TEXT NOT NULL, -- running and crashed are derived again by each reader
	error      TEXT NOT NULL,
	started    INTEGER NOT NULL, -- nanoseconds since 1970; 0 is unknown
	ended      INTEGER NOT NULL,
	attempts   INTEGER NOT NULL,
	dropped    INTEGER NOT NULL,
	code       TEXT NOT NULL,
	tags       TEXT NOT NULL, -- JSON objects
	params     TEXT NOT NULL,
	changed    INTEGER NOT NULL, -- modification time of the run's folder
	sealed     INTEGER NOT NULL  -- no writer is left
);
CREATE TABLE journal (
	run     INTEGER NOT NULL REFERENCES run(n),
	place   INTEGER NOT NULL, -- attempts in their order, then attached writers
	name    TEXT NOT NULL,
	size    INTEGER NOT NULL,
	offset  INTEGER NOT NULL, -- how much of it is in the index
	last    INTEGER NOT NULL, -- time of the last event
	ended   INTEGER NOT NULL,
	attached INTEGER NOT NULL,
	process INTEGER NOT NULL,
	machine TEXT NOT NULL,
	PRIMARY KEY (run, place)
) WITHOUT ROWID;
CREATE TABLE metric (
	name       TEXT NOT NULL,
	run        INTEGER NOT NULL REFERENCES run(n),
	count      INTEGER NOT NULL,
	first      REAL, first_step INTEGER NOT NULL, -- a value that is NULL is NaN
	last       REAL, last_step  INTEGER NOT NULL,
	min        REAL, min_step   INTEGER NOT NULL,
	max        REAL, max_step   INTEGER NOT NULL,
	top_step   INTEGER NOT NULL, -- the highest; with the next two, whether a point can be added
	writer     TEXT NOT NULL,
	attached   INTEGER NOT NULL,
	PRIMARY KEY (name, run)
) WITHOUT ROWID;
CREATE INDEX metric_of_run ON metric (run);
`}

// lockTime is how long a process waits for others, to write or to migrate.
// Whoever waits longer answers without the index.
const lockTime = 10 * time.Second

// errNewer says that a later version of the program wrote the index.
var errNewer = errors.New("the index was written by a newer noisebook")

// openDatabase opens the index, makes it when there is none and brings it to
// the present schema.
func openDatabase(ctx context.Context, path string) (db *sql.DB, info os.FileInfo, err error) {
	// The driver reports a file that cannot be written only when it writes.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, nil, err
	}
	info, err = f.Stat()
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, nil, err
	}
	parameters := url.Values{
		"_pragma": {fmt.Sprintf("busy_timeout(%d)", lockTime.Milliseconds()), "synchronous(NORMAL)"},
		"_txlock": {"immediate"}, // a transaction that starts by reading could not be made to wait later
	}
	db, err = sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+parameters.Encode())
	if err != nil {
		return nil, info, err
	}
	version, err := schemaVersion(ctx, db)
	if err == nil && version < len(migrations) {
		err = migrate(ctx, db, path)
	}
	if err == nil && version > len(migrations) {
		err = errNewer
	}
	if err != nil {
		return nil, info, errors.Join(err, db.Close())
	}
	return db, info, nil
}

func schemaVersion(ctx context.Context, db interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}) (version int, err error) {
	err = db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
	return version, err
}

// migrate holds the file lock, so that of several processes that find an old
// index one brings it up to date and the others wait.
func migrate(ctx context.Context, db *sql.DB, path string) error {
	unlock, err := lockFile(ctx, path)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := db.ExecContext(ctx, "PRAGMA journal_mode=WAL"); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	version, err := schemaVersion(ctx, tx)
	if err != nil {
		return err
	}
	for ; version < len(migrations); version++ {
		if _, err := tx.ExecContext(ctx, migrations[version]); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version)); err != nil {
		return err
	}
	return tx.Commit()
}

// lockFile is held while an index is migrated or put aside.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, lockTime)
	defer cancel()
	lock := flock.New(path + ".lock")
	if _, err := lock.TryLockContext(ctx, 20*time.Millisecond); err != nil {
		return nil, err
	}
	return func() { _ = lock.Unlock() }, nil
}

// isDamage says that the file holds no index. A missing table counts: the
// schema's version said that it is there.
func isDamage(err error) bool {
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return false
	}
	switch failure.Code() & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_CONSTRAINT:
		return true
	}
	return false
}

// isBusy says that other processes held the index for too long.
func isBusy(err error) bool {
	var failure *sqlite.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &failure) && failure.Code()&0xff == sqlite3.SQLITE_BUSY
}

const damagedSuffix = ".damaged"

// putAside renames a damaged index, unless another process has done so.
func putAside(ctx context.Context, path string, damaged os.FileInfo) error {
	unlock, err := lockFile(ctx, path)
	if err != nil {
		return err
	}
	defer unlock()
	if info, err := os.Stat(path); err != nil || !os.SameFile(info, damaged) {
		return nil
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return os.Rename(path, path+damagedSuffix)
}

// cachePath is where the index of a store lies that cannot be written.
func cachePath(storeDir string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "noisebook", "indexes")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(storeDir))
	return filepath.Join(dir, hex.EncodeToString(sum[:8])+".sqlite"), nil
}
