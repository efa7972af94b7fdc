package metric

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync/atomic"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/dense"
)

// KMeansOptions tunes KMeans. The zero value runs Lloyd's algorithm once, to
// its fixed point.
type KMeansOptions struct {
	Restarts      int     // independent starts, the one of least inertia is kept; 0 means 1
	MaxIterations int     // centre updates a start; 0 means 300
	Tolerance     float64 // stop once the squared movement of all centres is at most this share of the mean feature variance; 0: once no label changes
	Seed          uint64
}

// Clustering is a partition of samples by their nearest centre.
type Clustering struct {
	Centres    *mat.Dense // [clusters, features]
	Labels     []int      // [samples], the nearest centre of each; ties to the lower number
	Inertia    float64    // sum of squared distances to the nearest centre
	Iterations int        // centre updates made
	Converged  bool       // false when MaxIterations ended it
}

// KMeans partitions x [samples, features] into clusters by Lloyd's algorithm
// from k-means++ starts (Arthur and Vassilvitskii 2007). It needs at least as
// many samples as clusters; with fewer distinct samples some centres coincide
// and all but the first of those stay empty.
func KMeans(x *mat.Dense, clusters int, options KMeansOptions) (Clustering, error) {
	lloyd, err := newLloyd(x, clusters)
	if err != nil {
		return Clustering{}, err
	}
	if err := options.check(); err != nil {
		return Clustering{}, err
	}
	var best Clustering
	for restart := range max(options.Restarts, 1) {
		random := rand.New(rand.NewPCG(options.Seed, uint64(restart)))
		c := lloyd.run(lloyd.plusPlus(clusters, random), options)
		if best.Centres == nil || c.Inertia < best.Inertia {
			best = c
		}
	}
	return best, nil
}

// KMeansFrom runs Lloyd's algorithm from the given centres [clusters,
// features]; Restarts and Seed are not used.
func KMeansFrom(x, centres *mat.Dense, options KMeansOptions) (Clustering, error) {
	clusters, dim := centres.Dims()
	lloyd, err := newLloyd(x, clusters)
	if err != nil {
		return Clustering{}, err
	}
	if err := options.check(); err != nil {
		return Clustering{}, err
	}
	if _, want := x.Dims(); dim != want {
		return Clustering{}, fmt.Errorf("metric: k-means centres have %d features, the samples %d", dim, want)
	}
	if err := checkFinite("the set of centres", centres); err != nil {
		return Clustering{}, err
	}
	return lloyd.run(centred(centres, lloyd.mean), options), nil
}

// Inertia is the sum of squared distances from the samples x [samples,
// features] to their nearest of centres [clusters, features].
func Inertia(x, centres *mat.Dense) (float64, error) {
	if err := checkFeatures(1, "the sample set", x, "the set of centres", centres); err != nil {
		return 0, err
	}
	samples, _ := x.Dims()
	clusters, _ := centres.Dims()
	inertia := 0.0
	for i := range samples {
		nearest := math.Inf(1)
		for k := range clusters {
			nearest = min(nearest, squaredDistance(x.RawRowView(i), centres.RawRowView(k)))
		}
		inertia += nearest
	}
	return inertia, nil
}

func (o KMeansOptions) check() error {
	if o.Restarts < 0 || o.MaxIterations < 0 || !(o.Tolerance >= 0) {
		return fmt.Errorf("metric: k-means options must not be negative: restarts %d, iterations %d, tolerance %v", o.Restarts, o.MaxIterations, o.Tolerance)
	}
	return nil
}

// lloyd holds what all runs on one sample set share; it is read-only, so runs
// may be concurrent. Samples are centred, because distances are expanded as
// ‖c‖² − 2x·c + ‖x‖², which cancels badly far from the origin.
type lloyd struct {
	x            *mat.Dense // [samples, features], centred
	squaredNorms []float64  // of the rows of x
	mean         []float64
	variance     float64 // mean over the features
}

func newLloyd(x *mat.Dense, clusters int) (*lloyd, error) {
	if samples, _ := x.Dims(); clusters < 1 || samples < clusters {
		return nil, fmt.Errorf("metric: k-means with %d clusters of %d samples; want 1 cluster or more and a sample for each", clusters, samples)
	}
	if err := checkFinite("the sample set", x); err != nil {
		return nil, err
	}
	mean := dense.ColumnMeans(x)
	l := &lloyd{x: centred(x, mean), mean: mean}
	samples, dim := x.Dims()
	l.squaredNorms = make([]float64, samples)
	for i := range l.squaredNorms {
		row := l.x.RawRowView(i)
		l.squaredNorms[i] = floats.Dot(row, row)
	}
	l.variance = floats.Sum(l.squaredNorms) / float64(samples*dim)
	return l, nil
}

