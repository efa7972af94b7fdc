// Package metric holds the evaluators: free functions in float64 over gonum
// matrices and slices, with no network and no I/O. Large products and distances
// run on pkg/dense, in Go unless a program plugs an engine in there.
//
// Feature sets are matrices [samples, features]; where two are compared the
// real one comes first. Labels and predictions are class numbers counted from
// 0. A metric returns a Score: its value with n, settings and notes, so that a
// published number can say them. What a metric is the mean of comes from the
// function of its name and Samples, for intervals by BootstrapMean.
//
// Every function refuses what it cannot judge (a NaN, dimensions that do not
// match, too few samples) with an error that says so, and leaves its inputs
// unchanged. A score that its data leave without a value, such as an AUC of one
// class, is ErrUndefined. What draws random numbers takes a seed and gives the
// same result for the same seed. No order of samples matters, but for the
// splits of an Inception Score and for what draws by position (k-means, subsets).
//
// docs/metrics.md lists definitions, references and where those disagree.
package metric
