// Package config changes typed configs by name: command-line overrides such as
// "train.steps=500" and the deltas that make tiers.
//
// A config is a struct of numbers, strings, booleans, durations, lists of these
// and further structs. A key is the path of json names ("train.steps"). Keys that
// do not exist, values of another type and values that a Validate method
// rejects are errors of one line, and a config that had an error is left as it
// was.
package config

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"
)

// Set applies overrides of the form key=value in order and then validates. A
// list is written with commas ("channels=32,64") and is replaced as a whole;
// an empty value empties it.
func Set[C any](config *C, overrides ...string) error {
	changed, err := structOf(*config)
	if err != nil {
		return err
	}
	root := reflect.ValueOf(&changed).Elem()
	for _, override := range overrides {
		key, text, ok := strings.Cut(override, "=")
		key = strings.TrimSpace(key)
		if !ok || key == "" {
			return fmt.Errorf("override %q is not of the form key=value", override)
		}
		field, err := find(root, key)
		if err != nil {
			return err
		}
		if err := parse(field, strings.TrimSpace(text)); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	if err := Validate(changed); err != nil {
		return err
	}
	*config = changed
	return nil
}

// Merge applies a delta: a JSON object with the fields to change, nested as the
// config is. Unlike json.Unmarshal it rejects unknown keys, replaces lists as a
// whole and validates.
func Merge[C any](config *C, delta []byte) error {
	changed, err := structOf(*config)
	if err != nil {
		return err
	}
	if err := merge(reflect.ValueOf(&changed).Elem(), delta, ""); err != nil {
		return err
	}
	if err := Validate(changed); err != nil {
		return err
	}
	*config = changed
	return nil
}

func merge(target reflect.Value, delta []byte, path string) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(delta, &object); err != nil {
		return fmt.Errorf("%swant a JSON object: %w", prefix(path), err)
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		raw, at := object[name], join(path, name)
		field, err := member(target, name, path)
		if err != nil {
			return err
		}
		if isGroup(field.Type()) {
			if err := merge(field, raw, at); err != nil {
				return err
			}
			continue
		}
		if bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
			return fmt.Errorf("%s: null is not a %s", at, typeName(field.Type()))
		}
		fresh := reflect.New(field.Type()) // so that a shorter list leaves nothing behind
		if err := json.Unmarshal(raw, fresh.Interface()); err != nil {
			return fmt.Errorf("%s: %s is not a %s", at, raw, typeName(field.Type()))
		}
		field.Set(fresh.Elem())
	}
	return nil
}

// Key is one setting of a config.
type Key struct {
	Path  string // such as "train.steps"
	Type  string // such as "int" or "list of float"
	Value string // as an override would write it
	Help  string // from the field's help tag
}

// Keys lists all settings with their present values in order of declaration.
func Keys[C any](config C) []Key {
	return keys(reflect.ValueOf(config), "")
}

func keys(v reflect.Value, path string) []Key {
	var list []Key
	for _, f := range fields(v) {
		at := join(path, f.name)
		if isGroup(f.value.Type()) {
			list = append(list, keys(f.value, at)...)
			continue
		}
		list = append(list, Key{Path: at, Type: typeName(f.value.Type()), Value: format(f.value), Help: f.help})
	}
	return list
}

// Validator is implemented by configs and groups that check their values.
type Validator interface{ Validate() error }

// Validate calls the Validate method of the config and of every group inside it
// and returns the first error, with the group's key before it.
func Validate[C any](config C) error {
	v := reflect.New(reflect.TypeFor[C]()).Elem()
	v.Set(reflect.ValueOf(config))
	return validate(v, "")
}

func validate(v reflect.Value, path string) error {
	for _, f := range fields(v) {
		if isGroup(f.value.Type()) {
			if err := validate(f.value, join(path, f.name)); err != nil {
				return err
			}
		}
	}
	if validator, ok := v.Addr().Interface().(Validator); ok {
		if err := validator.Validate(); err != nil {
			return fmt.Errorf("%s%w", prefix(path), err)
		}
	}
	return nil
}

type field struct {
	name, help string
	value      reflect.Value
}

// fields lists a struct's settings by their json names; embedded structs
// without a name of their own are part of the outer one, as in encoding/json.
func fields(v reflect.Value) []field {
	var list []field
	if v.Kind() != reflect.Struct {
		return nil
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported() && !f.Anonymous:
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			list = append(list, fields(v.Field(i))...)
		case f.IsExported():
			if name == "" {
				name = f.Name
			}
			list = append(list, field{name: name, help: f.Tag.Get("help"), value: v.Field(i)})
		}
	}
	return list
}

var textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

func isText(t reflect.Type) bool { return reflect.PointerTo(t).Implements(textUnmarshaler) }

// isGroup says that the type is a nested struct of settings, not a value.
func isGroup(t reflect.Type) bool { return t.Kind() == reflect.Struct && !isText(t) }

