package probe

import (
	"runtime"
	"sync"
	"sync/atomic"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// blockRows is the number of rows whose sums are taken together. Sums over
// blocks are added in order, so they do not depend on the number of cores.
const blockRows = 512

func blocks(rows int) int { return (rows + blockRows - 1) / blockRows }

// inBlocks calls run concurrently for all blocks of rows from..to.
func inBlocks(rows int, run func(block, from, to int)) {
	inParallel(blocks(rows), func(block int) {
		run(block, block*blockRows, min((block+1)*blockRows, rows))
	})
}

// inParallel calls run for 0..tasks-1 on all cores.
func inParallel(tasks int, run func(task int)) {
	workers := min(runtime.GOMAXPROCS(0), tasks)
	if workers < 2 {
		for task := range tasks {
			run(task)
		}
		return
	}
	var next atomic.Int64
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for task := int(next.Add(1)) - 1; task < tasks; task = int(next.Add(1)) - 1 {
				run(task)
			}
		})
	}
	group.Wait()
}

func columnMeans(x *mat.Dense) []float64 {
	samples, features := x.Dims()
	mean := make([]float64, features)
	for i := range samples {
		floats.Add(mean, x.RawRowView(i))
	}
	floats.Scale(1/float64(samples), mean)
	return mean
}
