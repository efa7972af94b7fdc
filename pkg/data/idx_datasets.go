package data

import (
	"context"
	"fmt"
)

var idxDatasets = []Description{
	{
		Name:    "fashion-mnist",
		Title:   "Fashion-MNIST",
		Licence: "MIT",
		Source:  "https://github.com/zalandoresearch/fashion-mnist",
		Splits:  "official",
		Classes: []string{"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"},
		folders: []string{"fashion-mnist", "FashionMNIST/raw", "FashionMNIST"},
		debian:  "dataset-fashion-mnist",
		member:  "usr/share/datasets/fashion-mnist",
		decode:  decodeIDXFiles,
		Files: idxFiles(
			[]string{"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"},
			"c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
			"bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
			"5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
			"0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
	},
	{
		Name:    "mnist",
		Title:   "MNIST",
		Licence: "CC BY-SA 3.0",
		Source:  "http://yann.lecun.com/exdb/mnist/",
		Splits:  "official",
		Classes: digits,
		folders: []string{"mnist", "MNIST/raw", "MNIST"},
		decode:  decodeIDXFiles,
		Files: idxFiles(
			[]string{"https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"},
			"ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
			"65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
			"0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
			"ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
	},
}

// idxFiles describes the four files of a data set in MNIST's form, 60,000 + 10,000 images of 28×28.
func idxFiles(addresses []string, digests ...string) []FileDescription {
	files := []FileDescription{
		{Name: "train-images-idx3-ubyte", Bytes: 47_040_016},
		{Name: "train-labels-idx1-ubyte", Bytes: 60_008},
		{Name: "t10k-images-idx3-ubyte", Bytes: 7_840_016},
		{Name: "t10k-labels-idx1-ubyte", Bytes: 10_008},
	}
	for i := range files {
		files[i].SHA256, files[i].form = digests[i], gunzipped
		for _, address := range addresses {
			files[i].URLs = append(files[i].URLs, address+files[i].Name+".gz")
		}
	}
	return files
}

// decodeIDXFiles decodes training images, training labels, test images and test labels, in the order of the description.
func decodeIDXFiles(_ context.Context, description Description, files map[string]foundFile) (parts, error) {
	var arrays []idxArray
	for _, file := range description.Files {
		array, err := decodeIDX(files[file.Name].content)
		if err != nil {
			return parts{}, fmt.Errorf("%s: %w", files[file.Name].path, err)
		}
		arrays = append(arrays, array)
	}
	train, err := newSplit(arrays[0], arrays[1], len(description.Classes))
	if err != nil {
		return parts{}, fmt.Errorf("training part of %s: %w", description.Title, err)
	}
	test, err := newSplit(arrays[2], arrays[3], len(description.Classes))
	if err != nil {
		return parts{}, fmt.Errorf("test part of %s: %w", description.Title, err)
	}
	return parts{train: train, test: test}, nil
}
