package data

import (
	"compress/bzip2"
	"context"
	"fmt"
	"io"
)

const (
	uspsSide   = 16
	uspsPixels = uspsSide * uspsSide
	uspsMost   = 10_000 // more rows than either file has
)

const (
	uspsAddress = "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/"
	elemAddress = "https://raw.githubusercontent.com/cran/ElemStatLearn/253e54016d004ac67879b594311651be3debbed4/data/"
)

var uspsDatasets = []Description{
	{
		Name:    "usps",
		Title:   "USPS",
		Licence: "none stated",
		Source:  "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass.html#usps",
		Splits:  "official",
		Classes: digits,
		folders: []string{"usps", "USPS"},
		version: 1,
		decode:  uspsDecoder(readUSPS),
		Files: []FileDescription{
			{Name: "usps.bz2", MD5: "ec16c51db3855ca6c91edd34d0e9b197", URLs: []string{uspsAddress + "usps.bz2"}},
			{
				Name:   "usps.t.bz2",
				Bytes:  1_831_726,
				SHA256: "a9c0164e797d60142a50604917f0baa604f326e9a689698763793fa5d12ffc4e",
				URLs:   []string{uspsAddress + "usps.t.bz2"},
			},
		},
	},
	{
		Name:      "usps-esl",
		Title:     "USPS (Elements of Statistical Learning)",
		Licence:   "none stated; package under GPL ≥ 2",
		Source:    "https://github.com/cran/ElemStatLearn",
		Splits:    "official",
		VariantOf: "usps",
		Classes:   digits,
		folders:   []string{"usps-esl", "usps"},
		version:   1,
		decode:    uspsDecoder(readUSPSWorkspace),
		Files: []FileDescription{
			{
				Name:   "zip.train.RData",
				Bytes:  1_358_718,
				SHA256: "68cc11b888f8f199b91500818358855ef352dc7f7cb0f599f4a3323fae4eef8b",
				URLs:   []string{elemAddress + "zip.train.RData"},
			},
			{
				Name:   "zip.test.RData",
				Bytes:  379_863,
				SHA256: "dd652f33aa679d1a71662a0df49b75dac30b616dac1a51c353fd21109301782a",
				URLs:   []string{elemAddress + "zip.test.RData"},
			},
		},
	},
}

// uspsDecoder reads the training file and then the test file, both compressed with bzip2.
func uspsDecoder(read func(io.Reader) (Split, error)) decoder {
	return func(_ context.Context, description Description, files map[string]foundFile) (parts, error) {
		var splits []Split
		for _, file := range description.Files {
			split, err := readBzip2(files[file.Name], read)
			if err != nil {
				return parts{}, fmt.Errorf("%s: %w", files[file.Name].path, err)
			}
			splits = append(splits, split)
		}
		return parts{train: splits[0], test: splits[1]}, nil
	}
}

func readBzip2(file foundFile, read func(io.Reader) (Split, error)) (Split, error) {
	in, err := file.open()
	if err != nil {
		return Split{}, err
	}
	defer in.Close()
	return read(bzip2.NewReader(in))
}

// readUSPS reads LibSVM's file, in which label d + 1 is the digit d.
func readUSPS(in io.Reader) (Split, error) {
	labels, values, err := readLibSVM(in, uspsPixels, uspsMost)
	if err != nil {
		return Split{}, err
	}
	return uspsSplit(len(labels), func(i int) int { return labels[i] - 1 }, func(i, p int) float64 { return values[i*uspsPixels+p] })
}

// readUSPSWorkspace reads R's matrix of a digit and 256 pixels a row.
func readUSPSWorkspace(in io.Reader) (Split, error) {
	const limit = (uspsMost+1)*(uspsPixels+1)*8 + 1<<10
	rows, columns, values, err := readRData(in, limit)
	if err != nil {
		return Split{}, err
	}
	if columns != uspsPixels+1 {
		return Split{}, fmt.Errorf("a matrix of %d columns instead of %d", columns, uspsPixels+1)
	}
	for i, label := range values[:rows] {
		if label != float64(int(label)) {
			return Split{}, fmt.Errorf("label %g of row %d is no digit", label, i)
		}
	}
	return uspsSplit(rows, func(i int) int { return int(values[i]) }, func(i, p int) float64 { return values[(p+1)*rows+i] })
}

// uspsSplit turns values in [−1, 1] into pixels as torchvision does, (v + 1)/2·255 in single precision, cut down.
func uspsSplit(count int, label func(i int) int, value func(i, p int) float64) (Split, error) {
	split := Split{Height: uspsSide, Width: uspsSide, Channels: 1, Images: make([]uint8, count*uspsPixels), Labels: make([]int32, count)}
	for i := range count {
		digit := label(i)
		if digit < 0 || digit > 9 {
			return Split{}, fmt.Errorf("label of image %d stands for %d, which is no digit", i, digit)
		}
		split.Labels[i] = int32(digit)
		for p := range uspsPixels {
			v := float32(value(i, p))
			if !(v >= -1 && v <= 1) {
				return Split{}, fmt.Errorf("pixel %d of image %d is %g, outside −1…1", p, i, v)
			}
			split.Images[i*uspsPixels+p] = uint8((v + 1) / 2 * 255)
		}
	}
	return split, nil
}
