package mlflow

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"noisebook/pkg/track"
)

// exporterVariable makes the test's program an exporter that can be killed: it
// holds the store, the address and a run.
const exporterVariable = "NOISEBOOK_TEST_EXPORTER"

func TestMain(m *testing.M) {
	if spec := os.Getenv(exporterVariable); spec != "" {
		if err := exportSpec(strings.Split(spec, "\n")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func exportSpec(spec []string) error {
	store, err := track.Open(spec[0])
	if err != nil {
		return err
	}
	run, err := store.Run(spec[2])
	if err != nil {
		return err
	}
	e, err := New(store, Options{URL: spec[1]})
	if err != nil {
		return err
	}
	_, err = e.Export(context.Background(), []track.Run{run})
	return err
}

// startMLflow starts the tracking server of the virtual environment that
// NOISEBOOK_MLFLOW names, with SQLite and proxied artifacts.
func startMLflow(t *testing.T) string {
	t.Helper()
	environment := os.Getenv("NOISEBOOK_MLFLOW")
	if environment == "" {
		t.Skip("NOISEBOOK_MLFLOW names no virtual environment with MLflow; bench/mlflow_export.sh makes one")
	}
	program := must(filepath.Abs(filepath.Join(environment, "bin", "mlflow")))(t)
	listener := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	address := listener.Addr().String()
	port := fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
	must(0, listener.Close())(t)
	folder := t.TempDir()
	log := must(os.Create(filepath.Join(folder, "log")))(t)
	defer log.Close()
	server := exec.Command(program, "server", "--host", "127.0.0.1", "--port", port, "--workers", "1",
		"--backend-store-uri", "sqlite:///"+filepath.Join(folder, "mlflow.db"), "--artifacts-destination", filepath.Join(folder, "artifacts"))
	server.Dir, server.Stdout, server.Stderr = folder, log, log
	server.Env = append(os.Environ(), "MLFLOW_DISABLE_TELEMETRY=true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false")
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its workers end with it
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-server.Process.Pid, syscall.SIGKILL)
		_ = server.Wait()
	})
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		if answer, err := http.Get("http://" + address + "/health"); err == nil {
			answer.Body.Close()
			return "http://" + address
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(log.Name())
			t.Fatalf("the MLflow server does not answer:\n%s", said)
		}
	}
}

// get reads JSON from a server.
func get(t *testing.T, address string, out any) {
	t.Helper()
	answer := must(http.Get(address))(t)
	defer answer.Body.Close()
	data := must(io.ReadAll(answer.Body))(t)
	if answer.StatusCode != 200 {
		t.Fatalf("%s answers %d: %s", address, answer.StatusCode, data)
	}
	if raw, ok := out.(*[]byte); ok {
		*raw = data
	} else if err := json.Unmarshal(data, out); err != nil {
		t.Fatalf("%s: %v in %s", address, err, data)
	}
}

// An export to MLflow itself, killed again and again, ends with all that the run
// has: read back through REST by code that shares nothing with the exporter.
func TestExportToMLflow(t *testing.T) {
	address := startMLflow(t)
	store := newStore(t)
	r := record(t, store, 12000)
	flush(t, r)
	program := must(os.Executable())(t)
	kills := 0
	for wait := 300 * time.Millisecond; ; wait = wait * 5 / 4 {
		exporter := exec.Command(program)
		exporter.Env = append(os.Environ(), exporterVariable+"="+strings.Join([]string{store.Dir(), address, r.ID()}, "\n"))
		var said bytes.Buffer
		exporter.Stderr = &said
		if err := exporter.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(wait, func() { _ = exporter.Process.Kill() })
		err := exporter.Wait()
		timer.Stop()
		if err == nil {
			break
		}
		if exporter.ProcessState.ExitCode() >= 0 {
			t.Fatalf("the exporter failed: %s", said.Bytes())
		}
		kills++
	}
	t.Logf("the exporter was killed %d times", kills)
	if kills < 2 {
		t.Errorf("the exporter was killed %d times only: the test shows nothing", kills)
	}
	r.LogValue("loss", 40000, 0.25)
	end(t, r, nil)
	export := func() Sent {
		sent := must(must(New(store, Options{URL: address}))(t).Export(context.Background(), read(t, store, r.ID())))(t)
		return sent[0]
	}
	if sent := export(); sent.Points != 1 {
		t.Errorf("%d points sent of the run that went on, want 1", sent.Points)
	}
	compare(t, store, address, r.ID(), 12006)

	must(0, os.RemoveAll(filepath.Join(store.Dir(), "exports")))(t)
	if sent := export(); sent.Points != 0 || sent.Params != 0 || sent.Artifacts != 1 {
		t.Errorf("without its cursor the export sent %+v, want %s alone", sent, runPath)
	}
	compare(t, store, address, r.ID(), 12006)
}

