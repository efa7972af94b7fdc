package mlflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"path"
	"strings"

	"noisebook/pkg/track"
)

// The parts of MLflow's REST resources that the export uses.
type (
	pair struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	}
	metric struct {
		Key       string `json:"key"`
		Value     number `json:"value"`
		Timestamp int64  `json:"timestamp"` // milliseconds
		Step      int64  `json:"step"`
	}
	runInfo struct {
		ID          string `json:"run_id"`
		Experiment  string `json:"experiment_id"`
		ArtifactURI string `json:"artifact_uri"`
		Lifecycle   string `json:"lifecycle_stage"`
		Status      string `json:"status"`
		EndTime     int64  `json:"end_time"`
	}
	remoteRun struct {
		Info runInfo `json:"info"`
		Data struct {
			Params []pair `json:"params"`
			Tags   []pair `json:"tags"`
		} `json:"data"`
	}
	dataset struct {
		Name       string `json:"name"`
		Digest     string `json:"digest"`
		SourceType string `json:"source_type"`
		Source     string `json:"source"`
	}
	datasetInput struct {
		Tags    []pair  `json:"tags,omitempty"`
		Dataset dataset `json:"dataset"`
	}
)

// number is a float64 as protocol buffers write it in JSON.
type number float64

func (n number) MarshalJSON() ([]byte, error) {
	switch v := float64(n); {
	case math.IsInf(v, 1):
		return []byte(`"Infinity"`), nil
	case math.IsInf(v, -1):
		return []byte(`"-Infinity"`), nil
	}
	return track.Number(n).MarshalJSON()
}

func (n *number) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case `"Infinity"`:
		*n = number(math.Inf(1))
		return nil
	case `"-Infinity"`:
		*n = number(math.Inf(-1))
		return nil
	}
	return (*track.Number)(n).UnmarshalJSON(data)
}

// experiment returns the id of the experiment of a name and makes it if there is
// none.
func (c *client) experiment(ctx context.Context, name string) (string, error) {
	found, err := c.findExperiment(ctx, name)
	if found != "" || err != nil {
		return found, err
	}
	var created struct {
		ID string `json:"experiment_id"`
	}
	err = c.call(ctx, http.MethodPost, "mlflow/experiments/create", map[string]string{"name": name}, &created)
	if hasCode(err, "RESOURCE_ALREADY_EXISTS") { // made by another process, or by an attempt whose answer was lost
		return c.findExperiment(ctx, name)
	}
	return created.ID, err
}

func (c *client) findExperiment(ctx context.Context, name string) (string, error) {
	var found struct {
		Experiment struct {
			ID        string `json:"experiment_id"`
			Lifecycle string `json:"lifecycle_stage"`
		} `json:"experiment"`
	}
	err := c.call(ctx, http.MethodGet, "mlflow/experiments/get-by-name?experiment_name="+url.QueryEscape(name), nil, &found)
	switch {
	case hasCode(err, "RESOURCE_DOES_NOT_EXIST"):
		return "", nil
	case err != nil:
		var api *apiError
		if errors.As(err, &api) && api.Status == http.StatusNotFound {
			return "", &serverError{c.base + " is no MLflow server: it does not know MLflow's REST API"}
		}
		return "", err
	case found.Experiment.Lifecycle == "deleted":
		return "", fmt.Errorf("experiment %q was deleted on the MLflow server: restore it there or name another with --experiment", name)
	}
	return found.Experiment.ID, nil
}

// run reads a run, or nil when the server has none of that id.
func (c *client) run(ctx context.Context, id string) (*remoteRun, error) {
	var found struct {
		Run remoteRun `json:"run"`
	}
	err := c.call(ctx, http.MethodGet, "mlflow/runs/get?run_id="+url.QueryEscape(id), nil, &found)
	if hasCode(err, "RESOURCE_DOES_NOT_EXIST") {
		return nil, nil
	}
	return &found.Run, err
}

