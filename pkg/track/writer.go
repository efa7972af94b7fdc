package track

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// FlushInterval is the longest time that a metric stays in memory only: the
	// loss window of a killed process.
	FlushInterval = 2 * time.Second
	// HeartbeatInterval is how often a running attempt says that it is alive.
	HeartbeatInterval = 5 * time.Second
	// StaleAfter is the age of a heartbeat from which a run counts as crashed.
	StaleAfter = 30 * time.Second

	queueLength  = 8192
	pendingLimit = 8 << 20 // bytes kept while the disk refuses them
)

// journalWriter appends one process's events to its own file from one
// goroutine. Producers never wait for the disk.
type journalWriter struct {
	path    string
	file    *os.File
	queue   chan Event
	flush   chan chan error
	stop    chan struct{} // closed to end the goroutine
	done    chan struct{} // closed when it has ended
	closing sync.Once
	dropped atomic.Int64

	// owned by the goroutine
	names   nameCache
	pending []byte // encoded lines that are not in the file yet
	dirty   bool   // written but not synced
	failure error  // why the last write failed; nil again when one succeeds
	last    map[string]Point
	said    settings
	warn    func(error) // called once, at the first failure
	warned  bool
}

// openJournal creates the journal of an attempt, "001", or of an attached
// writer, "a", and makes its first event durable, so that a full or read-only
// disk is known before the work starts.
func openJournal(runDir, writer string, first Event, warn func(error)) (*journalWriter, error) {
	name := fmt.Sprintf("journal-%s-%s.jsonl", writer, newID(6))
	file, err := os.OpenFile(filepath.Join(runDir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	w := &journalWriter{
		path: file.Name(), file: file, warn: warn,
		queue: make(chan Event, queueLength), flush: make(chan chan error),
		stop: make(chan struct{}), done: make(chan struct{}),
		last: map[string]Point{},
	}
	w.add(first)
	if err := w.sync(); err != nil {
		return nil, both(err, both(file.Close(), os.Remove(file.Name())))
	}
	go w.loop()
	return w, nil
}

// log queues an event, or counts it as dropped when the queue is full.
func (w *journalWriter) log(e Event) {
	select {
	case w.queue <- e:
	default:
		w.dropped.Add(1)
	}
}

// syncNow makes everything queued so far durable.
func (w *journalWriter) syncNow() error {
	reply := make(chan error, 1)
	select {
	case w.flush <- reply:
		return <-reply
	case <-w.done:
		return nil
	}
}

// close writes the attempt's last event and makes the journal durable.
func (w *journalWriter) close(last Event) error {
	err := errors.New("journal is closed")
	w.closing.Do(func() {
		close(w.stop)
		<-w.done
		last.Last, last.Said, last.Dropped = w.last, w.said.events(), w.dropped.Load()
		w.add(last)
		err = both(w.sync(), w.file.Close())
	})
	return err
}

func (w *journalWriter) loop() {
	defer close(w.done)
	flush := time.NewTicker(FlushInterval)
	heartbeat := time.NewTicker(HeartbeatInterval)
	defer flush.Stop()
	defer heartbeat.Stop()
	for {
		select {
		case e := <-w.queue:
			w.add(e)
		case <-flush.C:
			_ = w.sync() // reported once through warn and again by close
		case now := <-heartbeat.C:
			w.add(Event{Time: now, Type: EventHeartbeat})
		case reply := <-w.flush:
			w.drain()
			reply <- w.sync()
		case <-w.stop:
			w.drain()
			return
		}
	}
}

func (w *journalWriter) drain() {
	for {
		select {
		case e := <-w.queue:
			w.add(e)
		default:
			return
		}
	}
}

func (w *journalWriter) add(e Event) {
	for name, value := range e.Values {
		w.last[name] = Point{Step: e.Step, Value: value}
	}
	w.said.apply(e)
	if len(w.pending) > pendingLimit {
		w.dropped.Add(1)
		return
	}
	w.pending = appendEvent(w.pending, &e, &w.names)
	if len(w.pending) >= 1<<16 {
		w.write()
	}
}

// write hands the pending lines to the system. What it does not take stays
// pending, so a disk that has room again continues in the middle of the line
// where it stopped.
func (w *journalWriter) write() {
	if len(w.pending) == 0 {
		return
	}
	n, err := w.file.Write(w.pending)
	w.dirty = w.dirty || n > 0
	w.pending = append(w.pending[:0], w.pending[n:]...)
	w.report(err)
}

func (w *journalWriter) sync() error {
	w.write()
	if w.failure == nil && w.dirty {
		err := w.file.Sync()
		w.dirty = err != nil
		w.report(err)
	}
	return w.failure
}

func (w *journalWriter) report(err error) {
	w.failure = err
	if err != nil && !w.warned && w.warn != nil {
		w.warned = true
		w.warn(err)
	}
}