func compare(t *testing.T, store *track.Store, address, id string, points int) {
	t.Helper()
	api := address + "/api/2.0/"
	var search struct {
		Runs []struct {
			Info struct {
				RunID       string `json:"run_id"`
				RunName     string `json:"run_name"`
				Status      string `json:"status"`
				StartTime   int64  `json:"start_time"`
				EndTime     int64  `json:"end_time"`
				ArtifactURI string `json:"artifact_uri"`
			} `json:"info"`
			Data struct {
				Params, Tags []struct{ Key, Value string }
			} `json:"data"`
			Inputs struct {
				Datasets []struct {
					Dataset struct{ Name, Digest string } `json:"dataset"`
				} `json:"dataset_inputs"`
			} `json:"inputs"`
		} `json:"runs"`
	}
	var experiment struct {
		Experiment struct {
			ID string `json:"experiment_id"`
		} `json:"experiment"`
	}
	get(t, api+"mlflow/experiments/get-by-name?experiment_name=tuning", &experiment)
	answer := must(http.Post(api+"mlflow/runs/search", "application/json", strings.NewReader(`{"experiment_ids": ["`+experiment.Experiment.ID+`"]}`)))(t)
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&search); err != nil || len(search.Runs) != 1 {
		t.Fatalf("%d runs on the server, want 1 (%v)", len(search.Runs), err)
	}
	there, run := search.Runs[0], read(t, store, id)[0]
	if there.Info.Status != "FINISHED" || there.Info.RunName != "tuning/first" || there.Info.StartTime != run.Started.UnixMilli() || there.Info.EndTime != run.Ended.UnixMilli() {
		t.Errorf("the server says %+v of run %+v", there.Info, run)
	}
	values := map[string]string{}
	for _, p := range append(there.Data.Params, there.Data.Tags...) {
		values[p.Key] = p.Value
	}
	for name, want := range map[string]string{
		"lr": "0.0002", "steps": "500", "net.sizes": "[1,2]", "found": "3", "noisebook.run": id, "noisebook.state": "finished", "who": "me",
		"prompt": strings.Repeat("é", 6000-len([]rune(cutNote))) + cutNote, "mlflow.note.content": "went well",
	} {
		if values[name] != want {
			t.Errorf("%s is %.80q on the server, want %.80q", name, values[name], want)
		}
	}
	if n := len(there.Inputs.Datasets); n != 2 {
		t.Errorf("%d datasets, want 2", n)
	}

	// Points: what the journal says against each metric's history.
	want := map[string]int{}
	names := map[string]bool{}
	journal := must(run.Journal())(t)
	for _, event := range journal.Events {
		for name, value := range event.Values {
			text := fmt.Sprint(float64(value))
			switch text {
			case "+Inf":
				text = "1.7976931348623157e+308"
			case "-Inf":
				text = "-1.7976931348623157e+308"
			}
			names[validName(name)] = true
			want[fmt.Sprintf("%s %d %d %s", validName(name), event.Time.UnixMilli(), event.Step, text)]++
		}
	}
	total := 0
	for name := range names {
		for token := ""; ; {
			var history struct {
				Metrics []struct {
					Value           any
					Timestamp, Step int64
				} `json:"metrics"`
				Next string `json:"next_page_token"`
			}
			get(t, api+"mlflow/metrics/get-history?max_results=10000&run_id="+there.Info.RunID+"&metric_key="+url.QueryEscape(name)+"&page_token="+url.QueryEscape(token), &history)
			for _, m := range history.Metrics {
				want[fmt.Sprintf("%s %d %d %v", name, m.Timestamp, m.Step, m.Value)]--
				total++
			}
			if token = history.Next; token == "" {
				break
			}
		}
	}
	for point, n := range want {
		if n != 0 {
			t.Errorf("point %s: %d more in the store than on the server", point, n)
		}
	}
	if total != points {
		t.Errorf("%d points on the server, want %d", total, points)
	}

	// Artifacts, byte by byte.
	root := api + "mlflow-artifacts/artifacts/" + strings.TrimPrefix(there.Info.ArtifactURI, "mlflow-artifacts:/") + "/"
	files := map[string]string{"weights.bin": "weights\x00\xff"}
	for _, event := range journal.Events {
		if a := event.Artifact; a != nil {
			content := string(must(os.ReadFile(must(store.Path(*a))(t)))(t))
			switch {
			case event.Step != 0:
				files[fmt.Sprintf("samples-step-%d.png", event.Step)] = content
			case strings.HasPrefix(a.Name, "odd"):
				files["odd name_1_.txt"] = content
			case content == "other weights":
				files["weights-"+a.SHA256[:8]+".bin"] = content
			}
		}
	}
	if len(files) != 5 {
		t.Fatalf("the run has %d artifacts, want 5", len(files))
	}
	for name, content := range files {
		var got []byte
		if get(t, root+strings.ReplaceAll(name, " ", "%20"), &got); string(got) != content {
			t.Errorf("artifact %s is %q on the server, want %q", name, got, content)
		}
	}
	var whole []byte
	get(t, root+"noisebook/run.json", &whole)
	var back track.Run
	if err := json.Unmarshal(whole, &back); err != nil || back.ID != id || back.State != track.Finished {
		t.Errorf("noisebook/run.json holds %.200s (%v)", whole, err)
	}
}
