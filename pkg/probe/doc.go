// Package probe asks what codes know: it learns labels from fixed features and
// measures how well they carry over to samples that were kept apart.
//
// A Probe is a set of options with a Fit method; its zero value works. Logistic
// regression, linear and kernel support vector machines, k-means and label
// propagation are here, the multilayer perceptron, which needs the engine, is
// in pkg/probe/mlp. Standardized and Principal put a transform before any of
// them. Evaluate chooses among candidates by validation alone, and OverTimesteps
// does so at every time of a diffusion process.
//
// Codes are matrices [samples, features] in float64, labels are class numbers
// from 0. Every probe is deterministic: what draws random numbers takes a seed.
// A fit that stops before it has converged says so in its result.
package probe