// plusPlus draws the first centre uniformly and every next one with
// probability proportional to its squared distance to the nearest so far.
func (l *lloyd) plusPlus(clusters int, random *rand.Rand) *mat.Dense {
	samples, dim := l.x.Dims()
	centres := mat.NewDense(clusters, dim, nil)
	nearest := make([]float64, samples)
	for i := range nearest {
		nearest[i] = math.Inf(1)
	}
	chosen := random.IntN(samples)
	for k := range clusters {
		if k > 0 {
			chosen = draw(nearest, random)
		}
		centre := l.x.RawRowView(chosen)
		centres.SetRow(k, centre)
		dense.Chunks(0, samples, lloydChunk, func(from, to int) {
			for i := from; i < to; i++ {
				nearest[i] = min(nearest[i], squaredDistance(l.x.RawRowView(i), centre))
			}
		})
	}
	return centres
}

// draw returns an index with probability proportional to its weight, or any
// when all weights are 0.
func draw(weights []float64, random *rand.Rand) int {
	total := floats.Sum(weights)
	if total == 0 {
		return random.IntN(len(weights))
	}
	left := random.Float64() * total
	last := 0
	for i, w := range weights {
		if w == 0 {
			continue
		}
		last = i
		if left -= w; left < 0 {
			break
		}
	}
	return last
}

// run iterates from centres, which it overwrites, and moves the result back
// from the centred samples to the given ones.
func (l *lloyd) run(centres *mat.Dense, options KMeansOptions) Clustering {
	samples, _ := l.x.Dims()
	clusters, _ := centres.Dims()
	limit := options.MaxIterations
	if limit == 0 {
		limit = 300
	}
	c := Clustering{Centres: centres, Labels: make([]int, samples)}
	b := newBounds(samples)
	l.assign(&c, b)
	for c.Iterations < limit && !c.Converged {
		previous := mat.DenseCopyOf(centres)
		l.update(&c, b)
		c.Iterations++
		moved := make([]float64, clusters)
		total := 0.0
		for k := range moved {
			squared := squaredDistance(previous.RawRowView(k), centres.RawRowView(k))
			moved[k] = math.Sqrt(squared)
			total += squared
		}
		b.loosen(c.Labels, moved)
		changed := l.assign(&c, b)
		c.Converged = !changed || total <= options.Tolerance*l.variance
	}
	for i, k := range c.Labels {
		c.Inertia += squaredDistance(l.x.RawRowView(i), centres.RawRowView(k))
	}
	for k := range clusters {
		floats.Add(centres.RawRowView(k), l.mean)
	}
	return c
}

// bounds spare most distances of the later iterations (Hamerly 2010): a sample
// whose upper bound is below its lower one keeps its label.
type bounds struct {
	upper []float64 // on the distance to a sample's own centre
	lower []float64 // on the distance to every other centre
}

func newBounds(samples int) *bounds {
	b := &bounds{upper: make([]float64, samples), lower: make([]float64, samples)}
	for i := range b.upper {
		b.upper[i] = math.Inf(1)
	}
	return b
}

// loosen widens the bounds by how far each centre moved.
func (b *bounds) loosen(labels []int, moved []float64) {
	furthest := floats.MaxIdx(moved)
	runnerUp := 0.0
	for k, distance := range moved {
		if k != furthest {
			runnerUp = max(runnerUp, distance)
		}
	}
	for i, own := range labels {
		b.upper[i] += moved[own]
		if own == furthest {
			b.lower[i] -= runnerUp
		} else {
			b.lower[i] -= moved[furthest]
		}
	}
}

// lloydChunk is how many samples a core takes at once.
const lloydChunk = 512

