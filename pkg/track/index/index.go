package index

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"noisebook/pkg/track"
)

// FileName is the index's name in the store's folder.
const FileName = "index.sqlite"

// Index answers from the index of one store. It may be used by one goroutine at
// a time; any number of processes may use indexes of the same store at once.
type Index struct {
	store  *track.Store
	warn   func(string)
	warned bool

	db     *sql.DB     // nil: answers come from the runs' files alone
	path   string      // of db
	opened os.FileInfo // of path, when db was opened
}

// Open opens the store's index; [Index.Close] ends its use. It never fails: a
// file that cannot be used makes answers slower, which is told to warn at most
// once where the user may want to know. warn may be nil.
func Open(ctx context.Context, store *track.Store, warn func(string)) *Index {
	x := &Index{store: store, warn: warn}
	x.open(ctx)
	return x
}

// Store is the store that the index is of.
func (x *Index) Store() *track.Store { return x.store }

// Close ends the use of the index.
func (x *Index) Close() error {
	if x.db == nil {
		return nil
	}
	db := x.db
	x.db = nil
	if err := db.Close(); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	return nil
}

func (x *Index) tell(format string, arguments ...any) {
	if x.warn != nil && !x.warned {
		x.warned = true
		x.warn(fmt.Sprintf(format, arguments...))
	}
}

// open tries the store's folder, then the user's cache.
func (x *Index) open(ctx context.Context) {
	err := x.openAt(ctx, filepath.Join(x.store.Dir(), FileName))
	if err == nil || errors.Is(err, errNewer) || isBusy(err) {
		return
	}
	if path, err := cachePath(x.store.Dir()); err == nil {
		_ = x.openAt(ctx, path)
	}
}

// openAt opens an index and replaces it when it is damaged.
func (x *Index) openAt(ctx context.Context, path string) error {
	db, info, err := openDatabase(ctx, path)
	if err != nil && isDamage(err) {
		if err = x.putAside(ctx, path, info); err == nil {
			db, info, err = openDatabase(ctx, path)
		}
	}
	if err != nil {
		return err
	}
	x.db, x.path, x.opened = db, path, info
	return nil
}

func (x *Index) putAside(ctx context.Context, path string, info os.FileInfo) error {
	x.tell("the index of the runs was damaged and is built again (the old file is %s%s)", path, damagedSuffix)
	return putAside(ctx, path, info)
}

// replace opens a new index in the place of a damaged one. It reports false
// when there is none.
func (x *Index) replace(ctx context.Context) bool {
	path, info := x.path, x.opened
	_ = x.Close()
	if err := x.putAside(ctx, path, info); err != nil {
		return false
	}
	return x.openAt(ctx, path) == nil
}

// Entries brings the index up to date with the runs' files and returns all
// runs, the newest first, without their metrics. Changing an entry changes nothing
// but that entry. Only a store that cannot be listed, or ctx, is an error.
func (x *Index) Entries(ctx context.Context) ([]*Entry, error) {
	folders := make(chan listing, 1)
	go func() { folders <- listRuns(x.store) }()
	records := x.readRecords(ctx)
	listed := <-folders
	if listed.err != nil {
		return nil, fmt.Errorf("index: %w", listed.err)
	}
	now := time.Now()
	var current, stale []*record
	for _, folder := range listed.folders {
		r := records[folder.id]
		delete(records, folder.id)
		switch {
		case r == nil:
			stale = append(stale, &record{entry: &Entry{ID: folder.id}})
		case r.sealed && r.changed == folder.changed:
			current = append(current, r)
		case !r.sealed && r.upToDate(x.store.RunDir(folder.id), folder.changed) && !r.mayBeSealed(now):
			r.judge(now)
			current = append(current, r)
		default:
			stale = append(stale, r)
		}
	}
	fresh := x.refresh(ctx, stale, x.gone(records), now)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	entries := make([]*Entry, 0, len(current)+len(fresh))
	for _, r := range slices.Concat(current, fresh) {
		entries = append(entries, r.entry)
	}
	slices.SortFunc(entries, func(a, b *Entry) int {
		if order := b.Started.Compare(a.Started); order != 0 {
			return order
		}
		return strings.Compare(a.ID, b.ID)
	})
	return entries, nil
}

// readRecords reads what the index knows; nothing when it cannot be read.
func (x *Index) readRecords(ctx context.Context) map[string]*record {
	for range 2 {
		if x.db == nil {
			break
		}
		records, err := readRuns(ctx, x.db)
		if err == nil {
			err = readJournals(ctx, x.db, records)
		}
		if err == nil {
			return records
		}
		if !isDamage(err) || !x.replace(ctx) {
			break
		}
	}
	return nil
}

