package data

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strings"
)

const (
	malariaSide = 64
	// The authors of the joint diffusion model tested on their training images, so that the parts are ours.
	malariaTestShare = 0.2
	malariaSeed      = 1
	malariaSplits    = "ours, for there are none: one image in five of each class for the test, drawn with seed 1; cells of one blood slide may lie in both parts"

	malariaNames = "https://raw.githubusercontent.com/moha-mame/Malaria-Detection-with-Convolution-Neural-Networks/84fc5f5672980b5322bd83b13c475ab8bcf2df74/"
)

var malariaClasses = []string{"uninfected", "parasitized"} // labels as in the authors' code

var malariaDatasets = []Description{
	{
		Name:    "malaria",
		Title:   "Malaria cells",
		Licence: "none stated",
		Source:  "https://lhncbc.nlm.nih.gov/LHC-downloads/downloads.html#malaria-datasets",
		Splits:  malariaSplits,
		Classes: malariaClasses,
		folders: []string{"malaria"},
		version: 1,
		decode:  decodeMalaria,
		Files: []FileDescription{{
			Name:   "cell_images.zip",
			Bytes:  353_452_851,
			SHA256: "0a949556b2414159b5100192609805376654c4266d8d187be9b1922fad43c668",
			URLs:   []string{"https://data.lhncbc.nlm.nih.gov/public/Malaria/cell_images.zip"},
		}},
	},
	{
		Name:      "malaria200",
		Title:     "Malaria cells, 200 of them",
		Licence:   "none stated; repository under MIT",
		Source:    "https://github.com/HakinCodes/Malaria-Detection",
		Splits:    malariaSplits,
		VariantOf: "malaria",
		Classes:   malariaClasses,
		folders:   []string{"malaria200"},
		version:   1,
		decode:    decodeMalaria200,
		Files: []FileDescription{
			{
				Name:   "malaria200.tar",
				Bytes:  2_435_072,
				SHA256: "30e341ab61b34aaaf2438036d313606bd93b48d24acdb89e6728f918f0ab398b",
				URLs:   []string{"https://github.com/HakinCodes/Malaria-Detection/archive/2cfe91148d7f6124c909e5ef04b4c6641015da30.tar.gz"},
				form:   pictureTar,
				folder: "holdout_dataset",
			},
			{
				Name:   "patientid_cellmapping_uninfected.csv",
				Bytes:  667_059,
				SHA256: "a8577b21e7154724f4bbd18326218e2c63a99b22ab372b79a7530d36df6dab78",
				URLs:   []string{malariaNames + "patientid_cellmapping_uninfected.csv"},
			},
			{
				Name:   "patientid_cellmapping_parasitized.csv",
				Bytes:  761_124,
				SHA256: "d0367e513397404e980baee2a641bce9ce329a22e62ea9007962dfca2f8418d3",
				URLs:   []string{malariaNames + "patientid_cellmapping_parasitized.csv"},
			},
		},
	},
}

// decodeMalaria reads cell_images/{Uninfected,Parasitized}/*.png.
func decodeMalaria(ctx context.Context, description Description, files map[string]foundFile) (parts, error) {
	file := files[description.Files[0].Name]
	archive, err := openZip(file.path)
	if err != nil {
		return parts{}, fmt.Errorf("%s: %w", file.path, err)
	}
	defer archive.Close()
	var pictures []labelledPicture
	for _, member := range archive.File {
		class := slices.Index(malariaClasses, strings.ToLower(path.Base(path.Dir(member.Name))))
		if class >= 0 && path.Ext(member.Name) == ".png" { // a Thumbs.db lies beside them
			pictures = append(pictures, labelledPicture{member.Name, int32(class), func() ([]byte, error) { return readMember(member) }})
		}
	}
	return malariaParts(ctx, pictures, file.path)
}

// decodeMalaria200 reads pictures whose classes stand in the lists of names.
func decodeMalaria200(ctx context.Context, description Description, files map[string]foundFile) (parts, error) {
	classes := map[string]int{}
	for class, list := range description.Files[1:] {
		if err := addCellNames(files[list.Name], class, classes); err != nil {
			return parts{}, fmt.Errorf("%s: %w", files[list.Name].path, err)
		}
	}
	archive := files[description.Files[0].Name]
	pictures, err := tarPictures(archive.content, func(name string) (int, error) {
		class, known := classes[path.Base(name)]
		if !known {
			return 0, fmt.Errorf("%q is in no list of cells", name)
		}
		return class, nil
	})
	if err != nil {
		return parts{}, fmt.Errorf("%s: %w", archive.path, err)
	}
	return malariaParts(ctx, pictures, archive.path)
}

func addCellNames(file foundFile, class int, classes map[string]int) error {
	in, err := file.open()
	if err != nil {
		return err
	}
	defer in.Close()
	names, err := readCellNames(in)
	if err != nil {
		return err
	}
	for _, name := range names {
		if other, have := classes[name]; have && other != class {
			return fmt.Errorf("%q is in the lists of both classes", name)
		}
		classes[name] = class
	}
	return nil
}

// readCellNames reads lines "SLIDE,['name.png', 'name.png', …]" and returns the names of all slides.
func readCellNames(in io.Reader) ([]string, error) {
	table := csv.NewReader(in)
	table.FieldsPerRecord, table.LazyQuotes = -1, true
	var names []string
	for {
		row, err := table.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		list := strings.TrimRight(strings.Join(row[1:], ","), ", ") // some editors end rows with commas
		if !strings.HasPrefix(list, "[") || !strings.HasSuffix(list, "]") || len(list) < 2 {
			return nil, fmt.Errorf("slide %.40q has no list of names in brackets", row[0])
		}
		for name := range strings.SplitSeq(list[1:len(list)-1], ",") {
			if name = strings.Trim(name, " '"); name != "" {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return nil, errors.New("no names")
	}
	return names, nil
}

// malariaParts decodes cells, ordered so that the classes alternate, and divides them.
func malariaParts(ctx context.Context, pictures []labelledPicture, path string) (parts, error) {
	alternate(pictures)
	all, err := decodePictures(ctx, pictures, malariaSide, malariaSide, halveThenCubic(malariaSide))
	if err != nil {
		return parts{}, fmt.Errorf("%s: %w", path, err)
	}
	if counts := all.ClassCounts(len(malariaClasses)); slices.Min(counts) < 2 {
		return parts{}, fmt.Errorf("%s: %d uninfected and %d parasitized cells are too few to divide", path, counts[0], counts[1])
	}
	count := max(1, int(math.Round(malariaTestShare*float64(all.Len()))))
	train, test := divide(all.Labels, count, malariaSeed, testStream)
	return parts{train: all.Subset(train), test: all.Subset(test)}, nil
}

// alternate orders pictures by their rank among the names of their class and then by class, so that the first n are of all
// classes alike.
func alternate(pictures []labelledPicture) {
	slices.SortFunc(pictures, func(a, b labelledPicture) int { return cmp.Compare(a.name, b.name) })
	rank, seen := make(map[string]int, len(pictures)), map[int32]int{}
	for _, p := range pictures {
		rank[p.name] = seen[p.label]
		seen[p.label]++
	}
	slices.SortStableFunc(pictures, func(a, b labelledPicture) int {
		return cmp.Or(cmp.Compare(rank[a.name], rank[b.name]), cmp.Compare(a.label, b.label))
	})
}
