package query

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
)

// The functions that rewritten operators and paths call; no user writes them.
const (
	compareFunction    = "compare__"
	arithmeticFunction = "arithmetic__"
	truthFunction      = "truth__"
	paramFunction      = "param__"
	tagFunction        = "tag__"
	metricFunction     = "metric__"
	metricAtFunction   = "metric_at__"
)

// rewriter turns paths into lookups and operators on what a run may lack into
// calls that bear it. It sees a node's parts before the node.
type rewriter struct {
	paths      map[ast.Node]path // rewritten nodes that a longer path may extend
	conditions map[ast.Node]bool // calls that return a bool
	metrics    []string
	err        error // the first thing that is wrong beyond the language's own rules
}

// path is tags.NAME, params.PATH or metrics.NAME.FIELD.
type path struct {
	root  string
	names []string
}

func newRewriter() *rewriter {
	return &rewriter{paths: map[ast.Node]path{}, conditions: map[ast.Node]bool{}}
}

// Visit is called for each node of an expression.
func (v *rewriter) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value == "duration" {
			took := &ast.IdentifierNode{Value: "took"}
			ast.Patch(node, took)
			took.SetType(reflect.TypeFor[time.Duration]())
		}
	case *ast.MemberNode:
		v.member(node, n)
	case *ast.CallNode:
		v.call(node, n)
	case *ast.BinaryNode:
		v.binary(node, n)
	case *ast.UnaryNode:
		v.unary(node, n)
	case *ast.ConditionalNode:
		n.Cond = v.asTruth(n.Cond)
	}
}

// finish looks at what only the whole expression tells.
func (v *rewriter) finish() {
	for _, p := range v.paths {
		if p.root == "metrics" && len(p.names) == 2 && p.names[1] == "at" {
			v.fail("metrics.%s.at needs a step, as in at(1000)", p.names[0])
		}
	}
}

func (v *rewriter) fail(format string, args ...any) {
	if v.err == nil {
		v.err = fmt.Errorf(format, args...)
	}
}

func (v *rewriter) member(node *ast.Node, n *ast.MemberNode) {
	p, ok := v.paths[n.Node]
	if !ok {
		root, isName := n.Node.(*ast.IdentifierNode)
		if !isName || root.Value != "tags" && root.Value != "params" && root.Value != "metrics" {
			return
		}
		p = path{root: root.Value}
	}
	switch property := n.Property.(type) {
	case *ast.StringNode:
		p.names = append(slices.Clone(p.names), property.Value)
	case *ast.IntegerNode:
		return // an element of a list
	default:
		v.fail("%s needs a fixed name in its brackets, as in %s[\"name\"]", p.root, p.root)
		return
	}
	if len(p.names) == 1 && p.root == "metrics" && !slices.Contains(v.metrics, p.names[0]) {
		v.metrics = append(v.metrics, p.names[0])
	}
	if len(p.names) > 2 && p.root == "metrics" {
		v.badField(p.names[0], strings.Join(p.names[1:], "."))
		return
	}
	lookup := v.lookup(p)
	ast.Patch(node, lookup)
	v.paths[lookup] = p
}

// lookup is the call that a path becomes. The field of a metric may turn out to
// be the function at, so it is checked when the whole expression was seen.
func (v *rewriter) lookup(p path) ast.Node {
	if p.root == "metrics" {
		field := "last"
		if len(p.names) == 2 {
			field = p.names[1]
			if _, ok := metricFields[field]; !ok && field != "at" {
				v.badField(p.names[0], field)
			}
		}
		return call(metricFunction, &ast.StringNode{Value: p.names[0]}, &ast.StringNode{Value: field})
	}
	function := map[string]string{"tags": tagFunction, "params": paramFunction}[p.root]
	return call(function, &ast.StringNode{Value: strings.Join(p.names, ".")})
}

func (v *rewriter) badField(metric, field string) {
	fields := slices.Sorted(maps.Keys(metricFields))
	if near := nearest(field, fields); near != "" {
		v.fail(`metrics.%s has no %s: did you mean %s, or metrics["%s.%s"]?`, metric, field, near, metric, field)
		return
	}
	v.fail(`metrics.%s has no %s: it has %s and at(step); a name with dots or slashes is written metrics["%s.%s"]`,
		metric, field, strings.Join(fields, ", "), metric, field)
}

