package track

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// EventType says what a journal line records.
type EventType string

// The kinds of journal lines. Readers keep lines of a kind they do not know.
const (
	EventAttempt     EventType = "attempt"     // a process starts or resumes the run
	EventMetric      EventType = "metric"      // values at a step
	EventArtifact    EventType = "artifact"    // a file was stored
	EventDataset     EventType = "dataset"     // a dataset was used
	EventEnvironment EventType = "environment" // engine, device and the like became known
	EventNote        EventType = "note"        // free text
	EventParam       EventType = "param"       // named values that describe the run
	EventTag         EventType = "tag"         // tags set or, with an empty value, removed
	EventUses        EventType = "uses"        // the run asked for a stage
	EventHeartbeat   EventType = "heartbeat"   // the process is alive
	EventState       EventType = "state"       // the attempt ended
	EventAttach      EventType = "attach"      // a further process writes to the run
	EventDetach      EventType = "detach"      // and leaves
)

// Event is one line of a journal. Only the fields of its type are set.
type Event struct {
	Time        time.Time         `json:"t"`
	Type        EventType         `json:"type"`
	Step        int               `json:"step,omitempty"`
	Values      map[string]Number `json:"values,omitempty"`
	Attempt     *Attempt          `json:"attempt,omitempty"`
	Artifact    *Artifact         `json:"artifact,omitempty"`
	Dataset     *Dataset          `json:"dataset,omitempty"`
	Environment map[string]string `json:"environment,omitempty"`
	Text        string            `json:"text,omitempty"`
	Params      Params            `json:"params,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	Uses        *Use              `json:"uses,omitempty"`
	State       State             `json:"state,omitempty"`
	Error       string            `json:"error,omitempty"`
	Stack       string            `json:"stack,omitempty"`
	Last        map[string]Point  `json:"last,omitempty"`    // state, detach: the last value of each metric
	Said        []Event           `json:"said,omitempty"`    // state, detach: the writer's params, tags and uses again
	Dropped     int64             `json:"dropped,omitempty"` // state, detach: events lost to a full queue
}

// Use says that a run asked for a stage.
type Use struct {
	Run    string `json:"run"` // the stage's
	Stage  string `json:"stage"`
	Cached bool   `json:"cached,omitempty"` // it was answered from the store
}

// Attempt is one process's work on a run. A run that was interrupted or crashed
// is continued by a further attempt with a journal of its own.
type Attempt struct {
	Number     int         `json:"number"` // from 1; 0 of an attached writer
	Process    int         `json:"process"`
	Machine    string      `json:"machine,omitempty"` // identifies the boot and process namespace
	Provenance *Provenance `json:"provenance,omitempty"`
}

// Dataset is the lineage of data that a run used.
type Dataset struct {
	Name     string `json:"name"`
	Split    string `json:"split,omitempty"`
	Checksum string `json:"checksum"` // SHA-256 of the content
}

// Point is one value of a metric.
type Point struct {
	Step  int       `json:"step"`
	Time  time.Time `json:"t,omitzero"`
	Value Number    `json:"value"`
}

// Journal is what could be read of one or more journal files.
type Journal struct {
	Events  []Event
	Skipped int  // lines that are no event: damage in the middle of a file
	Cut     bool // the last line of a file is incomplete, as after a crash
}

// ReadJournal reads events a line at a time. Damaged lines are counted and
// skipped; only a failing reader is an error.
func ReadJournal(r io.Reader) (Journal, error) {
	var journal Journal
	scan, err := ScanEvents(r, func(e Event) { journal.Events = append(journal.Events, e) })
	journal.Skipped, journal.Cut = scan.Skipped, scan.Cut
	return journal, err
}

// journalFiles lists a run's journals: those of its attempts, the newest last,
// and those of attached writers.
func journalFiles(runDir string) (attempts, attached []string, err error) {
	files, err := filepath.Glob(filepath.Join(runDir, "journal-*.jsonl"))
	if err != nil {
		return nil, nil, err
	}
	sort.Strings(files) // the writer's name starts with the attempt's number
	for _, path := range files {
		if strings.HasPrefix(filepath.Base(path), "journal-a-") {
			attached = append(attached, path)
		} else {
			attempts = append(attempts, path)
		}
	}
	return attempts, attached, nil
}

func readJournals(runDir string) (Journal, error) {
	attempts, attached, err := journalFiles(runDir)
	if err != nil {
		return Journal{}, err
	}
	var all Journal
	for _, path := range append(attempts, attached...) {
		f, err := os.Open(path)
		if err != nil {
			return all, fmt.Errorf("track: %w", err)
		}
		one, err := ReadJournal(f)
		f.Close()
		if err != nil {
			return all, err
		}
		all.Events = append(all.Events, one.Events...)
		all.Skipped += one.Skipped
		all.Cut = all.Cut || one.Cut
	}
	return all, nil
}
