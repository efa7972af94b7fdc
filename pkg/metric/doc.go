// Package metric holds the evaluators: free functions in float64 over gonum
// matrices and slices, with no network, no global state and no I/O.
//
// Feature sets are matrices [samples, features]; labels and predictions are
// class numbers counted from 0. Every function refuses what it cannot judge (a
// NaN, dimensions that do not match, too few samples) with an error that says
// so, and leaves its inputs unchanged. What draws random numbers takes a seed
// and gives the same result for the same seed.
package metric