// findRun looks for the run that bears a tag, or returns nil. Of several, which
// only two exporters at once could make, it takes the one that was made first.
func (c *client) findRun(ctx context.Context, experiment, tag, value string) (*remoteRun, error) {
	var found struct {
		Runs []remoteRun `json:"runs"`
	}
	query := map[string]any{
		"experiment_ids": []string{experiment}, "max_results": 1, "run_view_type": "ACTIVE_ONLY",
		"filter":   fmt.Sprintf("tags.`%s` = '%s'", tag, value),
		"order_by": []string{"attributes.start_time ASC"},
	}
	if err := c.call(ctx, http.MethodPost, "mlflow/runs/search", query, &found); err != nil || len(found.Runs) == 0 {
		return nil, err
	}
	return &found.Runs[0], nil
}

// createRun makes a run. Where the answer to an attempt was lost, it first looks
// whether that attempt made it.
func (c *client) createRun(ctx context.Context, experiment, name string, start int64, tag pair) (*remoteRun, error) {
	var created struct {
		Run remoteRun `json:"run"`
	}
	request := map[string]any{"experiment_id": experiment, "run_name": name, "start_time": start, "tags": []pair{tag}}
	err := c.retry(ctx, func(unsure bool) error {
		if unsure {
			found, err := c.findRun(ctx, experiment, tag.Key, tag.Value)
			if err != nil {
				return err
			}
			if found != nil {
				created.Run = *found
				return nil
			}
		}
		return c.once(ctx, http.MethodPost, "mlflow/runs/create", request, &created)
	})
	return &created.Run, err
}

// history visits every point of a metric.
func (c *client) history(ctx context.Context, run, key string, visit func(metric)) error {
	const page = 25000
	token := ""
	for {
		var answer struct {
			Metrics []metric `json:"metrics"`
			Next    string   `json:"next_page_token"`
		}
		path := fmt.Sprintf("mlflow/metrics/get-history?run_id=%s&metric_key=%s&max_results=%d", url.QueryEscape(run), url.QueryEscape(key), page)
		if token != "" {
			path += "&page_token=" + url.QueryEscape(token)
		}
		if err := c.call(ctx, http.MethodGet, path, nil, &answer); err != nil {
			return err
		}
		for _, m := range answer.Metrics {
			visit(m)
		}
		if token = answer.Next; token == "" {
			return nil
		}
	}
}

// remoteSize is the size of a run's artifact on the server, or -1 when it is not
// there.
func (c *client) remoteSize(ctx context.Context, run, name string) (int64, error) {
	folder := ""
	if dir := path.Dir(name); dir != "." {
		folder = "&path=" + url.QueryEscape(dir)
	}
	token := ""
	for {
		var answer struct {
			Files []struct {
				Path string      `json:"path"`
				Dir  bool        `json:"is_dir"`
				Size json.Number `json:"file_size"` // servers write it as a number or as text
			} `json:"files"`
			Next string `json:"next_page_token"`
		}
		query := "mlflow/artifacts/list?run_id=" + url.QueryEscape(run) + folder
		if token != "" {
			query += "&page_token=" + url.QueryEscape(token)
		}
		if err := c.call(ctx, http.MethodGet, query, nil, &answer); err != nil {
			return -1, err
		}
		for _, file := range answer.Files {
			if file.Path == name && !file.Dir {
				return file.Size.Int64()
			}
		}
		if token = answer.Next; token == "" {
			return -1, nil
		}
	}
}

// artifactRoot is the path of the endpoint for a run's artifacts, or an error when
// its server does not pass artifacts on.
func artifactRoot(uri string) (string, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "mlflow-artifacts" {
		return "", fmt.Errorf("artifacts are kept in %s, which the MLflow server does not pass on: start it with --serve-artifacts, or give --no-artifacts", uri)
	}
	return "/api/2.0/mlflow-artifacts/artifacts/" + escapePath(strings.Trim(u.Path, "/")), nil
}

func escapePath(name string) string {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return strings.Join(parts, "/")
}

// upload stores content under a run's artifacts.
func (c *client) upload(ctx context.Context, root, name string, size int64, open func() (io.ReadCloser, error)) error {
	return c.retry(ctx, func(bool) error {
		content, err := open()
		if err != nil {
			return err
		}
		defer content.Close()
		answer, err := c.send(ctx, http.MethodPut, root+"/"+escapePath(name), content, size, "application/octet-stream")
		if err != nil {
			return err
		}
		return answer.Close()
	})
}