func find(root reflect.Value, key string) (reflect.Value, error) {
	v, path := root, ""
	for name := range strings.SplitSeq(key, ".") {
		if path != "" && !isGroup(v.Type()) {
			return v, fmt.Errorf("unknown key %q: %s is a %s and has no keys below it", key, path, typeName(v.Type()))
		}
		next, err := member(v, name, path)
		if err != nil {
			if best := nearest(key, paths(root)); best != "" && !strings.Contains(err.Error(), "did you mean") {
				err = fmt.Errorf("%w; did you mean %q?", err, best)
			}
			return v, err
		}
		v, path = next, join(path, name)
	}
	if isGroup(v.Type()) {
		return v, fmt.Errorf("%q is a group of keys: set one of %s", key, strings.Join(names(v, path), ", "))
	}
	return v, nil
}

// member finds a name on one level; the error names the nearest and all keys
// of that level.
func member(v reflect.Value, name, path string) (reflect.Value, error) {
	for _, f := range fields(v) {
		if f.name == name {
			return f.value, nil
		}
	}
	level := names(v, path)
	message := fmt.Sprintf("unknown key %q", join(path, name))
	if best := nearest(join(path, name), level); best != "" {
		message += fmt.Sprintf(", did you mean %q?", best)
	}
	return v, fmt.Errorf("%s (keys here: %s)", message, strings.Join(level, ", "))
}

func names(v reflect.Value, path string) []string {
	var list []string
	for _, f := range fields(v) {
		list = append(list, join(path, f.name))
	}
	return list
}

func paths(v reflect.Value) []string {
	var list []string
	for _, key := range keys(v, "") {
		list = append(list, key.Path)
	}
	return list
}

// nearest is the candidate that a typing slip could have meant, or empty. A key
// given without its outer groups ("train.stepz") is as near as to the
// candidate's end ("train.steps" of "model.train.steps").
func nearest(key string, candidates []string) string {
	best, distance := "", max(2, len(key)/3)+1
	for _, candidate := range candidates {
		d := min(levenshtein.ComputeDistance(key, candidate), levenshtein.ComputeDistance(key, ending(candidate, strings.Count(key, ".")+1)))
		if d < distance {
			best, distance = candidate, d
		}
	}
	return best
}

// ending is the last parts of a path.
func ending(path string, parts int) string {
	all := strings.Split(path, ".")
	return strings.Join(all[max(0, len(all)-parts):], ".")
}

var durationType = reflect.TypeFor[time.Duration]()

// parse sets v to what text says.
func parse(v reflect.Value, text string) error {
	wrong := func(err error) error {
		if numError, ok := err.(*strconv.NumError); ok && numError.Err == strconv.ErrRange {
			return fmt.Errorf("%s is out of range for %s", text, typeName(v.Type()))
		}
		return fmt.Errorf("%q is not a %s", text, typeName(v.Type()))
	}
	if isText(v.Type()) {
		return v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
	}
	if v.Type() == durationType {
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is not a duration (write 30s, 5m, 1h30m)", text)
		}
		v.SetInt(int64(d))
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return wrong(err)
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return wrong(err)
		}
		v.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, err := strconv.ParseUint(text, 10, v.Type().Bits())
		if err != nil {
			return wrong(err)
		}
		v.SetUint(n)
	case reflect.Float32, reflect.Float64:
		x, err := strconv.ParseFloat(text, v.Type().Bits())
		if err != nil {
			return wrong(err)
		}
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("%s is not a finite number", text)
		}
		v.SetFloat(x)
	case reflect.Slice:
		return parseList(v, text)
	default:
		return fmt.Errorf("a %s cannot be set by an override", v.Type())
	}
	return nil
}

func parseList(v reflect.Value, text string) error {
	if text == "" {
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		return nil
	}
	parts := strings.Split(text, ",")
	list := reflect.MakeSlice(v.Type(), len(parts), len(parts))
	for i, part := range parts {
		if err := parse(list.Index(i), strings.TrimSpace(part)); err != nil {
			return err
		}
	}
	v.Set(list)
	return nil
}

func format(v reflect.Value) string {
	switch {
	case v.Kind() == reflect.Slice:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = format(v.Index(i))
		}
		return strings.Join(parts, ",")
	case v.Kind() == reflect.Float32:
		return strconv.FormatFloat(v.Float(), 'g', -1, 32)
	}
	return fmt.Sprint(v.Interface())
}

// typeName describes a type to somebody who types values.
func typeName(t reflect.Type) string {
	switch {
	case t == durationType:
		return "duration"
	case isText(t):
		return strings.ToLower(t.Name())
	case t.Kind() == reflect.Slice:
		return "list of " + typeName(t.Elem())
	case t.Kind() == reflect.Float64 || t.Kind() == reflect.Float32:
		return "number"
	case t.Kind() == reflect.Int:
		return "whole number"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Struct:
		return "group"
	}
	return t.Kind().String()
}

// structOf copies a config so that an error leaves the caller's as it was.
// Lists are replaced, never written into, so the copy need not be deep.
func structOf[C any](config C) (C, error) {
	if reflect.TypeFor[C]().Kind() != reflect.Struct {
		return config, fmt.Errorf("config: %T is not a struct", config)
	}
	return config, nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func prefix(path string) string {
	if path == "" {
		return ""
	}
	return path + ": "
}
