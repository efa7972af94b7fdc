// Package track is the notebook's memory: it keeps runs, answers stages from
// the store and records where every result came from.
//
// # Layout
//
//	store.json                         format version of the store
//	runs/<id>/run.json                 identity, kind, config, provenance; written once
//	runs/<id>/journal-NNN-<id>.jsonl   append-only events of one attempt; never rewritten
//	runs/<id>/journal-a-<id>.jsonl     the same of an attached writer
//	runs/<id>/lock                     flock held by the process of an attempt (stages hold their key's)
//	runs/<id>/result.json              the stage's value; its presence means "finished"
//	objects/ab/cdef…                   artifacts by SHA-256, shared by all runs
//	keys/<key>/lock                    flock held while the key is computed
//	keys/<key>/scratch/                the stage's checkpoints until it succeeds
//	keys/<key>/run, active             hints: the newest finished and the unfinished run
//	stages/<hash of the name>          hint: the stage's last run
//	trash/<id>/…                       a run that was removed and can be restored
//
// The files are the truth and can be copied, grepped and merged with another
// store. Hints only save a scan and may be deleted. Artifacts are kept once for
// the whole store rather than inside each run, because recomputed and resumed
// stages mostly produce the same bytes (weights, statistics, tables) and
// because a merge of two stores is then a union of files.
//
// # Kinds
//
// A stage ([Do]) is a cached computation. A run ([Store.Start]) is what a cell
// logs by itself, a job a command with its arguments, a sweep the parent of
// jobs. Any process may add a writer to any run ([Store.Attach]).
//
// # State
//
// No file says "running". A stage is finished when its result exists; otherwise
// the last state event of its newest attempt decides (failed, interrupted), and
// without one it is running while its heartbeat is fresh and crashed when the
// heartbeat is older than [StaleAfter] or the writing process is known to be gone.
//
// # Durability
//
// Every file but the journals is written to a temporary name, synced and
// renamed. Journals are flushed and synced every [FlushInterval], at the end of
// a stage and when its context is cancelled, so a process that is killed loses
// at most the metrics of the last [FlushInterval]; a torn last line is skipped
// by readers. [Recording.Log] encodes into a bounded queue (32 MB) and never waits
// for the disk: when that cannot keep up, metrics are dropped, counted, and the
// count is recorded. What [Recording.Flush] acknowledged is on the disk.
package track
