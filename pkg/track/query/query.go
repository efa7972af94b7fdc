package query

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/expr-lang/expr/vm"

	"noisebook/pkg/track"
	"noisebook/pkg/track/index"
)

// Query says which runs to list, in which order and with which columns. The
// zero value lists all runs, the newest first.
type Query struct {
	Kinds   []track.Kind  // none is any
	States  []track.State // none is any
	Stage   string        // empty is any
	Filter  string        // empty keeps all
	Sort    []string      // keys, the most important first; a leading - sorts from high to low
	Columns []string      // each an expression
	Limit   int           // 0 is no limit
}

// Result is what a query found.
type Result struct {
	Columns []string // as asked for
	Rows    []Row
	Total   int // runs that the filter kept, before the limit
}

// Row is a run that a query found.
type Row struct {
	*index.Entry
	Values []any // of the columns: string, bool, int, int64, float64, time.Time, time.Duration, []any, or nil where the run lacks it
}

// Run refreshes the index and answers the query from it. An error in an
// expression is one line that says what to write instead.
func Run(ctx context.Context, x *index.Index, q Query) (Result, error) {
	p, err := newPlan(q)
	if err != nil {
		return Result{}, err
	}
	entries, err := x.Entries(ctx)
	if err != nil {
		return Result{}, err
	}
	entries = slices.DeleteFunc(entries, func(e *index.Entry) bool { return !q.fits(e) })
	if names := p.metricsOf(p.filter, p.keys); len(names) > 0 {
		if err := x.LoadMetrics(ctx, entries, names...); err != nil {
			return Result{}, err
		}
	}
	now := time.Now()
	kept, err := evaluate(entries, x.Store(), now, p.filter, p.keys)
	if err != nil {
		return Result{}, err
	}
	p.sort(kept)
	result := Result{Columns: q.Columns, Total: len(kept)}
	if q.Limit > 0 && len(kept) > q.Limit {
		kept = kept[:q.Limit]
	}
	entries = entries[:0]
	for _, c := range kept {
		entries = append(entries, c.entry)
	}
	if names := p.metricsOf(nil, p.columns); len(names) > 0 {
		if err := x.LoadMetrics(ctx, entries, names...); err != nil {
			return Result{}, err
		}
	}
	shown, err := evaluate(entries, x.Store(), now, nil, p.columns)
	if err != nil {
		return Result{}, err
	}
	result.Rows = make([]Row, len(shown))
	for i, c := range shown {
		result.Rows[i] = Row{Entry: c.entry, Values: c.values}
	}
	return result, nil
}

// Check compiles a query's expressions without a store.
func Check(q Query) error {
	_, err := newPlan(q)
	return err
}

func (q Query) fits(e *index.Entry) bool {
	return (len(q.Kinds) == 0 || slices.Contains(q.Kinds, e.Kind)) &&
		(len(q.States) == 0 || slices.Contains(q.States, e.State)) &&
		(q.Stage == "" || q.Stage == e.Stage)
}

// plan is a query's expressions, compiled.
type plan struct {
	filter     *expression
	keys       []expression
	descending []bool
	columns    []expression
}

func newPlan(q Query) (*plan, error) {
	p := &plan{}
	if strings.TrimSpace(q.Filter) != "" {
		filter, err := compile(q.Filter)
		if err != nil {
			return nil, fmt.Errorf("filter: %w", err)
		}
		p.filter = &filter
	}
	for _, key := range q.Sort {
		key, descending := strings.CutPrefix(strings.TrimSpace(key), "-")
		compiled, err := compile(key)
		if err != nil {
			return nil, fmt.Errorf("sort: %w", err)
		}
		p.keys, p.descending = append(p.keys, compiled), append(p.descending, descending)
	}
	for _, column := range q.Columns {
		compiled, err := compile(column)
		if err != nil {
			return nil, fmt.Errorf("column: %w", err)
		}
		p.columns = append(p.columns, compiled)
	}
	return p, nil
}

func (p *plan) metricsOf(filter *expression, others []expression) []string {
	var names []string
	if filter != nil {
		names = append(names, filter.metrics...)
	}
	for _, x := range others {
		names = append(names, x.metrics...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// candidate is a run and the values of some expressions for it.
type candidate struct {
	entry  *index.Entry
	values []any
}

// evaluate keeps the runs for which the filter holds, in their order, with the
// values of the expressions.
func evaluate(entries []*index.Entry, store *track.Store, now time.Time, filter *expression, expressions []expression) ([]candidate, error) {
	const block = 256
	blocks := slices.Collect(slices.Chunk(entries, block))
	found := make([][]candidate, len(blocks))
	failures := make([]error, len(blocks))
	var group sync.WaitGroup
	workers := min(len(blocks), runtime.GOMAXPROCS(0))
	for w := range workers {
		group.Go(func() {
			e, machine := newEnvironment(store), &vm.VM{}
			for i := w; i < len(blocks); i += workers {
				found[i], failures[i] = evaluateBlock(blocks[i], e, machine, now, filter, expressions)
			}
		})
	}
	group.Wait()
	return slices.Concat(found...), firstError(failures)
}

func firstError(all []error) error {
	if i := slices.IndexFunc(all, func(err error) bool { return err != nil }); i >= 0 {
		return all[i]
	}
	return nil
}

func evaluateBlock(entries []*index.Entry, e *environment, machine *vm.VM, now time.Time, filter *expression, expressions []expression) ([]candidate, error) {
	var kept []candidate
	for _, entry := range entries {
		e.set(entry, now)
		if filter != nil {
			value, err := filter.value(machine, e)
			if err != nil {
				return nil, fmt.Errorf("filter: %w", err)
			}
			if !truth(value) {
				continue
			}
		}
		c := candidate{entry: entry, values: make([]any, len(expressions))}
		for i, x := range expressions {
			value, err := x.value(machine, e)
			if err != nil {
				return nil, err
			}
			c.values[i] = value
		}
		kept = append(kept, c)
	}
	return kept, nil
}

// sort orders by the keys; runs that are equal in all of them stay as they
// are, the newest first.
func (p *plan) sort(all []candidate) {
	if len(p.keys) == 0 {
		return
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		for i := range p.keys {
			x, y := a.values[i], b.values[i]
			switch lastX, lastY := absent(x), absent(y); {
			case lastX && lastY:
				continue
			case lastX:
				return 1
			case lastY:
				return -1
			}
			if order := sortOrder(x, y); order != 0 {
				if p.descending[i] {
					return -order
				}
				return order
			}
		}
		return 0
	})
}

// Split parts a list of expressions at its commas, but not inside brackets,
// parentheses or quotes.
func Split(list string) ([]string, error) {
	var parts []string
	depth, start := 0, 0
	var quote rune
	escaped := false
	for i, r := range list {
		switch {
		case escaped:
			escaped = false
		case quote != 0 && r == '\\' && quote != '`':
			escaped = true
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '"' || r == '\'' || r == '`':
			quote = r
		case strings.ContainsRune("([{", r):
			depth++
		case strings.ContainsRune(")]}", r):
			depth--
		case r == ',' && depth == 0:
			parts = append(parts, strings.TrimSpace(list[start:i]))
			start = i + 1
		}
	}
	if quote != 0 || depth != 0 {
		return nil, errors.New("a quote or bracket of " + list + " is not closed")
	}
	if last := strings.TrimSpace(list[start:]); last != "" || len(parts) > 0 {
		parts = append(parts, last)
	}
	return parts, nil
}
