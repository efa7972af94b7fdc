package mlflow

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// trouble is what a server does to a request.
type trouble int

const (
	none       trouble = iota
	refused            // 500, not carried out
	lost               // carried out, the connection is cut before the answer
	unanswered         // carried out, then 503
	busy               // 429, not carried out
)

// server is an MLflow server in memory that holds requests to MLflow's limits.
// Unlike a real one on a database it keeps a point that comes twice twice.
type server struct {
	*httptest.Server
	t *testing.T

	mu          sync.Mutex
	trouble     func(r *http.Request) trouble // nil: none
	login       string                        // what Authorization must be
	requests    []string
	experiments map[string]string // name → id
	runs        map[string]*serverRun
	order       []string
	files       map[string][]byte
}

type serverRun struct {
	remoteRun
	points []metric
	inputs []datasetInput
}

func newServer(t *testing.T) *server {
	s := &server{t: t, experiments: map[string]string{}, runs: map[string]*serverRun{}, files: map[string][]byte{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.handle))
	t.Cleanup(s.Close)
	return s
}

// failure is an answer of the server.
type failure struct {
	status        int
	code, message string
}

func invalid(format string, args ...any) *failure {
	return &failure{400, "INVALID_PARAMETER_VALUE", fmt.Sprintf(format, args...)}
}

func missing(what string) *failure {
	return &failure{404, "RESOURCE_DOES_NOT_EXIST", what + " does not exist"}
}

func (s *server) handle(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	happens := none
	if s.trouble != nil {
		happens = s.trouble(r)
	}
	switch happens {
	case refused:
		http.Error(w, `{"error_code": "INTERNAL_ERROR", "message": "database is locked"}`, 500)
		return
	case busy:
		w.Header().Set("Retry-After", "0")
		http.Error(w, "slow down", 429)
		return
	}
	var answer any
	var failed *failure
	if s.login != "" && r.Header.Get("Authorization") != s.login {
		failed = &failure{401, "", "You are not authenticated"}
	} else {
		answer, failed = s.serve(r, body)
	}
	switch {
	case happens == lost:
		panic(http.ErrAbortHandler)
	case happens == unanswered:
		http.Error(w, "<html>bad gateway</html>", 503)
	case failed != nil:
		w.WriteHeader(failed.status)
		json.NewEncoder(w).Encode(map[string]string{"error_code": failed.code, "message": failed.message})
	case answer != nil:
		if data, isFile := answer.([]byte); isFile {
			w.Write(data)
			return
		}
		json.NewEncoder(w).Encode(answer)
	}
}

func (s *server) serve(r *http.Request, body []byte) (any, *failure) {
	const files = "/api/2.0/mlflow-artifacts/artifacts/"
	if name, ok := strings.CutPrefix(r.URL.Path, files); ok {
		return s.file(r.Method, name, body)
	}
	if len(body) > bodyLimit {
		return nil, invalid("a body of %d bytes", len(body))
	}
	var in struct {
		batch
		Name, Status, Filter, Key string
		RunName                   string         `json:"run_name"`
		Experiment                string         `json:"experiment_id"`
		Experiments               []string       `json:"experiment_ids"`
		Start                     int64          `json:"start_time"`
		End                       *int64         `json:"end_time"`
		Datasets                  []datasetInput `json:"datasets"`
	}
	if r.Method == http.MethodPost {
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, invalid("%v", err)
		}
	}
	query := r.URL.Query()
	if id := query.Get("run_id"); id != "" {
		in.Run = id
	}
	call := strings.TrimPrefix(r.URL.Path, "/api/2.0/mlflow/")
	switch call {
	case "experiments/get-by-name":
		id, ok := s.experiments[query.Get("experiment_name")]
		if !ok {
			return nil, missing("experiment")
		}
		return map[string]any{"experiment": map[string]string{"experiment_id": id, "lifecycle_stage": "active"}}, nil
	case "experiments/create":
		if _, ok := s.experiments[in.Name]; ok || in.Name == "" {
			return nil, &failure{400, "RESOURCE_ALREADY_EXISTS", "experiment exists"}
		}
		s.experiments[in.Name] = strconv.Itoa(len(s.experiments) + 1)
		return map[string]string{"experiment_id": s.experiments[in.Name]}, nil
	case "runs/create":
		id := fmt.Sprintf("run%d", len(s.runs)+1)
		run := &serverRun{}
		run.Info = runInfo{ID: id, Experiment: in.Experiment, Lifecycle: "active", Status: "RUNNING",
			ArtifactURI: "mlflow-artifacts:/" + in.Experiment + "/" + id + "/artifacts"}
		run.Data.Tags = append(in.Tags, pair{"mlflow.runName", in.RunName})
		s.runs[id] = run
		s.order = append(s.order, id)
		return map[string]any{"run": run.remoteRun}, nil
	case "runs/search":
		found := []remoteRun{}
		tag := tagFilter.FindStringSubmatch(in.Filter)
		for _, id := range s.order {
			if run := s.runs[id]; slices.Contains(in.Experiments, run.Info.Experiment) && slices.Contains(run.Data.Tags, pair{tag[1], tag[2]}) {
				found = append(found, run.remoteRun)
			}
		}
		return map[string]any{"runs": found}, nil
	}
	run, ok := s.runs[in.Run]
	if !ok {
		return nil, missing("run " + in.Run)
	}
	switch call {
	case "runs/get":
		return map[string]any{"run": run.remoteRun}, nil
	case "runs/update":
		run.Info.Status = in.Status
		if in.End != nil {
			run.Info.EndTime = *in.End
		}
		return struct{}{}, nil
	case "runs/log-batch":
		return struct{}{}, run.log(in.batch)
	case "runs/delete-tag":
		run.Data.Tags = slices.DeleteFunc(run.Data.Tags, func(p pair) bool { return p.Key == in.Key })
		return struct{}{}, nil
	case "runs/log-inputs":
		for _, input := range in.Datasets {
			if utf8.RuneCountInString(input.Dataset.Digest) > 36 {
				return nil, invalid("'digest' exceeds the maximum length")
			}
		}
		run.inputs = append(run.inputs, in.Datasets...)
		return struct{}{}, nil
	case "metrics/get-history":
		return run.history(query)
	case "artifacts/list":
		return s.list(in.Run, query.Get("path")), nil
	}
	return nil, &failure{404, "ENDPOINT_NOT_FOUND", call}
}

