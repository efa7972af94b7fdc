package data

import (
	"bufio"
	"context"
	"fmt"
)

var svhnDatasets = []Description{{
	Name:    "svhn",
	Title:   "SVHN (cropped digits)",
	Licence: "non-commercial use only",
	Source:  "http://ufldl.stanford.edu/housenumbers/",
	Splits:  "official train and test; the extra part is left out",
	Classes: digits,
	folders: []string{"svhn", "SVHN"},
	version: 1,
	decode:  decodeSVHN,
	Files: []FileDescription{
		{
			Name:   "train_32x32.mat",
			Bytes:  182_040_794,
			SHA256: "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
			URLs:   []string{"http://ufldl.stanford.edu/housenumbers/train_32x32.mat"},
		},
		{
			Name:   "test_32x32.mat",
			Bytes:  64_275_384,
			SHA256: "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
			URLs:   []string{"http://ufldl.stanford.edu/housenumbers/test_32x32.mat"},
		},
	},
}}

func decodeSVHN(_ context.Context, description Description, files map[string]foundFile) (parts, error) {
	var splits []Split
	for _, file := range description.Files {
		split, err := readSVHN(files[file.Name])
		if err != nil {
			return parts{}, fmt.Errorf("%s: %w", files[file.Name].path, err)
		}
		splits = append(splits, split)
	}
	return parts{train: splits[0], test: splits[1]}, nil
}

func readSVHN(file foundFile) (Split, error) {
	in, err := file.open()
	if err != nil {
		return Split{}, err
	}
	defer in.Close()
	const limit = 1 << 28 // the training part has 225 MB of pixels
	arrays, err := readMAT(bufio.NewReaderSize(in, 1<<20), limit)
	if err != nil {
		return Split{}, err
	}
	return svhnSplit(arrays["X"], arrays["y"])
}

// svhnSplit turns X, height×width×colour×image with the first fastest, and y, where 10 stands for the digit 0, into a part.
func svhnSplit(x, y matArray) (Split, error) {
	const side = 32
	if len(x.shape) != 4 || x.shape[0] != side || x.shape[1] != side || x.shape[2] != 3 || x.kind != matUint8 {
		return Split{}, fmt.Errorf("X has type %d and shape %v instead of bytes of 32×32×3×N", x.kind, x.shape)
	}
	count := x.shape[3]
	if len(y.shape) != 2 || y.shape[0] != count || y.shape[1] != 1 || count == 0 {
		return Split{}, fmt.Errorf("y has shape %v for %d images", y.shape, count)
	}
	split := Split{Height: side, Width: side, Channels: 3, Images: make([]uint8, len(x.values)), Labels: make([]int32, count)}
	for n := range count {
		label := y.at(n)
		if !(label >= 1 && label <= 10) || label != float64(int(label)) {
			return Split{}, fmt.Errorf("label %g of image %d is none of 1…10", label, n)
		}
		split.Labels[n] = int32(label) % 10
		from, to := x.values[n*3*side*side:], split.Pixels(n)
		for i := range to {
			row, column, colour := i/(3*side), i/3%side, i%3
			to[i] = from[row+side*(column+side*colour)]
		}
	}
	return split, nil
}
