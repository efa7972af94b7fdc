package engine

import (
	"sync"
	"time"
)

// workingMemory is what a program's calls take beside their outputs.
//
// The plugin frees it a moment after the outputs can be read. A call in that
// moment would take a second piece beside it and leave the heap in pieces that
// fit neither: a training step's process grew to thrice its working memory.
type workingMemory struct {
	mu    sync.Mutex
	calls int
	idle  int64 // bytes that were allocated before the last call
	taken int64 // bytes more after it
	most  int64 // of all calls
}

const (
	// largeMemory is worth waiting for.
	largeMemory = 64 << 20
	// weighedCalls show whether a program's memory is large. Others are not
	// weighed: counting the heap takes half a millisecond.
	weighedCalls = 5
	// settlingCalls may each take another place: glibc can give back an aligned
	// block and then find it a few bytes too short for the same request. The
	// pages of the places that stay behind go back to the system.
	settlingCalls = 3
)

func (m *workingMemory) small() bool { return m.calls >= weighedCalls && m.most < largeMemory }

// settle waits, for a twentieth of a second at most, until the memory of the call before is free.
func (m *workingMemory) settle() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.small() {
		return
	}
	now := allocated()
	if m.taken >= largeMemory {
		const step, patience = time.Millisecond / 2, 100
		for range patience {
			if now < m.idle+m.taken/2 {
				break
			}
			time.Sleep(step)
			now = allocated()
		}
	}
	if m.calls > 0 && m.calls <= settlingCalls {
		trim()
	}
	m.idle = now
}

// weigh looks at what a call has taken.
func (m *workingMemory) weigh() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.small() {
		return
	}
	m.calls++
	m.taken = allocated() - m.idle
	m.most = max(m.most, m.taken)
}