// gone are the records whose runs do not exist any more.
func (x *Index) gone(records map[string]*record) []int64 {
	var gone []int64
	for id, r := range records {
		// A run that another process added after the folder was listed is not.
		if _, err := os.Lstat(x.store.RunDir(id)); errors.Is(err, os.ErrNotExist) {
			gone = append(gone, r.entry.row)
		}
	}
	return gone
}

const (
	scanWorkers = 4   // they also wait for the disk
	writeBatch  = 256 // runs in a transaction, so that no process keeps others waiting for long
)

// refresh scans the stale runs and writes what it finds, a batch at a time, so
// that an interrupted rebuild is not lost.
func (x *Index) refresh(ctx context.Context, stale []*record, gone []int64, now time.Time) []*record {
	for _, r := range stale {
		if r.entry.row == 0 {
			continue
		}
		if x.db == nil || readCourses(ctx, x.db, r) != nil {
			*r = record{entry: &Entry{ID: r.entry.ID}}
		}
	}
	work, done := make(chan *record), make(chan *record, writeBatch)
	var group sync.WaitGroup
	for range min(scanWorkers, len(stale)) {
		group.Go(func() {
			for before := range work {
				id := before.entry.ID
				if before.entry.row == 0 {
					before = nil
				}
				if r := scan(x.store, id, before, now); r != nil {
					done <- r
				}
			}
		})
	}
	go func() {
		for _, r := range stale {
			if ctx.Err() != nil {
				break
			}
			work <- r
		}
		close(work)
		group.Wait()
		close(done)
	}()
	var fresh, batch []*record
	for r := range done {
		fresh = append(fresh, r)
		if batch = append(batch, r); len(batch) == writeBatch {
			x.write(ctx, batch, gone)
			batch, gone = batch[:0], nil
		}
	}
	x.write(ctx, batch, gone)
	return fresh
}

// write stores records. That it cannot is no error: they are in memory, and the
// next refresh finds them again.
func (x *Index) write(ctx context.Context, batch []*record, gone []int64) {
	if x.db == nil || len(batch) == 0 && len(gone) == 0 {
		return
	}
	err := write(ctx, x.db, batch, gone)
	switch {
	case err == nil || ctx.Err() != nil || isBusy(err):
	case isDamage(err):
		if x.replace(ctx) && x.db != nil { // what earlier batches wrote is scanned again by the next use
			_ = write(ctx, x.db, batch, nil)
		}
	default:
		x.tell("the index of the runs cannot be written, so listing stays slow: %v", err)
	}
}

// LoadMetrics fills the named metrics, or all without names, into the Metrics of
// the entries.
func (x *Index) LoadMetrics(ctx context.Context, entries []*Entry, names ...string) error {
	rows := map[int64]*Entry{}
	for _, e := range entries {
		if e.Metrics == nil {
			e.Metrics = map[string]Summary{}
		}
		if e.all == nil {
			rows[e.row] = e
			continue
		}
		for name, s := range e.all {
			if len(names) == 0 || slices.Contains(names, name) {
				e.Metrics[name] = s
			}
		}
	}
	if len(rows) == 0 {
		return nil
	}
	visit := func(run int64, name string, s Summary) {
		if e := rows[run]; e != nil {
			e.Metrics[name] = s
		}
	}
	err := x.readMetrics(ctx, rows, names, visit)
	if err == nil || ctx.Err() != nil {
		return err
	}
	// The index was lost since the entries came from it.
	if isDamage(err) {
		x.replace(ctx)
	}
	now := time.Now()
	for _, e := range rows {
		if r := scan(x.store, e.ID, nil, now); r != nil {
			e.all = r.entry.all
		} else {
			e.all = map[string]Summary{}
		}
	}
	return x.LoadMetrics(ctx, entries, names...)
}

// fewRuns is how many runs are cheaper to look up one by one.
const fewRuns = 200

func (x *Index) readMetrics(ctx context.Context, rows map[int64]*Entry, names []string, visit func(int64, string, Summary)) error {
	if x.db == nil {
		return errors.New("no index")
	}
	if len(rows) > fewRuns {
		return readMetrics(ctx, x.db, 0, names, visit)
	}
	for run := range rows {
		if err := readMetrics(ctx, x.db, run, names, visit); err != nil {
			return err
		}
	}
	return nil
}
