package query

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
)

// expression is compiled text.
type expression struct {
	text    string
	program *vm.Program
	metrics []string // those whose summaries it reads
}

// options are shared by all expressions. The functions are declared to return
// anything, because the checker does not look into the arguments of a call whose
// type it has seen before.
func options(v *rewriter) []expr.Option {
	return []expr.Option{
		expr.Env(&environment{}),
		expr.Patch(v),
		expr.Function(compareFunction, func(args ...any) (any, error) { return compare(args[0].(string), args[1], args[2]) },
			new(func(string, any, any) any)),
		expr.Function(arithmeticFunction, func(args ...any) (any, error) { return arithmetic(args[0].(string), args[1], args[2]) },
			new(func(string, any, any) any)),
		expr.Function(truthFunction, func(args ...any) (any, error) { return truth(args[0]), nil }, new(func(any) any)),
	}
}

func compile(text string) (expression, error) {
	if strings.TrimSpace(text) == "" {
		return expression{}, errors.New("an expression is empty")
	}
	v := newRewriter()
	program, err := expr.Compile(text, options(v)...)
	v.finish()
	if v.err != nil { // clearer than what the checker made of it
		err = v.err
	}
	if err != nil {
		return expression{}, explain(text, err)
	}
	return expression{text: text, program: program, metrics: v.metrics}, nil
}

// value is nil where the run lacks what the expression needs.
func (x expression) value(machine *vm.VM, e *environment) (any, error) {
	e.missing = false
	value, err := machine.Run(x.program, e)
	if err != nil {
		if e.missing { // a function was given a missing value
			return nil, nil
		}
		return nil, fmt.Errorf("run %s: %w", e.ID, explain(x.text, err))
	}
	return value, nil
}

// explain writes an error of the language on one line, with what to do.
func explain(text string, err error) error {
	var at *file.Error
	if !errors.As(err, &at) {
		return fmt.Errorf("%s: %w", text, err)
	}
	message := at.Message
	if name, ok := strings.CutPrefix(message, "unknown name "); ok {
		return fmt.Errorf("%s: no name %s: %s", text, name, suggestion(name, text))
	}
	if position := at.Column + 1; len(text) > 0 && position > 1 {
		message += fmt.Sprintf(" at character %d", position)
	}
	if strings.Contains(message, "unexpected token Operator(\"=\")") || strings.Contains(text, " = ") {
		message += " (equality is written ==)"
	}
	return fmt.Errorf("%s: %s", text, message)
}

func suggestion(name, text string) string {
	if near := nearest(name, names); near != "" {
		return "did you mean " + near + "?"
	}
	if strings.Contains(text, "/"+name) && (strings.Contains(text, "metrics.") || strings.Contains(text, "params.")) {
		return `names with a slash are written in brackets, as in metrics["val/loss"].min`
	}
	return fmt.Sprintf("text is written %q; the names are %s", name, strings.Join(names, ", "))
}

// nearest is the name that a misspelt one most likely means, or empty.
func nearest(name string, all []string) string {
	best, least := "", 3
	for _, candidate := range all {
		distance := levenshtein.ComputeDistance(strings.ToLower(name), candidate)
		if distance < least && distance < len(candidate)-1 {
			best, least = candidate, distance
		}
	}
	if best == "" {
		if i := slices.IndexFunc(all, func(c string) bool { return len(name) > 2 && strings.HasPrefix(c, strings.ToLower(name)) }); i >= 0 {
			return all[i]
		}
	}
	return best
}
