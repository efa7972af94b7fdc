package data

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Description is what is known of a data set before its files are read.
type Description struct {
	Name       string
	Title      string
	Licence    string   // as its authors state it
	Source     string   // page of its authors
	Splits     string   // who made the parts, and how
	VariantOf  string   // name of the data set that it is a changed or partial copy of; then no number is comparable with a paper's
	Classes    []string // the name of label i; nil where images have attributes
	Attributes []string // the name of attribute i; nil where images have classes
	Files      []FileDescription

	folders []string // names of sub-folders in which people keep it
	debian  string   // Debian package that holds it, "" if none
	member  string   // folder of its files in that package
	decode  decoder
	version int // of decode and what it rests on, raised when the same files give other pixels; 0 keeps no prepared copy
}

// decoder turns verified files, by official name, into the parts of a data set.
type decoder func(ctx context.Context, description Description, files map[string]foundFile) (parts, error)

type parts struct{ train, validation, test Split }

// FileDescription describes one official file.
type FileDescription struct {
	Name   string   // as it is kept: without .gz where identity is that of the decompressed content
	Bytes  int64    // 0 if unknown
	SHA256 string   // of the content; "" where nobody has published it
	MD5    string   // of the content, where SHA256 is unknown
	URLs   []string // official addresses, in the order in which they are asked

	form   form
	folder string // of the pictures in an archive, for [pictureTar]
}

// form says what of a file is its content.
type form int

const (
	asPublished form = iota // the file's own bytes
	gunzipped               // the decompressed bytes; read plain or gzip-compressed, published compressed
	pictureTar              // the pictures in an archive, see [normalizeTar]
)

// Checksum is the published digest that identifies the content: a SHA-256, or "md5:" and an MD5 where nothing else is known.
func (f FileDescription) Checksum() string {
	if f.SHA256 == "" {
		return "md5:" + f.MD5
	}
	return f.SHA256
}

var catalog = func() map[string]Description {
	all := map[string]Description{}
	for _, description := range slices.Concat(idxDatasets, cifarDatasets, svhnDatasets, uspsDatasets, celebaDatasets, malariaDatasets) {
		all[description.Name] = description
	}
	return all
}()

var digits = []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}

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

// knownContent says whether a SHA-256 belongs to a file of any data set here.
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
