package data

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Description is what is known of a data set before its files are read.
type Description struct {
	Name    string
	Title   string
	Licence string
	Classes []string
	Files   []FileDescription // train images, train labels, test images, test labels

	folders []string // names of sub-folders in which people keep it
	debian  string   // Debian package that holds it, "" if none
	member  string   // folder of its files in that package
}

// FileDescription describes one official file.
type FileDescription struct {
	Name   string   // without .gz
	Bytes  int64    // decompressed
	SHA256 string   // of the decompressed content
	URLs   []string // official addresses of the gzip-compressed file, in the order in which they are asked
}

var catalog = map[string]Description{
	"fashion-mnist": {
		Name:    "fashion-mnist",
		Title:   "Fashion-MNIST",
		Licence: "MIT",
		Classes: []string{"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"},
		folders: []string{"fashion-mnist", "FashionMNIST/raw", "FashionMNIST"},
		debian:  "dataset-fashion-mnist",
		member:  "usr/share/datasets/fashion-mnist",
		Files: idxFiles(
			[]string{"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"},
			"c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
			"bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
			"5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
			"0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
	},
	"mnist": {
		Name:    "mnist",
		Title:   "MNIST",
		Licence: "CC BY-SA 3.0",
		Classes: []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
		folders: []string{"mnist", "MNIST/raw", "MNIST"},
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
		files[i].SHA256 = digests[i]
		for _, address := range addresses {
			files[i].URLs = append(files[i].URLs, address+files[i].Name+".gz")
		}
	}
	return files
}

// Names are the names of all data sets, sorted.
func Names() []string { return slices.Sorted(maps.Keys(catalog)) }

// Describe returns what is known of a data set. The error of an unknown name lists the known ones.
func Describe(name string) (Description, error) {
	description, ok := catalog[name]
	if !ok {
		return Description{}, fmt.Errorf("unknown data set %q; known are %s", name, strings.Join(Names(), ", "))
	}
	return description, nil
}

// knownContent says whether a digest belongs to a file of any data set here.
func knownContent(digest string) bool {
	for _, description := range catalog {
		for _, file := range description.Files {
			if file.SHA256 == digest {
				return true
			}
		}
	}
	return false
}
