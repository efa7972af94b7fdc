package data

import (
	"archive/zip"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
)

const celebaSide = 64

var celebaAttributes = strings.Fields(`5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose
	Black_Hair Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair Heavy_Makeup
	High_Cheekbones Male Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose Receding_Hairline
	Rosy_Cheeks Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace
	Wearing_Necktie Young`)

var celebaDatasets = []Description{{
	Name:       "celeba",
	Title:      "CelebA (aligned, 64×64)",
	Licence:    "non-commercial research, no copies passed on",
	Source:     "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
	Splits:     "official, with a validation part",
	Attributes: celebaAttributes,
	folders:    []string{"celeba", "CelebA"},
	version:    1,
	decode:     decodeCelebA,
	Files: []FileDescription{
		{
			Name:   "img_align_celeba.zip",
			Bytes:  1_443_490_838,
			SHA256: "46fb89443c578308acf364d7d379fe1b9efb793042c0af734b6112e4fd3a8c74",
			URLs:   celebaAddresses("0B7EVK8r0v71pZjFTYXZWM3FlRnM"),
		},
		{
			Name:   "list_attr_celeba.txt",
			Bytes:  26_721_026,
			SHA256: "f0e5da289d5ccf75ffe8811132694922b60f2af59256ed362afa03fefba324d0",
			URLs:   celebaAddresses("0B7EVK8r0v71pblRyaVFSWGxPY0U"),
		},
		{
			Name:   "list_eval_partition.txt",
			Bytes:  2_836_386,
			SHA256: "fc955bcb3ef8fbdf7d5640d9a8693a8431b5f2ee291a5c1449a1549e7e073fe7",
			URLs:   celebaAddresses("0B7EVK8r0v71pY0NSMzRuSXJEVkk"),
		},
	},
}}

// celebaAddresses are those of a file on the authors' drive. For large files the first delivers a page that asks to go on.
func celebaAddresses(id string) []string {
	return []string{
		"https://drive.google.com/uc?export=download&id=" + id,
		"https://drive.usercontent.google.com/download?export=download&confirm=t&id=" + id,
	}
}

// decodeCelebA reads img_align_celeba/NAME.jpg, resized and cut as the joint diffusion authors do. They also mirror images at
// random, once; mirroring is left to training.
func decodeCelebA(ctx context.Context, description Description, files map[string]foundFile) (parts, error) {
	archive, lists := files[description.Files[0].Name], description.Files[1:]
	names, attributes, err := readList(files[lists[0].Name], func(in io.Reader) ([]string, []uint8, error) {
		return readAttributes(in, description.Attributes)
	})
	if err != nil {
		return parts{}, err
	}
	partNames, partOf, err := readList(files[lists[1].Name], readPartition)
	if err != nil {
		return parts{}, err
	}
	if !slices.Equal(names, partNames) {
		return parts{}, fmt.Errorf("%s and %s do not list the same images", files[lists[0].Name].path, files[lists[1].Name].path)
	}
	pictures, err := openZip(archive.path)
	if err != nil {
		return parts{}, fmt.Errorf("%s: %w", archive.path, err)
	}
	defer pictures.Close()
	members := map[string]*zip.File{}
	for _, member := range pictures.File {
		members[path.Base(member.Name)] = member
	}
	var splits [3]Split
	count := len(description.Attributes)
	for part := range splits {
		var list []labelledPicture
		var present []uint8
		for i, name := range names {
			if int(partOf[i]) != part {
				continue
			}
			member, have := members[name]
			if !have {
				return parts{}, fmt.Errorf("%s: no %s in the archive", archive.path, name)
			}
			list = append(list, labelledPicture{name: name, read: func() ([]byte, error) { return readMember(member) }})
			present = append(present, attributes[i*count:(i+1)*count]...)
		}
		if len(list) == 0 {
			return parts{}, fmt.Errorf("%s: no image of part %d", files[lists[1].Name].path, part)
		}
		split, err := decodePictures(ctx, list, celebaSide, celebaSide, smallerSideTo(celebaSide))
		if err != nil {
			return parts{}, fmt.Errorf("%s: %w", archive.path, err)
		}
		split.Labels, split.Attributes, split.AttributeCount = nil, present, count
		splits[part] = split
	}
	return parts{train: splits[0], validation: splits[1], test: splits[2]}, nil
}

// readList reads one of the lists and names its file in errors.
func readList(file foundFile, read func(io.Reader) ([]string, []uint8, error)) ([]string, []uint8, error) {
	in, err := file.open()
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	names, values, err := read(in)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file.path, err)
	}
	return names, values, nil
}

// readAttributes reads a line with the number of images, one with the attributes' names, and for each image its name and 1 or
// −1 for every attribute. The values are 1 and 0, row by row.
func readAttributes(in io.Reader, want []string) (names []string, values []uint8, err error) {
	lines := bufio.NewScanner(in)
	lines.Scan() // the line of an empty file is empty
	count, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
	if err != nil || count < 1 {
		return nil, nil, fmt.Errorf("the first line is %.40q instead of the number of images", lines.Text())
	}
	if !lines.Scan() || !slices.Equal(strings.Fields(lines.Text()), want) {
		return nil, nil, fmt.Errorf("the second line is not the names of the %d attributes", len(want))
	}
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) != len(want)+1 {
			return nil, nil, fmt.Errorf("line %d has %d fields instead of a name and %d attributes", len(names)+3, len(fields), len(want))
		}
		names = append(names, fields[0])
		for _, field := range fields[1:] {
			switch field {
			case "1":
				values = append(values, 1)
			case "-1":
				values = append(values, 0)
			default:
				return nil, nil, fmt.Errorf("line %d has an attribute %.40q; they are 1 or -1", len(names)+2, field)
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, nil, err
	}
	if len(names) != count {
		return nil, nil, fmt.Errorf("%d images are announced, but %d follow", count, len(names))
	}
	return names, values, nil
}

// readPartition reads lines of a name and 0 (training), 1 (validation) or 2 (test).
func readPartition(in io.Reader) (names []string, partOf []uint8, err error) {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) != 2 || len(fields[1]) != 1 || fields[1] < "0" || fields[1] > "2" {
			return nil, nil, fmt.Errorf("line %d is %.60q instead of a name and 0, 1 or 2", len(names)+1, lines.Text())
		}
		names = append(names, fields[0])
		partOf = append(partOf, fields[1][0]-'0')
	}
	if err := lines.Err(); err != nil {
		return nil, nil, err
	}
	if len(names) == 0 {
		return nil, nil, errors.New("no lines")
	}
	return names, partOf, nil
}
