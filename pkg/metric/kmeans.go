package metric

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
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
	samples, features := l.x.Dims()
	clusters, _ := centres.Dims()
	limit := options.MaxIterations
	if limit == 0 {
		limit = 300
	}
	c := Clustering{Centres: centres, Labels: make([]int, samples)}
	b, sums := newBounds(samples), newRunningSums(samples, clusters, features)
	l.assign(&c, b)
	for c.Iterations < limit && !c.Converged {
		previous := mat.DenseCopyOf(centres)
		l.update(&c, b, sums)
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
		s := lloydScratches.Get().(*lloydScratch)
		defer lloydScratches.Put(s)
		// Where bounds do not decide, all centres are compared in one product.
		s.undecided = s.undecided[:0]
		for i := from; i < to; i++ {
			if b.upper[i] < b.lower[i] {
				continue
			}
			b.upper[i] = math.Sqrt(squaredDistance(l.x.RawRowView(i), c.Centres.RawRowView(c.Labels[i])))
			if b.upper[i] >= b.lower[i] {
				s.undecided = append(s.undecided, i)
			}
		}
		s.dots = slices.Grow(s.dots[:0], len(s.undecided)*clusters)[:len(s.undecided)*clusters]
		centres.MulRows(s.dots, l.x, s.undecided)
		for at, i := range s.undecided {
			if l.relabel(c, b, i, halfNorms, s.dots[at*clusters:][:clusters]) {
				anyChanged.Store(true)
			}
		}
	})
	return anyChanged.Load()
}

// lloydScratch is what a core needs to assign a chunk of samples.
type lloydScratch struct {
	undecided []int
	dots      []float64 // [undecided, clusters]
}

var lloydScratches = sync.Pool{New: func() any { return new(lloydScratch) }}

// relabel labels sample i with its nearest centre, given its products with all,
// and says whether that is another one.
func (l *lloyd) relabel(c *Clustering, b *bounds, i int, halfNorms, dots []float64) (changed bool) {
	// d = (‖x−c‖² − ‖x‖²)/2
	nearest := c.Labels[i]
	least, second := halfNorms[nearest]-dots[nearest], math.Inf(1)
	for k, half := range halfNorms {
		d := half - dots[k]
		switch {
		case d > least:
			if d < second {
				second = d
			}
		case k == nearest:
		case d < least || k < nearest:
			nearest, least, second = k, d, least
		default:
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
func (l *lloyd) update(c *Clustering, b *bounds, sums *runningSums) {
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
	total := sums.of(l.x, c.Labels)
	for k, size := range sizes {
		if size > 0 {
			floats.ScaleTo(c.Centres.RawRowView(k), 1/float64(size), total.RawRowView(k))
		}
	}
}

// runningSums are those of the samples of each cluster, brought up to date by
// the samples that changed. They are kept in a fixed number of parts, so that
// rounding does not depend on the cores.
type runningSums struct {
	label []int // under which a sample was added, -1 for not yet
	parts [8]*mat.Dense
}

func newRunningSums(samples, clusters, features int) *runningSums {
	s := &runningSums{label: slices.Repeat([]int{-1}, samples)}
	for part := range s.parts {
		s.parts[part] = mat.NewDense(clusters, features, nil)
	}
	return s
}

// of returns the sums [clusters, features] for these labels of the rows of x.
func (s *runningSums) of(x *mat.Dense, labels []int) *mat.Dense {
	size := (len(labels) + len(s.parts) - 1) / len(s.parts)
	dense.Chunks(0, len(labels), size, func(from, to int) {
		part := s.parts[from/size]
		for i := from; i < to; i++ {
			if s.label[i] == labels[i] {
				continue
			}
			if before := s.label[i]; before >= 0 {
				floats.Sub(part.RawRowView(before), x.RawRowView(i))
			}
			floats.Add(part.RawRowView(labels[i]), x.RawRowView(i))
			s.label[i] = labels[i]
		}
	})
	sums := mat.DenseCopyOf(s.parts[0])
	for _, part := range s.parts[1:] {
		sums.Add(sums, part)
	}
	return sums
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

// squaredDistance adds in four sums, which a processor computes side by side.
func squaredDistance(a, b []float64) float64 {
	var s0, s1, s2, s3 float64
	b = b[:len(a)]
	i := 0
	for ; i+4 <= len(a); i += 4 {
		d0, d1, d2, d3 := a[i]-b[i], a[i+1]-b[i+1], a[i+2]-b[i+2], a[i+3]-b[i+3]
		s0 += d0 * d0
		s1 += d1 * d1
		s2 += d2 * d2
		s3 += d3 * d3
	}
	for ; i < len(a); i++ {
		d := a[i] - b[i]
		s0 += d * d
	}
	return s0 + s1 + (s2 + s3)
}
