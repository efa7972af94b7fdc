package features

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"noisebook/pkg/data"
	"noisebook/pkg/npy"
	"noisebook/pkg/picture"
)

// Picture is one image of 8 bits a value, row by row, channels innermost. Its pixels are not to be changed.
type Picture = picture.Picture

// Images is a row of pictures, which need neither fit into memory nor have one size.
type Images interface {
	Len() int
	// Read decodes picture i. Several goroutines may read at once.
	Read(i int) (Picture, error)
	// Checksum is a SHA-256 of the content: of what the pictures are made from,
	// in their order. Names and places are no part of it.
	Checksum() (string, error)
}

// FromSplit takes the images of a data set's part; labels are no part of them.
func FromSplit(s data.Split) Images { return stack{s} }

// OpenImages opens a folder of pictures (BMP, GIF, JPEG, PNG, TIFF, WebP; with
// its sub-folders, in the order of their paths), or an array of pixels, uint8
// [N, H, W] or [N, H, W, channels], in a .npy or .npz file.
func OpenImages(path string) (Images, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("images: %w", err)
	}
	if info.IsDir() {
		return openFolder(path)
	}
	var array *npy.Array
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".npy":
		array, err = npy.Open(path)
	case ".npz":
		array, err = openPixelArchive(path)
	default:
		return nil, fmt.Errorf("images: %s is no folder and no .npy or .npz file", path)
	}
	if err != nil {
		return nil, err
	}
	split, err := pixelStack(array)
	if err != nil {
		return nil, fmt.Errorf("images: %s %w", path, err)
	}
	return stack{split}, nil
}

// openPixelArchive reads the one array of an archive that has the shape of
// images: "arr_0" of the sample files of OpenAI's evaluator.
func openPixelArchive(path string) (*npy.Array, error) {
	archive, err := npy.OpenArchive(path)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	names := archive.Names()
	switch {
	case slices.Contains(names, "arr_0"):
		return archive.Read("arr_0")
	case len(names) == 1:
		return archive.Read(names[0])
	}
	return nil, fmt.Errorf("images: %s holds the arrays %s; images are looked for in arr_0, or in the only array", path, strings.Join(names, ", "))
}

// pixelStack takes an array as images, or says what it is instead.
func pixelStack(array *npy.Array) (data.Split, error) {
	shape := array.Shape()
	pixels, err := array.Bytes()
	if err != nil {
		return data.Split{}, fmt.Errorf("holds %s: images are uint8 from 0 to 255; convert them with astype", array.Type())
	}
	if len(shape) == 3 {
		shape = append(shape, 1)
	}
	if len(shape) != 4 || shape[3] != 1 && shape[3] != 3 {
		return data.Split{}, fmt.Errorf("has shape %v: images are [N, H, W], or [N, H, W, C] of 1 or 3 channels", array.Shape())
	}
	if len(pixels) == 0 {
		return data.Split{}, fmt.Errorf("has shape %v: no images", shape)
	}
	return data.Split{Images: pixels, Labels: make([]int32, shape[0]), Height: shape[1], Width: shape[2], Channels: shape[3]}, nil
}

// stack is images of one size in memory.
type stack struct{ split data.Split }

func (s stack) Len() int { return s.split.Len() }

func (s stack) Read(i int) (Picture, error) {
	return Picture{Pixels: s.split.Pixels(i), Height: s.split.Height, Width: s.split.Width, Channels: s.split.Channels}, nil
}

func (s stack) Checksum() (string, error) {
	hash := sha256.New()
	fmt.Fprintln(hash, s.split.Len(), s.split.Height, s.split.Width, s.split.Channels)
	hash.Write(s.split.Images)
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// pictureTypes are the endings of the files that a folder's images are in.
var pictureTypes = []string{".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}

// folder is images in files.
type folder struct{ files []string }

func openFolder(root string) (Images, error) {
	var f folder
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		hidden := strings.HasPrefix(entry.Name(), ".") && path != root
		switch {
		case err != nil:
			return err
		case hidden && entry.IsDir():
			return fs.SkipDir
		case !hidden && !entry.IsDir() && slices.Contains(pictureTypes, strings.ToLower(filepath.Ext(path))):
			f.files = append(f.files, path)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("images: %w", err)
	}
	if len(f.files) == 0 {
		return nil, fmt.Errorf("images: no pictures (%s) in %s", strings.Join(pictureTypes, ", "), root)
	}
	return f, nil
}

func (f folder) Len() int { return len(f.files) }

func (f folder) Checksum() (string, error) {
	all := sha256.New()
	for _, path := range f.files {
		file, err := os.Open(path)
		if err != nil {
			return "", fmt.Errorf("images: %w", err)
		}
		one := sha256.New()
		_, err = io.Copy(one, file)
		file.Close()
		if err != nil {
			return "", fmt.Errorf("images: %w", err)
		}
		all.Write(one.Sum(nil))
	}
	return hex.EncodeToString(all.Sum(nil)), nil
}

func (f folder) Read(i int) (Picture, error) {
	path := f.files[i]
	content, err := os.ReadFile(path)
	if err != nil {
		return Picture{}, fmt.Errorf("images: %w", err)
	}
	p, err := picture.Decode(content)
	if err != nil {
		return Picture{}, fmt.Errorf("images: %s: %w", path, err)
	}
	return p, nil
}

// greyOf is the picture with one channel, if it has no colours.
func greyOf(p Picture) (Picture, error) {
	if p.Channels == 1 {
		return p, nil
	}
	grey := make([]uint8, 0, len(p.Pixels)/3)
	for i := 0; i < len(p.Pixels); i += 3 {
		if p.Pixels[i] != p.Pixels[i+1] || p.Pixels[i] != p.Pixels[i+2] {
			return Picture{}, fmt.Errorf("a picture has colours, the network takes grey ones")
		}
		grey = append(grey, p.Pixels[i])
	}
	return Picture{Pixels: grey, Height: p.Height, Width: p.Width, Channels: 1}, nil
}
