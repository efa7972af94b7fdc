package engine

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Build makes a program's graph: from its inputs' nodes to its outputs' nodes.
// It panics on a mistake, as GoMLX does; Program turns that into an error.
type Build func(g *graph.Graph, inputs []*graph.Node) []*graph.Node

// Program is a graph function that is compiled once for each combination of input shapes.
type Program struct {
	name      string
	engine    *Engine
	build     Build
	exec      *graph.Exec
	compiled  atomic.Bool
	computing atomic.Int64 // nanoseconds in executions
	memory    workingMemory
}

// Compilation is what a compilation cost.
type Compilation struct {
	Program string
	Took    time.Duration
	Loaded  bool // from disk, where an earlier process left it
}

// String says it in a line, for notes in a run.
func (c Compilation) String() string {
	done := "compiled"
	if c.Loaded {
		done = "loaded"
	}
	return fmt.Sprintf("%s %s in %.1f s", done, c.Program, c.Took.Seconds())
}

// NewProgram prepares a graph function; it is compiled at its first call.
func (e *Engine) NewProgram(name string, build Build) (*Program, error) {
	exec, err := graph.NewExec(e.backend, func(inputs []*graph.Node) []*graph.Node {
		return build(inputs[0].Graph(), inputs)
	})
	if err != nil {
		return nil, fmt.Errorf("engine: program %s: %s", name, firstLine(err))
	}
	return &Program{name: name, engine: e, build: build, exec: exec.WithName(name)}, nil
}

// Compile builds and compiles the program for the shapes of these arguments without running it.
func (p *Program) Compile(args ...any) (err error) {
	defer p.recovered(&err)
	start := time.Now()
	loaded, err := watch(func() error { return p.exec.PreCompile(args...) })
	if err != nil {
		return p.describe(err)
	}
	p.compiled.Store(true)
	if !loaded { // the compiler leaves much behind
		trim()
	}
	if p.engine.log != nil {
		p.engine.log(Compilation{Program: p.name, Took: time.Since(start), Loaded: loaded})
	}
	return nil
}

// Call runs the program. Arguments are tensors, Go scalars or slices, or tensors given away by Donate.
func (p *Program) Call(args ...any) (outputs []*tensors.Tensor, err error) {
	if !p.compiled.Load() {
		if err := p.Compile(args...); err != nil {
			return nil, err
		}
	}
	defer p.recovered(&err)
	start := time.Now()
	p.memory.settle() // the engine still frees what the call before has used
	outputs, err = p.exec.Call(args...)
	p.computing.Add(int64(time.Since(start)))
	p.memory.weigh()
	if err != nil {
		return nil, p.describe(err)
	}
	return outputs, nil
}

// Computing is the time that all calls so far have spent in executions.
func (p *Program) Computing() time.Duration { return time.Duration(p.computing.Load()) }

// Finalize frees the compiled code.
func (p *Program) Finalize() { p.exec.Finalize() }

// Donate gives a tensor's memory to the next call, which may write its output
// there; the tensor must not be used afterwards.
func (e *Engine) Donate(t *tensors.Tensor) (any, error) {
	if t.IsShared() {
		return t, nil
	}
	return graph.DonateTensorBuffer(t, e.backend, 0)
}

func (p *Program) recovered(err *error) {
	if r := recover(); r != nil {
		cause, ok := r.(error)
		if !ok {
			cause = fmt.Errorf("%v", r)
		}
		*err = p.describe(cause)
	}
}

// describe keeps the first line of GoMLX's message, behind the layer where it arose.
func (p *Program) describe(err error) error {
	var layer *LayerError
	if errors.As(err, &layer) {
		return &shortError{fmt.Sprintf("engine: program %s: layer %s: %s", p.name, layer.Path, firstLine(layer.Cause)), err}
	}
	return &shortError{fmt.Sprintf("engine: program %s: %s", p.name, firstLine(err)), err}
}

// shortError is an error in one line; GoMLX's own, with its stack, is below it.
type shortError struct {
	text  string
	cause error
}

func (e *shortError) Error() string { return e.text }

// Unwrap returns the whole error.
func (e *shortError) Unwrap() error { return e.cause }

// LayerError says in which layer of a network a graph could not be built.
type LayerError struct {
	Path  string
	Cause error
}

func (e *LayerError) Error() string { return fmt.Sprintf("layer %s: %v", e.Path, e.Cause) }

// Unwrap returns the cause.
func (e *LayerError) Unwrap() error { return e.Cause }

// InLayer, deferred in a layer's graph function, names the layer in whatever
// panics below it; the innermost name wins.
func InLayer(path string) {
	r := recover()
	if r == nil {
		return
	}
	if err, ok := r.(error); ok {
		var layer *LayerError
		if errors.As(err, &layer) {
			panic(r)
		}
		panic(&LayerError{Path: path, Cause: err})
	}
	panic(&LayerError{Path: path, Cause: fmt.Errorf("%v", r)})
}

// Dry builds the program's graph for inputs of these shapes without compiling
// it, and returns its number of nodes.
func (p *Program) Dry(inputs ...shapes.Shape) (nodes int, err error) {
	defer p.recovered(&err)
	g := graph.NewGraph(p.engine.backend, p.name)
	defer g.Finalize()
	var in []*graph.Node
	for i, shape := range inputs {
		in = append(in, graph.Parameter(g, fmt.Sprintf("input%d", i), shape))
	}
	p.build(g, in)
	return len(g.Nodes()), nil
}
