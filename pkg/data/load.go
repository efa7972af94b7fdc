package data

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"noisebook/pkg/fetch"
)

// Options of [Load] and [Fetch]. The zero value fetches what is missing, silently.
type Options struct {
	Offline  bool           // missing files are an error instead of a download
	Progress fetch.Progress // told of downloads; may be nil
}

// Load returns a data set. Its files are looked for, by content, in the folders of NOISEBOOK_DATA (each folder itself, and
// sub-folders such as "fashion-mnist" or "FashionMNIST/raw"), in the cache and in /usr/share/datasets; what is missing is
// fetched into the cache, from the official addresses or else from Debian's package. Decoded images that took long to make
// are kept in the cache.
//
// Errors are one line: an unknown name, a damaged file with what to do, or all that was tried to fetch a file.
func Load(ctx context.Context, name string, options Options) (*Dataset, error) {
	description, err := Describe(name)
	if err != nil {
		return nil, err
	}
	return load(ctx, description, options)
}

func load(ctx context.Context, description Description, options Options) (*Dataset, error) {
	files, err := provide(ctx, description, options)
	if err != nil {
		return nil, err
	}
	made, err := decodeOnce(ctx, description, files)
	if err != nil {
		return nil, err
	}
	dataset := &Dataset{
		Name:       description.Name,
		Title:      description.Title,
		VariantOf:  description.VariantOf,
		Classes:    description.Classes,
		Attributes: description.Attributes,
		Train:      made.train,
		Validation: made.validation,
		Test:       made.test,
		Checksums:  map[string]string{},
		Paths:      map[string]string{},
	}
	for name, file := range files {
		dataset.Checksums[name] = file.sha256
		dataset.Paths[name] = file.path
	}
	return dataset, nil
}

// Locate looks for a data set without fetching anything. It returns the paths of the verified files and the names of the
// missing ones.
func Locate(name string) (paths map[string]string, missing []string, err error) {
	description, err := Describe(name)
	if err != nil {
		return nil, nil, err
	}
	found, err := findFiles(description)
	if err != nil {
		return nil, nil, err
	}
	paths = map[string]string{}
	for _, file := range description.Files {
		if have, ok := found[file.Name]; ok {
			paths[file.Name] = have.path
		} else {
			missing = append(missing, file.Name)
		}
	}
	return paths, missing, nil
}

// provide returns all files of a data set, fetching those that are not on this machine.
func provide(ctx context.Context, description Description, options Options) (map[string]foundFile, error) {
	found, err := findFiles(description)
	if err != nil {
		return nil, err
	}
	cache, err := cacheFolder(description.Name)
	if err != nil {
		return nil, err
	}
	debian := &debianPackage{name: description.debian}
	defer debian.remove()
	downloads := &sharedDownloads{}
	defer downloads.remove()
	for _, file := range description.Files {
		if _, have := found[file.Name]; have {
			continue
		}
		if options.Offline {
			return nil, fmt.Errorf("%s is not on this machine (no %s); run: bin/noisebook data get %s", description.Title, file.Name,
				description.Name)
		}
		target := filepath.Join(cache, file.Name)
		err := fetch.Get(ctx, target, fetch.File{
			Name:    description.Title + " " + file.Name,
			SHA256:  file.SHA256,
			MD5:     file.MD5,
			Sources: sources(description, file, debian, downloads),
			Decode:  file.decodeDownload,
			ByHand:  byHand(file, target),
		}, fetch.Options{Progress: options.Progress})
		if err != nil {
			return nil, err
		}
		content, err := readContent(target, file, description.longest(file.form))
		if err != nil {
			return nil, err
		}
		found[file.Name] = foundFile{target, content.bytes, content.sha256}
	}
	return found, nil
}

func byHand(file FileDescription, target string) string {
	switch file.form {
	case gunzipped:
		return fmt.Sprintf("to supply it by hand, put %s or %[1]s.gz into a folder and name the folder in %s, or put the "+
			"decompressed file at %s", file.Name, foldersVariable, target)
	case pictureTar:
		return fmt.Sprintf("to supply it by hand, pack its folder %s as %s, put that into a folder and name the folder in %s",
			file.folder, file.Name, foldersVariable)
	}
	return fmt.Sprintf("to supply it by hand, put %s into a folder and name the folder in %s, or put it at %s", file.Name,
		foldersVariable, target)
}

// sources are the official addresses and then the Debian package; a package that is already here comes first, so that
// unreachable addresses are waited for once only.
func sources(description Description, file FileDescription, debian *debianPackage, downloads *sharedDownloads) []fetch.Source {
	var list []fetch.Source
	for _, address := range file.URLs {
		if file.form == pictureTar {
			list = append(list, sharedURL{fetch.URL(address), downloads})
		} else {
			list = append(list, fetch.URL(address))
		}
	}
	if debian.name == "" {
		return list
	}
	member := debianMember{debian, strings.TrimSuffix(description.member, "/") + "/" + file.Name + ".gz"}
	if debian.unpacked() {
		return append([]fetch.Source{member}, list...)
	}
	return append(list, member)
}

// open opens a verified file that is read from its place.
func (f foundFile) open() (*os.File, error) {
	in, err := os.Open(f.path)
	if err != nil {
		return nil, fmt.Errorf("reading a file that was here a moment ago: %w", err)
	}
	return in, nil
}
