package track

import (
	"sync"
	"time"
)

const (
	chunkSize = 64 << 10
	// queueLimit bounds what is kept for a disk that does not keep up: 32 MB,
	// some 400,000 metrics.
	queueLimit = 512
	spareLimit = 8 // chunks kept for reuse
)

// queue holds encoded lines in chunks between the producers and the goroutine
// that writes them. Encoding at once costs less than handing events over, and
// needs no memory of its own.
type queue struct {
	filled chan struct{} // told when a chunk is full

	mu      sync.Mutex
	full    [][]byte
	current []byte
	spare   [][]byte
	chunks  int // alive: full, current and those being written
	ended   bool
	dropped int64

	encoder *encoder
	said    settings
}

func (q *queue) init() {
	q.filled = make(chan struct{}, 1)
	q.encoder = newEncoder()
	q.current = q.chunk()
}

// add queues an event, or counts it as dropped. Where room is short, metrics
// are dropped before what is said once.
func (q *queue) add(e Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.room(e.Type == EventMetric) {
		return
	}
	q.said.apply(e)
	q.current = q.encoder.event(q.current, &e)
	q.rotate()
}

// addValue queues a metric of one name.
func (q *queue) addValue(now time.Time, name string, step int, value float64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.room(true) {
		q.current = q.encoder.value(q.current, now, name, step, value)
		q.rotate()
	}
}

// addValues queues a metric line of several names.
func (q *queue) addValues(now time.Time, step int, values map[string]float64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.room(true) {
		q.current = q.encoder.values(q.current, now, step, values)
		q.rotate()
	}
}

// end queues the last event, however full the queue is.
func (q *queue) end(last Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	last.Last, last.Said, last.Dropped = q.encoder.lastValues(), q.said.events(), q.dropped
	q.current = q.encoder.event(q.current, &last)
}

func (q *queue) room(metric bool) bool {
	limit := queueLimit
	if !metric {
		limit += queueLimit / 8
	}
	if q.ended || q.chunks >= limit {
		q.dropped++
		return false
	}
	return true
}

// rotate starts a new chunk when the present one is full.
func (q *queue) rotate() {
	if len(q.current) < chunkSize-512 { // a line rarely grows a chunk
		return
	}
	q.full = append(q.full, q.current)
	q.current = q.chunk()
	select {
	case q.filled <- struct{}{}:
	default:
	}
}

func (q *queue) chunk() []byte {
	q.chunks++
	if n := len(q.spare); n > 0 {
		chunk := q.spare[n-1]
		q.spare = q.spare[:n-1]
		return chunk
	}
	return make([]byte, 0, chunkSize)
}

// takeFull hands over the full chunks.
func (q *queue) takeFull() [][]byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	chunks := q.full
	q.full = nil
	return chunks
}

// takeAll hands over everything.
func (q *queue) takeAll() [][]byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	chunks := q.full
	q.full = nil
	if len(q.current) > 0 {
		chunks = append(chunks, q.current)
		q.current = q.chunk()
	}
	return chunks
}

// recycle takes back a chunk that was written.
func (q *queue) recycle(chunk []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.chunks--
	if cap(chunk) >= chunkSize/2 && cap(chunk) <= 2*chunkSize && len(q.spare) < spareLimit {
		q.spare = append(q.spare, chunk[:0])
	}
}

// droppedSoFar counts the events that were lost.
func (q *queue) droppedSoFar() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}