// assign labels every sample with its nearest centre and says whether a label
// changed.
func (l *lloyd) assign(c *Clustering, b *bounds) (changed bool) {
	clusters, _ := c.Centres.Dims()
	halfNorms := make([]float64, clusters)
	for k := range halfNorms {
		row := c.Centres.RawRowView(k)
		halfNorms[k] = floats.Dot(row, row) / 2
	}
	centres := dense.Pack(c.Centres)
	var anyChanged atomic.Bool
	dense.Chunks(0, len(c.Labels), lloydChunk, func(from, to int) {
		// Where bounds do not decide, all centres are compared in one product.
		undecided := make([]int, 0, to-from)
		for i := from; i < to; i++ {
			if b.upper[i] < b.lower[i] {
				continue
			}
			b.upper[i] = math.Sqrt(squaredDistance(l.x.RawRowView(i), c.Centres.RawRowView(c.Labels[i])))
			if b.upper[i] >= b.lower[i] {
				undecided = append(undecided, i)
			}
		}
		if len(undecided) == 0 {
			return
		}
		dots := mat.NewDense(len(undecided), clusters, nil)
		centres.Mul(dots, Rows(l.x, undecided))
		for at, i := range undecided {
			if l.relabel(c, b, i, halfNorms, dots.RawRowView(at)) {
				anyChanged.Store(true)
			}
		}
	})
	return anyChanged.Load()
}

// relabel labels sample i with its nearest centre, given its products with all,
// and says whether that is another one.
func (l *lloyd) relabel(c *Clustering, b *bounds, i int, halfNorms, dots []float64) (changed bool) {
	// d = (‖x−c‖² − ‖x‖²)/2
	nearest, least, second := 0, math.Inf(1), math.Inf(1)
	for k, half := range halfNorms {
		d := half - dots[k]
		switch {
		case d < least:
			nearest, least, second = k, d, least
		case d < second:
			second = d
		}
	}
	b.lower[i] = math.Sqrt(max(0, 2*second+l.squaredNorms[i]))
	if nearest == c.Labels[i] {
		return false
	}
	b.upper[i] = math.Sqrt(squaredDistance(l.x.RawRowView(i), c.Centres.RawRowView(nearest)))
	c.Labels[i] = nearest
	return true
}

// update moves every centre to the mean of its samples. A centre without any
// takes the sample that is furthest from its own centre.
func (l *lloyd) update(c *Clustering, b *bounds) {
	clusters, _ := c.Centres.Dims()
	sizes := make([]int, clusters)
	for _, k := range c.Labels {
		sizes[k]++
	}
	for k := range sizes {
		if sizes[k] == 0 {
			l.refill(c, b, sizes, k)
		}
	}
	sums := l.sums(c.Labels, clusters)
	for k, size := range sizes {
		if size > 0 {
			floats.ScaleTo(c.Centres.RawRowView(k), 1/float64(size), sums.RawRowView(k))
		}
	}
}

// sums [clusters, features] adds the samples of each label.
func (l *lloyd) sums(labels []int, clusters int) *mat.Dense {
	samples, dim := l.x.Dims()
	// A fixed number of parts, so that rounding does not depend on the cores.
	const parts = 8
	size := (samples + parts - 1) / parts
	var partial [parts]*mat.Dense
	dense.Chunks(0, samples, size, func(from, to int) {
		sums := mat.NewDense(clusters, dim, nil)
		for i := from; i < to; i++ {
			floats.Add(sums.RawRowView(labels[i]), l.x.RawRowView(i))
		}
		partial[from/size] = sums
	})
	for _, sums := range partial[1:] {
		if sums != nil {
			partial[0].Add(partial[0], sums)
		}
	}
	return partial[0]
}

// refill gives the empty cluster the sample furthest from its centre, unless
// every sample sits on its centre or is the only one of its cluster.
func (l *lloyd) refill(c *Clustering, b *bounds, sizes []int, empty int) {
	furthest, most := -1, 0.0
	for i, k := range c.Labels {
		if sizes[k] < 2 {
			continue
		}
		if d := squaredDistance(l.x.RawRowView(i), c.Centres.RawRowView(k)); d > most {
			furthest, most = i, d
		}
	}
	if furthest < 0 {
		return
	}
	sizes[c.Labels[furthest]]--
	sizes[empty]++
	c.Labels[furthest] = empty
	b.upper[furthest], b.lower[furthest] = math.Inf(1), 0 // known for its old centre only
	c.Centres.SetRow(empty, l.x.RawRowView(furthest))
}

func squaredDistance(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		d := v - b[i]
		sum += d * d
	}
	return sum
}
