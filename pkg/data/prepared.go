package data

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"noisebook/pkg/npy"
)

// decodeOnce decodes a data set, or reads what was decoded before from the same files. Notebook cells and stages are new
// processes, and decoding tens of thousands of pictures takes seconds to minutes.
//
// The prepared copy is an .npz file in the cache, whose entries carry checksums; one that cannot be read is made anew, and one
// that cannot be written is done without.
func decodeOnce(ctx context.Context, description Description, files map[string]foundFile) (parts, error) {
	if description.version == 0 {
		return description.decode(ctx, description, files)
	}
	path, err := preparedPath(description, files)
	if err != nil {
		return parts{}, err
	}
	if made, err := readPrepared(path, description); err == nil {
		return made, nil
	}
	made, err := description.decode(ctx, description, files)
	if err != nil {
		return parts{}, err
	}
	if os.MkdirAll(filepath.Dir(path), 0o755) == nil {
		removeOthers(path)
		_ = writePrepared(path, made)
	}
	return made, nil
}

const preparedPrefix = "prepared-"

func preparedPath(description Description, files map[string]foundFile) (string, error) {
	folder, err := cacheFolder(description.Name)
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	fmt.Fprintln(hash, description.Name, description.version)
	for _, file := range description.Files {
		fmt.Fprintln(hash, file.Name, files[file.Name].sha256)
	}
	return filepath.Join(folder, preparedPrefix+hex.EncodeToString(hash.Sum(nil))[:16]+".npz"), nil
}

// removeOthers removes copies that other files or an older decoder made.
func removeOthers(path string) {
	old, _ := filepath.Glob(filepath.Join(filepath.Dir(path), preparedPrefix+"*.npz")) // the pattern is well formed
	for _, other := range old {
		if other != path {
			os.Remove(other)
		}
	}
}

// named lists the parts with the names of their arrays.
func (p *parts) named() map[string]*Split {
	return map[string]*Split{"train": &p.train, "validation": &p.validation, "test": &p.test}
}

func writePrepared(path string, made parts) error {
	return npy.SaveArchive(path, func(archive *npy.ArchiveWriter) error {
		for name, split := range made.named() {
			if split.Len() == 0 {
				continue
			}
			shape := []int{split.Len(), split.Height, split.Width, split.Channels}
			if err := npy.AddArray(archive, name+"_images", shape, split.Images); err != nil {
				return err
			}
			if split.Labels != nil {
				labels := make([]int64, split.Len())
				for i, label := range split.Labels {
					labels[i] = int64(label)
				}
				if err := npy.AddArray(archive, name+"_labels", shape[:1], labels); err != nil {
					return err
				}
			}
			if split.Attributes != nil {
				if err := npy.AddArray(archive, name+"_attributes", []int{split.Len(), split.AttributeCount}, split.Attributes); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func readPrepared(path string, description Description) (parts, error) {
	archive, err := npy.OpenArchive(path)
	if err != nil {
		return parts{}, err
	}
	defer archive.Close()
	var made parts
	for name, split := range made.named() {
		if !slices.Contains(archive.Names(), name+"_images") {
			continue // checked below
		}
		if *split, err = readPreparedSplit(archive, name, description); err != nil {
			return parts{}, err
		}
	}
	if made.train.Len() == 0 || made.test.Len() == 0 {
		return parts{}, fmt.Errorf("%s lacks a part", path)
	}
	return made, nil
}

func readPreparedSplit(archive *npy.Archive, name string, description Description) (Split, error) {
	images, err := archive.Read(name + "_images")
	if err != nil {
		return Split{}, err
	}
	shape := images.Shape()
	if len(shape) != 4 {
		return Split{}, fmt.Errorf("images of shape %v", shape)
	}
	split := Split{Height: shape[1], Width: shape[2], Channels: shape[3]}
	if split.Images, err = images.Bytes(); err != nil {
		return Split{}, err
	}
	if description.Attributes != nil {
		attributes, err := archive.Read(name + "_attributes")
		if err != nil {
			return Split{}, err
		}
		split.AttributeCount = len(description.Attributes)
		if !slices.Equal(attributes.Shape(), []int{shape[0], split.AttributeCount}) {
			return Split{}, fmt.Errorf("attributes of shape %v", attributes.Shape())
		}
		split.Attributes, err = attributes.Bytes()
		return split, err
	}
	labels, err := archive.Read(name + "_labels")
	if err != nil {
		return Split{}, err
	}
	values, err := labels.Ints()
	if err != nil || len(values) != shape[0] {
		return Split{}, fmt.Errorf("%d labels of %d images (%v)", len(values), shape[0], err)
	}
	split.Labels = make([]int32, len(values))
	for i, label := range values {
		if label < 0 || label >= len(description.Classes) {
			return Split{}, fmt.Errorf("label %d", label)
		}
		split.Labels[i] = int32(label)
	}
	return split, nil
}