var tagFilter = regexp.MustCompile("^tags\\.`(.+)` = '(.+)'$")

var keySigns = regexp.MustCompile(`^[\pL\p{Nd}_\-. :/]+$`)

func validKey(key string) bool {
	return keySigns.MatchString(key) && utf8.RuneCountInString(key) <= 250 && path.Clean(key) == key && !strings.HasPrefix(key, "/") && !strings.HasPrefix(key, "..") && key != "."
}

func (r *serverRun) log(b batch) *failure {
	if len(b.Metrics) > 1000 || len(b.Params) > 100 || len(b.Tags) > 100 {
		return invalid("a batch of %d metrics, %d params, %d tags", len(b.Metrics), len(b.Params), len(b.Tags))
	}
	for _, m := range b.Metrics {
		if !validKey(m.Key) {
			return invalid("metric %q", m.Key)
		}
	}
	for i, pairs := range [][]pair{b.Params, b.Tags} {
		limit := []int{6000, 5000}[i]
		for _, p := range pairs {
			if !validKey(p.Key) || utf8.RuneCountInString(p.Value) > limit {
				return invalid("%q of %d characters", p.Key, utf8.RuneCountInString(p.Value))
			}
		}
	}
	for _, p := range b.Params {
		i := slices.IndexFunc(r.Data.Params, func(q pair) bool { return q.Key == p.Key })
		if i >= 0 && r.Data.Params[i] != p {
			return invalid("Changing param values is not allowed")
		}
		if i < 0 {
			r.Data.Params = append(r.Data.Params, p)
		}
	}
	for _, p := range b.Tags {
		r.Data.Tags = slices.DeleteFunc(r.Data.Tags, func(q pair) bool { return q.Key == p.Key })
		r.Data.Tags = append(r.Data.Tags, p)
	}
	r.points = append(r.points, b.Metrics...)
	return nil
}

// history answers in pages shorter than were asked for.
func (r *serverRun) history(query url.Values) (any, *failure) {
	const page = 700
	var all []metric
	for _, m := range r.points {
		if m.Key == query.Get("metric_key") {
			m.Value = number(max(min(m.Value, 1.7976931348623157e308), -1.7976931348623157e308)) // as a database keeps it; NaN stays
			all = append(all, m)
		}
	}
	start, _ := strconv.Atoi(query.Get("page_token"))
	end := min(start+page, len(all))
	answer := map[string]any{"metrics": all[start:end]}
	if end < len(all) {
		answer["next_page_token"] = strconv.Itoa(end)
	}
	return answer, nil
}

func (s *server) file(method, name string, body []byte) (any, *failure) {
	if path.Clean(name) != name || strings.ContainsAny(name, "?#%") {
		return nil, invalid("Invalid path %s", name)
	}
	if method == http.MethodPut {
		s.files[name] = body
		return struct{}{}, nil
	}
	data, ok := s.files[name]
	if !ok {
		return nil, missing(name)
	}
	return data, nil
}

func (s *server) list(run, folder string) any {
	root := strings.TrimPrefix(s.runs[run].Info.ArtifactURI, "mlflow-artifacts:/") + "/"
	type file struct {
		Path string `json:"path"`
		Dir  bool   `json:"is_dir"`
		Size int    `json:"file_size"`
	}
	files := []file{}
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		if under, ok := strings.CutPrefix(name, root); ok && strings.TrimPrefix(path.Dir(under), ".") == folder {
			files = append(files, file{under, false, len(s.files[name])})
		}
	}
	return map[string]any{"files": files}
}

// of finds the run of a store's run and fails when there is not exactly one.
func (s *server) of(id string) *serverRun {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*serverRun
	for _, run := range s.runs {
		if slices.Contains(run.Data.Tags, pair{runTag, id}) {
			found = append(found, run)
		}
	}
	if len(found) != 1 {
		s.t.Fatalf("%d runs on the server bear the id %s, want one", len(found), id)
	}
	return found[0]
}

// artifact is what the server has at a run's path.
func (s *server) artifact(run *serverRun, name string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files[strings.TrimPrefix(run.Info.ArtifactURI, "mlflow-artifacts:/")+"/"+name]
}

// set changes what the server does from now on.
func (s *server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}
