package features

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"noisebook/pkg/fetch"
)

// The weights that the TensorFlow graph of 2015-12-05 was converted to, by the
// author of pytorch-fid; torch-fidelity publishes the same bytes.
const (
	inceptionFile   = "pt_inception-2015-12-05-6726825d.pth"
	inceptionSHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
)

var inceptionSources = []fetch.Source{
	fetch.URL("https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/" + inceptionFile),
	fetch.URL("https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"),
}

// InceptionWeights returns where the published weights of the FID's Inception
// lie: a file of their name in a folder of NOISEBOOK_DATA, else in the cache,
// into which they are fetched (96 MB) when they are nowhere. Their SHA-256 is checked.
func InceptionWeights(ctx context.Context, progress fetch.Progress) (string, error) {
	return findWeights(ctx, inceptionFile, inceptionSHA256, inceptionSources, fetch.Options{Progress: progress})
}

func findWeights(ctx context.Context, name, checksum string, sources []fetch.Source, options fetch.Options) (string, error) {
	for _, folder := range filepath.SplitList(os.Getenv("NOISEBOOK_DATA")) {
		for _, path := range []string{filepath.Join(folder, name), filepath.Join(folder, "weights", name)} {
			switch digest, err := fetch.Digest(path); {
			case errors.Is(err, fs.ErrNotExist):
			case err != nil:
				return "", fmt.Errorf("features: weights: %w", err)
			case digest != checksum:
				return "", fmt.Errorf("features: %s has sha256 %s instead of %s: replace it, or take its folder out of NOISEBOOK_DATA", path, digest, checksum)
			default:
				return path, nil
			}
		}
	}
	cache, err := fetch.CacheDir()
	if err != nil {
		return "", fmt.Errorf("features: %w", err)
	}
	target := filepath.Join(cache, "weights", name)
	err = fetch.Get(ctx, target, fetch.File{
		Name: name, SHA256: checksum, Sources: sources,
		ByHand: fmt.Sprintf("to supply it by hand, put %s into a folder and name the folder in NOISEBOOK_DATA, or put it at %s", name, target),
	}, options)
	if err != nil {
		return "", fmt.Errorf("features: weights: %w", err)
	}
	return target, nil
}
