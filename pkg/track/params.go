package track

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// Params are named values of a run. Nested configs are flattened: the field lr
// of train is "train.lr". A value is a string, bool, int64, float64, nil or a
// list ([]any) of such.
type Params map[string]any

// Flatten names every value of a JSON document by the path to it.
func Flatten(document json.RawMessage) Params {
	params := Params{}
	params.add("", document)
	return params
}

// UnmarshalJSON keeps integers whole and flattens what is nested.
func (p *Params) UnmarshalJSON(data []byte) error {
	*p = Params{}
	return p.add("", data)
}

func (p Params) add(path string, document []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return err
	}
	p.walk(path, value)
	return nil
}

func (p Params) walk(path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, item := range v {
			if path != "" {
				name = path + "." + name
			}
			p.walk(name, item)
		}
	case []any:
		if isPlain(v) {
			list := make([]any, len(v))
			for i, item := range v {
				list[i] = plainValue(item)
			}
			p[path] = list
			return
		}
		for i, item := range v {
			p.walk(path+"."+strconv.Itoa(i), item)
		}
	default:
		if path != "" {
			p[path] = plainValue(v)
		}
	}
}

// isPlain says that a list holds neither objects nor lists.
func isPlain(list []any) bool {
	for _, item := range list {
		switch item.(type) {
		case map[string]any, []any:
			return false
		}
	}
	return true
}

func plainValue(value any) any {
	number, ok := value.(json.Number)
	if !ok {
		return value
	}
	if whole, err := strconv.ParseInt(number.String(), 10, 64); err == nil {
		return whole
	}
	if float, err := number.Float64(); err == nil {
		return float
	}
	return number.String()
}

// paramsOf flattens a value under a name. What JSON cannot write is kept as text.
func paramsOf(name string, value any) Params {
	switch v := value.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			value = Number(v)
		}
	case float32:
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			value = Number(f)
		}
	}
	params := Params{}
	data, err := json.Marshal(value)
	if err == nil {
		err = params.add(name, data)
	}
	if err != nil || len(params) == 0 {
		params[name] = fmt.Sprint(value)
	}
	return params
}
