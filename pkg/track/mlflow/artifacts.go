package mlflow

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"

	"noisebook/pkg/track"
)

// Files that the export adds to a run's artifacts.
const (
	runPath    = "noisebook/run.json"    // the run as the store tells it, with every param whole
	resultPath = "noisebook/result.json" // a finished stage's value
	diffPath   = "noisebook/code.diff"
)

// placeFor is the path of an artifact on the server. Several of one name are told
// apart by their step, else by their content.
func (x *runExport) placeFor(event track.Event) string {
	place := validPath(event.Artifact.Name)
	if event.Step != 0 {
		place = beside(place, fmt.Sprintf("step-%d", event.Step))
	}
	if x.taken(place, event.Artifact.SHA256) {
		place = beside(place, event.Artifact.SHA256[:min(8, len(event.Artifact.SHA256))])
	}
	return place
}

// taken says that another artifact has the place.
func (x *runExport) taken(place, sum string) bool {
	if there, ok := x.cursor.Artifacts[place]; ok {
		return there != sum
	}
	return slices.ContainsFunc(x.cursor.Waiting, func(a artifact) bool { return a.Path == place && a.File.SHA256 != sum })
}

// sendArtifact sends a file of the store unless it is there. One that cannot be
// read waits for the next export and does not keep the rest back.
func (x *runExport) sendArtifact(ctx context.Context, a artifact) error {
	if x.cursor.Artifacts[a.Path] == a.File.SHA256 {
		return nil
	}
	wait := func() {
		if !slices.Contains(x.cursor.Waiting, a) {
			x.cursor.Waiting = append(x.cursor.Waiting, a)
		}
	}
	if x.options.NoArtifacts {
		wait()
		return nil
	}
	path, err := x.store.Path(a.File)
	if err == nil {
		err = x.store.Verify(a.File)
	}
	if err != nil {
		wait()
		x.failed = append(x.failed, err)
		return nil
	}
	return x.put(ctx, a.Path, a.File.SHA256, a.File.Bytes, func() (io.ReadCloser, error) { return os.Open(path) })
}

// put uploads content to a place unless it is there.
func (x *runExport) put(ctx context.Context, place, sum string, size int64, open func() (io.ReadCloser, error)) error {
	if x.cursor.Artifacts[place] == sum {
		return nil
	}
	there := int64(-1)
	if x.cursor.Verify && place != runPath {
		var err error
		if there, err = x.client.remoteSize(ctx, x.cursor.Run, place); err != nil {
			return err
		}
	}
	if there != size {
		root, err := artifactRoot(x.there.Info.ArtifactURI)
		if err != nil {
			return err
		}
		if err := x.client.upload(ctx, root, place, size, open); err != nil {
			return err
		}
		x.sent.Artifacts++
		x.sent.Bytes += size
		x.report(x.sent)
	}
	if x.cursor.Artifacts == nil {
		x.cursor.Artifacts = map[string]string{}
	}
	x.cursor.Artifacts[place] = sum
	return x.cursor.save()
}

// sendArtifacts sends what is no line of a journal: what waited, the diff of the
// code, the result, the run itself.
func (x *runExport) sendArtifacts(ctx context.Context) error {
	if x.options.NoArtifacts {
		return nil
	}
	waiting := x.cursor.Waiting
	x.cursor.Waiting, x.failed = nil, nil // what fails again says so again
	for i, a := range waiting {
		if err := x.sendArtifact(ctx, a); err != nil {
			x.cursor.Waiting = append(x.cursor.Waiting, waiting[i:]...)
			return err
		}
	}
	if diff := x.local.Provenance.Diff; diff != nil {
		if err := x.sendArtifact(ctx, artifact{diffPath, *diff}); err != nil {
			return err
		}
	}
	if x.local.Kind == track.KindStage && x.local.State == track.Finished {
		value, _, err := x.local.Result()
		if err != nil {
			x.failed = append(x.failed, err)
		} else if err := x.putBytes(ctx, resultPath, value); err != nil {
			return err
		}
	}
	whole, err := json.MarshalIndent(x.local, "", "  ")
	if err != nil {
		return err
	}
	return x.putBytes(ctx, runPath, append(whole, '\n'))
}

func (x *runExport) putBytes(ctx context.Context, place string, content []byte) error {
	sum := sha256.Sum256(content)
	return x.put(ctx, place, hex.EncodeToString(sum[:]), int64(len(content)), func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	})
}

// sendDataset makes a dataset an input of the run. MLflow tells datasets apart by
// name and checksum alone: of a second split with the same content the name bears
// the split.
func (x *runExport) sendDataset(ctx context.Context, d track.Dataset) error {
	name := d.Name
	key := d.Split + " " + d.Checksum
	if there, ok := x.cursor.Datasets[name]; ok && there != key && d.Split != "" {
		name += "/" + d.Split
	}
	if x.cursor.Datasets[name] == key {
		return nil
	}
	source, err := json.Marshal(map[string]string{"sha256": d.Checksum})
	if err != nil {
		return err
	}
	input := datasetInput{Dataset: dataset{
		Name: cut(name, 500), Digest: cut(d.Checksum, digestLimit), SourceType: "noisebook", Source: string(source),
	}}
	if d.Split != "" {
		input.Tags = []pair{{"mlflow.data.context", cut(d.Split, 500)}}
	}
	err = x.client.call(ctx, http.MethodPost, "mlflow/runs/log-inputs", map[string]any{"run_id": x.cursor.Run, "datasets": []datasetInput{input}}, nil)
	var api *apiError
	if errors.As(err, &api) && api.Status == http.StatusNotFound {
		return nil // a server older than MLflow 2.4 knows no inputs; run.json names them
	}
	if err != nil {
		return err
	}
	if x.cursor.Datasets == nil {
		x.cursor.Datasets = map[string]string{}
	}
	x.cursor.Datasets[name] = key
	return nil
}
