package query

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// compare is an operator on values that may be missing or of any type; what
// cannot be compared makes it false.
func compare(operator string, a, b any) (any, error) {
	if a == nil || b == nil {
		return false, nil
	}
	switch operator {
	case "==", "!=":
		equal, comparable := equalValues(a, b)
		return comparable && equal == (operator == "=="), nil
	case "<", "<=", ">", ">=":
		order, ok := orderValues(a, b)
		if !ok {
			return false, nil
		}
		switch operator {
		case "<":
			return order < 0, nil
		case "<=":
			return order <= 0, nil
		case ">":
			return order > 0, nil
		}
		return order >= 0, nil
	case "in":
		return contains(b, a), nil
	case "contains":
		if _, isText := a.(string); !isText {
			return contains(a, b), nil
		}
	}
	text, ok := a.(string)
	pattern, ok2 := b.(string)
	if !ok || !ok2 {
		return false, nil
	}
	switch operator {
	case "contains":
		return strings.Contains(text, pattern), nil
	case "startsWith":
		return strings.HasPrefix(text, pattern), nil
	case "endsWith":
		return strings.HasSuffix(text, pattern), nil
	}
	expression, err := compilePattern(pattern)
	if err != nil {
		return nil, err
	}
	return expression.MatchString(text), nil
}

var patterns sync.Map // text → *regexp.Regexp

func compilePattern(pattern string) (*regexp.Regexp, error) {
	if known, ok := patterns.Load(pattern); ok {
		return known.(*regexp.Regexp), nil
	}
	compiled, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	patterns.Store(pattern, compiled)
	return compiled, nil
}

// contains looks for a value in a list or for a key in a map.
func contains(collection, value any) bool {
	v := reflect.ValueOf(collection)
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if equal, ok := equalValues(v.Index(i).Interface(), value); ok && equal {
				return true
			}
		}
	case reflect.Map:
		key := reflect.ValueOf(value)
		return key.IsValid() && key.Type().AssignableTo(v.Type().Key()) && v.MapIndex(key).IsValid()
	}
	return false
}

func equalValues(a, b any) (equal, comparable bool) {
	if x, ok := number(a); ok {
		y, ok := number(b)
		return x == y, ok && !math.IsNaN(x) && !math.IsNaN(y)
	}
	if x, ok := a.([]any); ok {
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, func(a, b any) bool {
			equal, ok := equalValues(a, b)
			return ok && equal
		}), ok
	}
	order, ok := orderValues(a, b)
	return order == 0, ok
}

// orderValues orders two values of one type; NaN has no order.
func orderValues(a, b any) (order int, ok bool) {
	if x, isNumber := number(a); isNumber {
		y, ok := number(b)
		return cmp.Compare(x, y), ok && !math.IsNaN(x) && !math.IsNaN(y)
	}
	switch x := a.(type) {
	case string:
		y, ok := b.(string)
		return strings.Compare(x, y), ok
	case bool:
		y, ok := b.(bool)
		return truthOrder(x) - truthOrder(y), ok
	case time.Time:
		y, ok := b.(time.Time)
		return x.Compare(y), ok
	case time.Duration:
		y, ok := b.(time.Duration)
		return cmp.Compare(x, y), ok
	}
	return 0, false
}

func truthOrder(b bool) int {
	if b {
		return 1
	}
	return 0
}

func number(value any) (float64, bool) {
	switch v := value.(type) {
	case float64:
		return v, true
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	}
	return 0, false
}

// arithmetic is an operator on values that may be missing: the result is
// missing too then.
func arithmetic(operator string, a, b any) (any, error) {
	x, ok := number(a)
	y, ok2 := number(b)
	if !ok || !ok2 {
		left, isText := a.(string)
		right, isText2 := b.(string)
		if operator == "+" && isText && isText2 {
			return left + right, nil
		}
		if a == nil || b == nil {
			return nil, nil
		}
		return nil, fmt.Errorf("%v %s %v is not arithmetic", a, operator, b)
	}
	switch operator {
	case "+":
		return x + y, nil
	case "-":
		return x - y, nil
	case "*":
		return x * y, nil
	case "/":
		return x / y, nil
	case "%":
		return math.Mod(x, y), nil
	}
	return math.Pow(x, y), nil
}

// truth is what a value counts as in a condition: missing, zero, NaN and empty
// are false.
func truth(value any) bool {
	switch v := value.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case time.Time:
		return !v.IsZero()
	case time.Duration:
		return v != 0
	case []any:
		return len(v) > 0
	}
	n, ok := number(value)
	return !ok || n != 0 && !math.IsNaN(n)
}

// absent says that a value sorts last.
func absent(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case float64:
		return math.IsNaN(v)
	case time.Time:
		return v.IsZero()
	}
	return false
}

// sortOrder orders any two values that are there: those of one type by their
// order, others by the name of their type.
func sortOrder(a, b any) int {
	if order, ok := orderValues(a, b); ok {
		return order
	}
	return cmp.Or(strings.Compare(typeName(a), typeName(b)), strings.Compare(fmt.Sprint(a), fmt.Sprint(b)))
}

func typeName(value any) string {
	if _, ok := number(value); ok {
		return "" // numbers before text
	}
	return fmt.Sprintf("%T", value)
}

// parseDuration reads 36h, and also 7d and 2w.
func parseDuration(text string) (time.Duration, error) {
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if digits, ok := strings.CutSuffix(text, suffix); ok {
			n, err := strconv.ParseFloat(digits, 64)
			if err != nil {
				return 0, fmt.Errorf("%q is no duration: write 90s, 15m, 36h, 7d or 2w", text)
			}
			return time.Duration(n * float64(unit)), nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is no duration: write 90s, 15m, 36h, 7d or 2w", text)
	}
	return d, nil
}

// parseTime reads a day, or a time of day, in the local zone unless it has one.
func parseTime(text string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", time.DateTime, "2006-01-02T15:04", time.RFC3339} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: write 2026-03-01 or \"2026-03-01 14:30\"", text)
}
