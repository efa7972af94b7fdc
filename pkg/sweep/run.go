package sweep

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"

	"noisebook/pkg/launch"
	"noisebook/pkg/track"
)

// Executor runs a job that lies in the store. It needs nothing but the run's id,
// so that a member can as well run on another machine that sees the store.
type Executor interface {
	// Execute starts or resumes the run and returns when nobody works on it any
	// more; when ctx is cancelled it stops the run first. What became of the job is
	// in the store. An error says that it could not begin.
	Execute(ctx context.Context, store *track.Store, run string) error
}

// Processes executes each job in a process of its own on this machine: a job
// that crashes or runs out of memory takes no other with it.
type Processes launch.Program

// Execute runs `noisebook exec RUN`.
func (p Processes) Execute(ctx context.Context, store *track.Store, run string) error {
	return launch.Execute(ctx, store, launch.Program(p), run)
}

// InProcess executes jobs in this process, which saves the start and compiles
// each program once. It is for one job at a time: the engine and its settings
// belong to the process.
type InProcess func(ctx context.Context, store *track.Store, run string) error

// Execute calls the function.
func (f InProcess) Execute(ctx context.Context, store *track.Store, run string) error {
	return f(ctx, store, run)
}

// memberTag is the tag that numbers a sweep's members, from 0.
const memberTag = "member"

func withMember(tags map[string]string, i int) map[string]string {
	tags = maps.Clone(tags)
	if tags == nil {
		tags = map[string]string{}
	}
	tags[memberTag] = strconv.Itoa(i)
	return tags
}

// Result is what became of a member.
type Result struct {
	Member Member
	Run    track.Run // without an id when it was never started
	Err    error     // why it could not begin
}

// Finished says that the member has measured all it was to measure.
func (r Result) Finished() bool { return r.Run.State == track.Finished }

// Problem is why the member has not finished, in a few words.
func (r Result) Problem() string {
	switch {
	case r.Err != nil:
		return r.Err.Error()
	case r.Run.ID == "":
		return "not started"
	case r.Run.Error != "":
		return r.Run.Error
	}
	return string(r.Run.State)
}

// Status is how far a sweep is.
type Status struct {
	Total, Finished, Failed, Running int
}

// String is one line for a terminal.
func (s Status) String() string {
	text := fmt.Sprintf("%d of %d members finished", s.Finished, s.Total)
	if s.Failed > 0 {
		text += fmt.Sprintf(", %d failed", s.Failed)
	}
	if s.Running > 0 {
		text += fmt.Sprintf(", %d running", s.Running)
	}
	return text
}

// Options say how a sweep's members are run.
type Options struct {
	Executor Executor
	Parallel int          // members at a time; 0 counts as 1
	Report   func(Status) // called after each change, one call at a time; may be nil
}

// Run brings every member to its end: finished ones are kept, those that a
// process still works on are waited for, the others are resumed or started. The
// jobs belong to the members by position. A member that fails stops no other; the
// error is that of ctx or of the store.
func Run(ctx context.Context, store *track.Store, sweep string, members []Member, jobs []launch.Job, o Options) ([]Result, error) {
	results := make([]Result, len(members))
	for i := range results {
		results[i].Member = members[i]
	}
	children, err := store.Children(sweep)
	if err != nil {
		return results, err
	}
	for _, child := range children {
		if i, err := strconv.Atoi(child.Tags[memberTag]); err == nil && i >= 0 && i < len(results) {
			results[i].Run = child
		}
	}
	r := runner{Options: o, store: store, status: Status{Total: len(members)}}
	queue := make(chan int)
	var group sync.WaitGroup
	for range max(1, o.Parallel) {
		group.Go(func() {
			for i := range queue {
				if ctx.Err() != nil {
					continue // it was handed over while the context ended
				}
				job := jobs[i]
				job.Parent, job.Tags = sweep, withMember(job.Tags, i)
				r.member(ctx, &results[i], job)
			}
		})
	}
	for i := range results {
		if results[i].Finished() {
			r.count(func(s *Status) { s.Finished++ })
			continue
		}
		select {
		case queue <- i:
		case <-ctx.Done():
		}
	}
	close(queue)
	group.Wait()
	if ctx.Err() != nil {
		return results, context.Cause(ctx)
	}
	return results, nil
}

type runner struct {
	Options
	store *track.Store

	mu     sync.Mutex
	status Status
}

func (r *runner) count(change func(*Status)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.status)
	if r.Report != nil {
		r.Report(r.status)
	}
}

// member brings one member to its end.
func (r *runner) member(ctx context.Context, result *Result, job launch.Job) {
	r.count(func(s *Status) { s.Running++ })
	result.Err = r.execute(ctx, result, job)
	r.count(func(s *Status) {
		s.Running--
		switch {
		case result.Finished():
			s.Finished++
		case ctx.Err() == nil:
			s.Failed++
		}
	})
}

func (r *runner) execute(ctx context.Context, result *Result, job launch.Job) error {
	id := result.Run.ID
	if id == "" {
		var err error
		if id, err = launch.Create(r.store, job); err != nil {
			return err
		}
	}
	if result.Run.State == track.Running { // a sweep before this one was killed, its member was not
		run, err := launch.Follow(ctx, r.store, id, nil)
		if result.Run = run; err != nil || run.State == track.Finished {
			return err
		}
	}
	err := r.Executor.Execute(ctx, r.store, id)
	run, readErr := r.store.Run(id)
	result.Run = run
	return errors.Join(err, readErr)
}
