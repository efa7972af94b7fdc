// Package sweep runs an experiment at many settings: a grid, random draws or a
// list, each setting over several seeds. It plans the members, starts them
// through an [Executor], and sums up what they measured as mean and standard
// deviation over the seeds.
//
// Members are jobs in the run store with the sweep as their parent. What each of
// them is lies in the sweep's own config, so a sweep that was killed goes on from
// the store alone: finished members are kept, interrupted ones resumed, missing
// ones started.
package sweep
