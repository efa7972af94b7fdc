package data

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// readLibSVM reads lines "label 1:v … features:v"; features left out are 0. More than limit rows are an error.
func readLibSVM(in io.Reader, features, limit int) (labels []int, values []float64, err error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		number := len(labels) + 1
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 {
			return nil, nil, fmt.Errorf("line %d is empty", number)
		}
		if number > limit {
			return nil, nil, fmt.Errorf("more than %d lines", limit)
		}
		label, err := strconv.Atoi(fields[0])
		if err != nil {
			return nil, nil, fmt.Errorf("line %d: %.40q is no label", number, fields[0])
		}
		labels = append(labels, label)
		row := make([]float64, features)
		previous := 0
		for _, field := range fields[1:] {
			index, value, _ := strings.Cut(field, ":")
			at, indexErr := strconv.Atoi(index)
			v, valueErr := strconv.ParseFloat(value, 64)
			if indexErr != nil || valueErr != nil || math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, nil, fmt.Errorf("line %d: %.40q is no feature", number, field)
			}
			if at <= previous || at > features {
				return nil, nil, fmt.Errorf("line %d: feature %d after %d; they ascend to %d", number, at, previous, features)
			}
			row[at-1], previous = v, at
		}
		values = append(values, row...)
	}
	if err := lines.Err(); err != nil {
		return nil, nil, cutShort(err)
	}
	if len(labels) == 0 {
		return nil, nil, errors.New("no lines")
	}
	return labels, values, nil
}
