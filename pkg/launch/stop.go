package launch

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"noisebook/pkg/track"
)

// ErrKilled says that a run did not end when it was asked to.
var ErrKilled = errors.New("it did not end in time and was killed; it can be resumed from its last checkpoint")

// Stop asks the process that works on a run to end, which leaves a checkpoint
// and the run interrupted, and waits. After the timeout the process is killed,
// which wraps [ErrKilled]. A run that nobody works on is left as it is.
func Stop(ctx context.Context, store *track.Store, run string, timeout time.Duration) (track.Run, error) {
	now, err := store.Run(run)
	if err != nil || now.State != track.Running {
		return now, err
	}
	worker, here := now.Worker()
	if !here {
		return now, fmt.Errorf("run %s is at work on another machine or in another container: stop it there (process %d)", run, worker.Process)
	}
	if err := signalGroup(worker.Process, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return now, fmt.Errorf("run %s cannot be stopped: %w", run, err)
	}
	now, err = awaitEnd(ctx, store, run, timeout)
	if err != nil || now.State != track.Running {
		return now, err
	}
	if err := signalGroup(worker.Process, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return now, fmt.Errorf("run %s cannot be killed: %w", run, err)
	}
	if now, err = awaitEnd(ctx, store, run, track.StaleAfter); err != nil {
		return now, err
	}
	return now, fmt.Errorf("run %s: %w", run, ErrKilled)
}

// awaitEnd waits until nobody works on the run, at most for the limit.
func awaitEnd(ctx context.Context, store *track.Store, run string, limit time.Duration) (track.Run, error) {
	deadline := time.Now().Add(limit)
	for {
		now, err := store.Run(run)
		if err != nil || now.State != track.Running || time.Now().After(deadline) {
			return now, err
		}
		select {
		case <-ctx.Done():
			return now, fmt.Errorf("stopped waiting for run %s: %w", run, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
