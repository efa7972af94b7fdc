// Package launch starts noisebook's jobs, in this process or detached from it,
// follows them from any process and stops them.
//
// A job is a run of the store that can be started from its folder alone:
// `noisebook exec RUN` reads the arguments there. What starts it, a terminal, a
// cell or a cluster's scheduler, is not its concern. Besides what package track
// keeps, the store holds
//
//	jobs/<hash of the arguments>/lock  flock held while a job is being started
//	jobs/<hash of the arguments>/run   hint: the newest job with these arguments
//	runs/<id>/log                      what a detached job printed
//	runs/<id>/progress.json            how far the present stage is
//
// # One job at a time
//
// Who starts a job holds the lock of its arguments until the job's process has
// taken the run: a detached process inherits the lock as an open file and lets go
// of it then. So a second start of the same job, however close, finds either a
// run that is alive, and attaches to it, or one that may be resumed. No file says
// who runs, so none can be left behind.
//
// # Progress
//
// Followers read the store. Which stages a job asked for is in its journal; how
// far the present one is lies in a file of its own that is replaced a few times a
// second. It is no journal event, because the journal is kept for good and synced
// to disk, and of a progress only the last state is of use.
package launch
