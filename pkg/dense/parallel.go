package dense

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Parallel calls do for 0 to n-1 on all cores, in any order.
func Parallel(n int, do func(i int)) {
	workers := min(runtime.GOMAXPROCS(0), n)
	if workers <= 1 {
		for i := range n {
			do(i)
		}
		return
	}
	var next atomic.Int64
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	group.Wait()
}

// Chunks calls do on all cores for ranges of at most size that cover start to
// end-1. The ranges do not depend on the number of cores.
func Chunks(start, end, size int, do func(from, to int)) {
	Parallel((end-start+size-1)/size, func(i int) { do(start+i*size, min(start+(i+1)*size, end)) })
}
