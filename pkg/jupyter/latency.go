package jupyter

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"noisebook/pkg/tier"
)

// CellTimes runs code cells one after the other in a kernel of their own and
// returns how long each took, from "run" until the kernel has its last output.
// Options' destinations are not used: the outputs are thrown away.
func (r Repository) CellTimes(ctx context.Context, cells []string, options RunOptions) ([]time.Duration, error) {
	build := filepath.Join(r.Root, "build")
	if err := os.MkdirAll(build, 0o755); err != nil {
		return nil, fmt.Errorf("cell times: %w", err)
	}
	folder, err := os.MkdirTemp(build, "cells-")
	if err != nil {
		return nil, fmt.Errorf("cell times: %w", err)
	}
	defer os.RemoveAll(folder)
	notebook := filepath.Join(folder, "cells.ipynb")
	content, err := codeNotebook(cells)
	if err == nil {
		err = os.WriteFile(notebook, content, 0o644)
	}
	if err != nil {
		return nil, fmt.Errorf("cell times: %w", err)
	}
	options.InPlace, options.Out, options.HTML, options.Quiet = false, filepath.Join(folder, "out"), false, true
	options.Timings, options.Stdout = filepath.Join(folder, "times.json"), io.Discard
	if options.Tier == "" {
		options.Tier = tier.CPU
	}
	if err := r.Run(ctx, []string{notebook}, options); err != nil {
		return nil, err
	}
	content, err = os.ReadFile(options.Timings)
	if err != nil {
		return nil, fmt.Errorf("cell times: %w", err)
	}
	var seconds [][]float64 // of the cells of each notebook
	if err := json.Unmarshal(content, &seconds); err != nil {
		return nil, fmt.Errorf("cell times: %w", err)
	}
	if len(seconds) != 1 || len(seconds[0]) != len(cells) {
		return nil, fmt.Errorf("cell times: the runner timed %v, want one notebook of %d cells", seconds, len(cells))
	}
	times := make([]time.Duration, len(cells))
	for i, s := range seconds[0] {
		times[i] = time.Duration(s * float64(time.Second))
	}
	return times, nil
}

// codeNotebook is a notebook of code cells.
func codeNotebook(sources []string) ([]byte, error) {
	type code struct {
		ID       string         `json:"id"`
		Type     string         `json:"cell_type"`
		Count    *int           `json:"execution_count"`
		Metadata map[string]any `json:"metadata"`
		Outputs  []any          `json:"outputs"`
		Source   string         `json:"source"`
	}
	cells := make([]code, len(sources))
	for i, source := range sources {
		cells[i] = code{ID: fmt.Sprintf("cell-%d", i+1), Type: "code", Metadata: map[string]any{}, Outputs: []any{}, Source: source}
	}
	return json.Marshal(map[string]any{
		"nbformat": 4, "nbformat_minor": 5, "cells": cells,
		"metadata": map[string]any{"kernelspec": map[string]string{"name": KernelName, "display_name": "Noisebook (Go)", "language": "go"}},
	})
}