// call completes metrics.NAME.at(step).
func (v *rewriter) call(node *ast.Node, n *ast.CallNode) {
	p, ok := v.paths[n.Callee]
	if !ok {
		return
	}
	if p.root != "metrics" || len(p.names) != 2 || p.names[1] != "at" {
		v.fail("%s.%s is no function", p.root, strings.Join(p.names, "."))
		return
	}
	if len(n.Arguments) != 1 {
		v.fail("metrics.%s.at needs one step, as in at(1000)", p.names[0])
		return
	}
	delete(v.paths, n.Callee)
	ast.Patch(node, call(metricAtFunction, &ast.StringNode{Value: p.names[0]}, n.Arguments[0]))
}

func (v *rewriter) binary(node *ast.Node, n *ast.BinaryNode) {
	switch n.Operator {
	case "and", "&&", "or", "||":
		n.Left, n.Right = v.asTruth(n.Left), v.asTruth(n.Right)
		n.SetType(reflect.TypeFor[bool]())
	case "==", "!=", "<", "<=", ">", ">=", "in", "contains", "startsWith", "endsWith", "matches":
		v.comparison(node, n)
	case "+", "-", "*", "/", "%", "**", "^":
		if isOpen(n.Left) || isOpen(n.Right) {
			ast.Patch(node, call(arithmeticFunction, &ast.StringNode{Value: n.Operator}, n.Left, n.Right))
		}
	}
}

func (v *rewriter) comparison(node *ast.Node, n *ast.BinaryNode) {
	if isNil(n.Left) || isNil(n.Right) {
		return // asks whether something is there
	}
	if root, ok := n.Right.(*ast.IdentifierNode); ok && n.Operator == "in" && (root.Value == "tags" || root.Value == "params" || root.Value == "metrics") {
		name, ok := n.Left.(*ast.StringNode)
		if !ok {
			v.fail(`a fixed name goes before "in %s"`, root.Value)
			return
		}
		if root.Value == "metrics" && !slices.Contains(v.metrics, name.Value) {
			v.metrics = append(v.metrics, name.Value)
		}
		there := v.lookup(path{root: root.Value, names: []string{name.Value}})
		ast.Patch(node, &ast.BinaryNode{Operator: "!=", Left: there, Right: &ast.NilNode{}})
		return
	}
	n.Left, n.Right = v.asTimeBeside(n.Left, n.Right), v.asTimeBeside(n.Right, n.Left)
	if isOpen(n.Left) || isOpen(n.Right) {
		comparison := call(compareFunction, &ast.StringNode{Value: n.Operator}, n.Left, n.Right)
		ast.Patch(node, comparison)
		v.conditions[comparison] = true
	}
}

func (v *rewriter) unary(node *ast.Node, n *ast.UnaryNode) {
	switch n.Operator {
	case "not", "!":
		n.Node = v.asTruth(n.Node)
		n.SetType(reflect.TypeFor[bool]())
	case "-":
		if isOpen(n.Node) {
			ast.Patch(node, call(arithmeticFunction, &ast.StringNode{Value: "-"}, &ast.IntegerNode{Value: 0}, n.Node))
		}
	}
}

// asTimeBeside reads text that stands beside a time or a duration as such.
func (v *rewriter) asTimeBeside(node, other ast.Node) ast.Node {
	text, ok := node.(*ast.StringNode)
	if !ok {
		return node
	}
	var value any
	var err error
	switch other.Type() {
	case reflect.TypeFor[time.Duration]():
		value, err = parseDuration(text.Value)
	case reflect.TypeFor[time.Time]():
		value, err = parseTime(text.Value)
	default:
		return node
	}
	if err != nil {
		v.fail("%v", err)
		return node
	}
	constant := &ast.ConstantNode{Value: value}
	constant.SetLocation(node.Location())
	constant.SetType(reflect.TypeOf(value))
	return constant
}

func call(function string, arguments ...ast.Node) *ast.CallNode {
	return &ast.CallNode{Callee: &ast.IdentifierNode{Value: function}, Arguments: arguments}
}

// isOpen says that only the run at hand tells a node's type.
func isOpen(n ast.Node) bool { return n.Type().Kind() == reflect.Interface }

func isNil(n ast.Node) bool {
	_, ok := n.(*ast.NilNode)
	return ok
}

// asTruth lets any value stand for a condition.
func (v *rewriter) asTruth(n ast.Node) ast.Node {
	if n.Type().Kind() == reflect.Bool || v.conditions[n] {
		return n
	}
	condition := call(truthFunction, n)
	condition.SetLocation(n.Location())
	v.conditions[condition] = true
	return condition
}
