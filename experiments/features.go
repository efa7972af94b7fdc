package experiments

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/engine"
	"noisebook/pkg/features"
	"noisebook/pkg/metric"
	"noisebook/pkg/npy"
	"noisebook/pkg/track"
)

// FeaturesConfig is a feature network and all that its features depend on.
type FeaturesConfig struct {
	Network  string            `json:"network"`
	Settings map[string]string `json:"settings"`
}

// FeatureSet is what a network makes of a set of images, in the store.
type FeatureSet struct {
	Features track.Artifact `json:"features"` // float32 [images, width]
	Images   int            `json:"images"`
	Width    int            `json:"width"`
}

// Dense reads the features.
func (s FeatureSet) Dense(store *track.Store) (*mat.Dense, error) {
	path, err := store.Path(s.Features)
	if err != nil {
		return nil, err
	}
	array, err := npy.Open(path)
	if err != nil {
		return nil, err
	}
	return array.Dense()
}

// Features measures images by a network, or answers from the store: equal
// content, network and settings are measured once. An interrupted measurement
// goes on after the last batch that was kept.
func Features(ctx context.Context, store *track.Store, network features.Network, images features.Images) (track.Result[FeatureSet], error) {
	checksum, err := images.Checksum()
	if err != nil {
		return track.Result[FeatureSet]{}, err
	}
	stage := track.Stage[FeaturesConfig, FeatureSet]{Name: "features/measure", Version: 1,
		Run: func(ctx context.Context, job *track.Job, _ FeaturesConfig) (FeatureSet, error) {
			return MeasureFeatures(ctx, job, network, images)
		}}
	c := FeaturesConfig{Network: network.Name(), Settings: network.Settings()}
	return track.Do(ctx, store, stage, c, track.DatasetInput(track.Dataset{Name: "images", Checksum: checksum}))
}

// MeasureFeatures measures images by a network as a tracked job, which keeps each
// batch in its scratch folder and goes on after the last one.
func MeasureFeatures(ctx context.Context, job *track.Job, network features.Network, images features.Images) (FeatureSet, error) {
	var e *engine.Engine
	if network.UsesEngine() {
		var err error
		if e, err = Engine(ctx, job); err != nil {
			return FeatureSet{}, err
		}
	}
	kept, err := openKeptRows(job.Scratch())
	if err != nil {
		return FeatureSet{}, err
	}
	defer kept.close()
	if kept.count > 0 {
		job.Note(fmt.Sprintf("resumed after %d images", kept.count))
	}
	if kept.count < images.Len() {
		err = network.Each(ctx, e, images, kept.count, func(first int, rows *mat.Dense) error {
			if err := kept.add(rows); err != nil {
				return err
			}
			job.Progress(kept.count, images.Len(), nil)
			return nil
		})
		if err != nil {
			return FeatureSet{}, err
		}
	}
	values, err := kept.read()
	if err != nil {
		return FeatureSet{}, err
	}
	set := FeatureSet{Images: kept.count, Width: kept.width}
	set.Features, err = job.Save("features.npy", func(w io.Writer) error {
		return npy.Write(w, []int{set.Images, set.Width}, values)
	})
	return set, err
}

// keptRows are the rows that are measured so far, float32 in a file of the
// job's scratch folder that is named by their width.
type keptRows struct {
	folder       string
	file         *os.File // nil before the first row
	width, count int
}

const keptRowsName = "rows-%d.f32"

func openKeptRows(folder string) (*keptRows, error) {
	k := &keptRows{folder: folder}
	found, err := filepath.Glob(filepath.Join(folder, "rows-*.f32"))
	if err != nil || len(found) == 0 {
		return k, err
	}
	if _, err := fmt.Sscanf(filepath.Base(found[0]), keptRowsName, &k.width); err != nil || k.width < 1 {
		return nil, fmt.Errorf("features: %s is not of this program: remove it", found[0])
	}
	if k.file, err = os.OpenFile(found[0], os.O_RDWR, 0); err != nil {
		return nil, err
	}
	info, err := k.file.Stat()
	if err != nil {
		return nil, err
	}
	row := int64(4 * k.width)
	k.count = int(info.Size() / row)
	if _, err := k.file.Seek(int64(k.count)*row, io.SeekStart); err != nil { // over a row that was cut short
		return nil, err
	}
	return k, nil
}

func (k *keptRows) close() {
	if k.file != nil {
		k.file.Close()
	}
}

// add appends rows, of the same width each time.
func (k *keptRows) add(rows *mat.Dense) error {
	n, width := rows.Dims()
	if k.file == nil {
		k.width = width
		var err error
		if k.file, err = os.Create(filepath.Join(k.folder, fmt.Sprintf(keptRowsName, width))); err != nil {
			return err
		}
	}
	if width != k.width {
		return fmt.Errorf("features: a batch has %d features an image, those before it %d", width, k.width)
	}
	data := make([]byte, 0, 4*n*width)
	for r := range n {
		for _, v := range rows.RawRowView(r) {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(v)))
		}
	}
	if _, err := k.file.Write(data); err != nil {
		return err
	}
	k.count += n
	return nil
}

// read returns all rows.
func (k *keptRows) read() ([]float32, error) {
	if _, err := k.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	values := make([]float32, k.count*k.width)
	r := bufio.NewReaderSize(k.file, 1<<20)
	row := make([]float32, k.width)
	for i := range k.count {
		if err := binary.Read(r, binary.LittleEndian, row); err != nil {
			return nil, err
		}
		copy(values[i*k.width:], row)
	}
	return values, nil
}

// StatisticsSet is the mean and the covariance of a feature set, in the store.
type StatisticsSet struct {
	Statistics track.Artifact `json:"statistics"` // .npz of mu and sigma, as pytorch-fid and clean-fid read it
	Images     int            `json:"images"`
	Width      int            `json:"width"`
}

// statisticsBlock is how many rows of features are taken at a time.
const statisticsBlock = 4096

// Statistics takes mean and covariance of a feature set, or answers from the store.
func Statistics(ctx context.Context, store *track.Store, set track.Result[FeatureSet]) (track.Result[StatisticsSet], error) {
	stage := track.Stage[struct{}, StatisticsSet]{Name: "features/statistics", Version: 1,
		Run: func(ctx context.Context, job *track.Job, _ struct{}) (StatisticsSet, error) {
			path, err := job.Path(set.Value.Features)
			if err != nil {
				return StatisticsSet{}, err
			}
			array, err := npy.Open(path)
			if err != nil {
				return StatisticsSet{}, err
			}
			var moments metric.Moments
			for from := 0; from < set.Value.Images; from += statisticsBlock {
				if err := ctx.Err(); err != nil {
					return StatisticsSet{}, err
				}
				rows, err := array.Rows(from, min(from+statisticsBlock, set.Value.Images))
				if err != nil {
					return StatisticsSet{}, err
				}
				if err := moments.Add(rows); err != nil {
					return StatisticsSet{}, err
				}
			}
			g, err := moments.Gaussian()
			if err != nil {
				return StatisticsSet{}, err
			}
			out := StatisticsSet{Images: set.Value.Images, Width: set.Value.Width}
			out.Statistics, err = job.Save("statistics.npz", func(w io.Writer) error {
				return features.WriteStatistics(w, features.Statistics(g))
			})
			return out, err
		}}
	return track.Do(ctx, store, stage, struct{}{}, set)
}
