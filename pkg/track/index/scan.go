package index

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"noisebook/pkg/track"
)

// settleTime is how long a run's folder must have been left alone before its
// modification time can be trusted to show the next change: file systems keep
// times in coarse units.
const settleTime = 2 * time.Second

// record is all that the index keeps of a run.
type record struct {
	entry    *Entry
	changed  int64 // modification time of the run's folder, in nanoseconds
	sealed   bool  // no writer is left: only a change of the folder can follow
	journals []journal
	courses  map[string]*course
}

// journal is how far one journal has been read.
type journal struct {
	name     string
	size     int64 // when it was last read
	offset   int64 // of the first byte that was not used
	last     time.Time
	ended    bool
	attached bool
	attempt  track.Attempt // who writes it
}

// upToDate says that nothing was written to the run since its record was made.
func (r *record) upToDate(dir string, changed int64) bool {
	if r.changed != changed || r.entry.State == track.Unreadable {
		return false
	}
	for _, j := range r.journals {
		if j.ended {
			continue
		}
		info, err := os.Stat(filepath.Join(dir, j.name))
		if err != nil || info.Size() != j.size {
			return false
		}
	}
	return true
}

// mayBeSealed says that all writers have ended, and the folder was left alone
// for long enough.
func (r *record) mayBeSealed(now time.Time) bool {
	return r.entry.State != track.Unreadable && now.Sub(time.Unix(0, r.changed)) > settleTime &&
		!slices.ContainsFunc(r.journals, func(j journal) bool { return !j.ended })
}

// scan brings a run's record up to date, or makes a new one when before is nil.
// It is nil when the run is gone.
func scan(store *track.Store, id string, before *record, now time.Time) *record {
	dir := store.RunDir(id)
	info, err := os.Lstat(dir) // before the files are read: what is added meanwhile is seen next time
	if err != nil || !info.IsDir() {
		return nil
	}
	attempts, attached, _ := store.JournalFiles(id) // what cannot be listed makes the run unreadable below
	r := &record{changed: info.ModTime().UnixNano(), courses: map[string]*course{}}
	facts := before == nil || before.changed != r.changed || before.entry.State == track.Unreadable
	var known []journal
	if before != nil {
		known, r.courses = before.journals, before.courses
	}
	whole := true // the courses could be continued
	for place, name := range slices.Concat(attempts, attached) {
		j := journal{name: name, attached: place >= len(attempts)}
		if i := slices.IndexFunc(known, func(k journal) bool { return k.name == j.name }); i >= 0 {
			j = known[i]
			known = slices.Delete(slices.Clone(known), i, i+1)
		}
		told, ok := r.read(filepath.Join(dir, name), &j)
		facts, whole = facts || told, whole && ok
		r.journals = append(r.journals, j)
	}
	if whole = whole && len(known) == 0; !whole { // also when a journal is gone
		facts = true
	}
	if facts {
		run, err := store.Run(id)
		if err != nil {
			return nil
		}
		r.entry = entryOf(run)
	} else {
		r.entry = before.entry.copy()
	}
	if !whole {
		r.readAgain(dir)
	}
	r.judge(now)
	r.sealed = r.mayBeSealed(now)
	r.entry.all = map[string]Summary{}
	for name, c := range r.courses {
		r.entry.all[name] = c.Summary
	}
	return r
}

// read continues a journal from where it was left. It tells whether there was
// anything but metrics and signs of life, and whether all metrics could be added.
func (r *record) read(path string, j *journal) (told, ok bool) {
	f, err := os.Open(path)
	if err != nil {
		return true, false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() < j.offset { // another file of that name
		*j = journal{name: j.name, attached: j.attached}
		return true, false
	}
	if j.size = info.Size(); j.size == j.offset {
		return false, true
	}
	if _, err := f.Seek(j.offset, io.SeekStart); err != nil {
		return true, false
	}
	ok = true
	scanned, err := track.ScanEvents(io.LimitReader(f, j.size-j.offset), func(e track.Event) {
		j.last = e.Time
		j.ended = e.Type == track.EventState || e.Type == track.EventDetach
		switch e.Type {
		case track.EventMetric:
			for name, value := range e.Values {
				c := r.courses[name]
				if c == nil {
					c = &course{}
					r.courses[name] = c
				}
				ok = c.append(j.name, j.attached, Point{Step: e.Step, Value: float64(value)}) && ok
			}
		case track.EventHeartbeat, track.EventNote, track.EventArtifact, track.EventDataset, track.EventEnvironment:
		default:
			told = true
		}
		if e.Attempt != nil {
			j.attempt = *e.Attempt
			j.attempt.Provenance = nil
		}
	})
	j.offset += scanned.Used
	return told, ok && err == nil
}

// readAgain makes the courses from the whole of the journals, as far as they
// were read, where points needed more than adding.
func (r *record) readAgain(dir string) {
	var all track.Journal
	r.courses = map[string]*course{}
	for _, j := range r.journals {
		f, err := os.Open(filepath.Join(dir, j.name))
		if err != nil {
			continue // gone meanwhile: the folder's time tells at the next refresh
		}
		_, _ = track.ScanEvents(io.LimitReader(f, j.offset), func(e track.Event) {
			all.Events = append(all.Events, e)
			for name := range e.Values {
				c := r.courses[name]
				if c == nil {
					c = &course{}
					r.courses[name] = c
				}
				c.Writer, c.Attached = j.name, c.Attached || j.attached
			}
		})
		f.Close()
	}
	for name, points := range all.Metrics() {
		c := r.courses[name]
		c.Summary = Summarize(points)
		c.MaxStep = points[0].Step
		for _, p := range points {
			c.MaxStep = max(c.MaxStep, p.Step)
		}
	}
}

// judge derives whether a run that has not ended is alive.
func (r *record) judge(now time.Time) {
	if r.entry.State != track.Running && r.entry.State != track.Crashed {
		return
	}
	newest := -1
	for i, j := range r.journals {
		if !j.attached {
			newest = i
		}
	}
	if newest < 0 {
		return
	}
	j := r.journals[newest]
	if j.attempt.Alive(j.last, now) {
		r.entry.State, r.entry.Ended = track.Running, time.Time{}
		return
	}
	r.entry.State, r.entry.Ended = track.Crashed, j.last
	if j.last.IsZero() {
		r.entry.Ended = r.entry.Started
	}
}
