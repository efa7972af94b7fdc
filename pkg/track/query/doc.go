// Package query selects, sorts and tabulates runs with expressions such as
//
//	paper == "joint" && metrics.fid.min < 20
//	state == "failed" && age < "24h"
//	params.train.lr > 1e-4 && tags.note contains "ablation"
//
// The language is that of github.com/expr-lang/expr over the fields of a run;
// filters, sort keys and columns are all written in it.
//
// # Names
//
//	id, kind, name, parent, stage, version, key     what the run is
//	paper                                           the first element of its stage's or artifact's id
//	state, error, attempts, dropped                 how it stands
//	started, ended, age, duration                   when; "7d", "36h" and "2026-03-01" may be compared with them
//	commit                                          of the code, with + for uncommitted changes
//	tags.NAME, params.PATH                          params.train.lr, params["train.lr"]
//	metrics.NAME.last, .min, .max, .best, .first    a value; metrics.NAME alone is the last
//	metrics.NAME.count, .last_step, .min_step, …    how many points, and at which step
//	metrics.NAME.at(STEP)                           the value at a step, or at the last one before it
//
// Names with slashes or dots need brackets: metrics["val/loss"].min.
//
// # What a run lacks
//
// A comparison with a parameter, tag or metric that a run does not have is
// false, whichever way it goes, and so is the name alone. `params.lr == nil`
// asks for runs without it. NaN and missing values sort last.
package query
