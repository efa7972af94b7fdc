package track

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
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
)

// journalFile is what a journal needs of its file.
type journalFile interface {
	io.WriteCloser
	Sync() error
}

// journalWriter appends one process's events to its own file. Producers encode
// into the queue; one goroutine carries it to the disk, for which producers
// never wait.
type journalWriter struct {
	queue   queue
	flush   chan chan error
	stop    chan struct{} // closed to end the goroutine
	done    chan struct{} // closed when it has ended
	closing sync.Once

	// owned by the goroutine
	file    journalFile
	pending [][]byte    // chunks that are not in the file yet
	dirty   bool        // written since the last sync began
	syncing chan error  // of a sync in the background, nil when there is none
	failure error       // why the last write failed; nil again when one succeeds
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
		file: file, warn: warn,
		flush: make(chan chan error), stop: make(chan struct{}), done: make(chan struct{}),
	}
	w.queue.init()
	w.log(first)
	err = w.sync()
	if err == nil {
		err = syncDir(runDir) // else a power cut may take the file with its synced content
	}
	if err != nil {
		return nil, both(err, both(file.Close(), os.Remove(file.Name())))
	}
	go w.loop()
	return w, nil
}

// log queues an event, or counts it as dropped when the queue is full.
func (w *journalWriter) log(e Event) { w.queue.add(e) }

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
	err := fmt.Errorf("the recording has ended before")
	w.closing.Do(func() {
		close(w.stop)
		<-w.done
		w.queue.end(last)
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
		case <-w.queue.filled:
			w.write(w.queue.takeFull())
		case <-flush.C:
			w.syncBehind()
		case err := <-w.syncing:
			w.synced(err)
		case now := <-heartbeat.C:
			w.log(Event{Time: now, Type: EventHeartbeat})
		case reply := <-w.flush:
			w.reply(reply)
		case <-w.stop:
			return
		}
	}
}

// reply answers all who wait for the same sync.
func (w *journalWriter) reply(first chan error) {
	waiting := []chan error{first}
	for {
		select {
		case next := <-w.flush:
			waiting = append(waiting, next)
			continue
		default:
		}
		break
	}
	err := w.sync()
	for _, reply := range waiting {
		reply <- err
	}
}

// write hands chunks to the system after those that it has not taken yet. What
// it does not take stays pending, so a disk that has room again continues in
// the middle of the line where it stopped.
func (w *journalWriter) write(chunks [][]byte) {
	w.pending = append(w.pending, chunks...)
	for len(w.pending) > 0 {
		chunk := w.pending[0]
		n, err := w.file.Write(chunk)
		w.dirty = w.dirty || n > 0
		w.report(err)
		if err != nil {
			w.pending[0] = chunk[n:]
			return
		}
		w.queue.recycle(chunk)
		w.pending = w.pending[1:]
	}
	w.pending = nil
}

// sync waits until everything queued so far is on the disk.
func (w *journalWriter) sync() error {
	w.write(w.queue.takeAll())
	if w.syncing != nil {
		w.synced(<-w.syncing)
	}
	if len(w.pending) == 0 && w.dirty {
		w.dirty = false
		w.synced(w.file.Sync())
	}
	return w.failure
}

// syncBehind does the same but leaves the disk to another goroutine, during
// whose wait the queue is still emptied. Errors are reported once through warn
// and again by close.
func (w *journalWriter) syncBehind() {
	w.write(w.queue.takeAll())
	if len(w.pending) > 0 || !w.dirty || w.syncing != nil {
		return
	}
	w.dirty, w.syncing = false, make(chan error, 1)
	go func(done chan<- error) { done <- w.file.Sync() }(w.syncing)
}

func (w *journalWriter) synced(err error) {
	w.syncing = nil
	if err != nil {
		w.dirty = true
		w.report(err)
	}
}

func (w *journalWriter) report(err error) {
	w.failure = err
	if err != nil && !w.warned && w.warn != nil {
		w.warned = true
		w.warn(err)
	}
}
