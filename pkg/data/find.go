package data

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"noisebook/pkg/fetch"
)

// foldersVariable is a path list of folders that hold data sets.
const foldersVariable = "NOISEBOOK_DATA"

// systemFolder is where Debian's data set packages install.
const systemFolder = "/usr/share/datasets"

// foundFile is a file whose content is verified.
type foundFile struct {
	path    string
	content []byte // of gunzipped files and picture archives; others are read from path
	sha256  string // of the content
}

// findFiles looks for a data set's files, by content and not by name, in the folders of NOISEBOOK_DATA, in the cache and
// among the system's data sets. The result is by official name and may be incomplete.
//
// A damaged file under an official name in a folder of NOISEBOOK_DATA is an error: the user means that file. A damaged
// one in the cache is passed over, because fetching replaces it.
func findFiles(description Description) (map[string]foundFile, error) {
	found := map[string]foundFile{}
	for _, folder := range filepath.SplitList(os.Getenv(foldersVariable)) {
		if folder == "" {
			continue
		}
		if info, err := os.Stat(folder); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("%s names %s, which is no folder; correct or unset it", foldersVariable, folder)
		}
		for _, name := range description.folders {
			if err := scanFolder(filepath.Join(folder, filepath.FromSlash(name)), description, found, true); err != nil {
				return nil, err
			}
		}
		if err := scanFolder(folder, description, found, true); err != nil {
			return nil, err
		}
	}
	cache, err := cacheFolder(description.Name)
	if err != nil {
		return nil, err
	}
	for _, folder := range []string{cache, filepath.Join(systemFolder, description.Name)} {
		if err := scanFolder(folder, description, found, false); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func cacheFolder(name string) (string, error) {
	cache, err := fetch.CacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "data", name), nil
}

// scanFolder adds to found the files of the description that lie in folder and are still missing. If strict, a damaged
// file under an official name is an error.
func scanFolder(folder string, description Description, found map[string]foundFile, strict bool) error {
	if len(found) == len(description.Files) {
		return nil
	}
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for %s: %w", description.Title, err)
	}
	for _, entry := range entries {
		path := filepath.Join(folder, entry.Name())
		info, err := os.Stat(path) // follows links
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		if err := identify(path, info.Size(), description, found); err != nil && strict {
			return fmt.Errorf("%s is not %s's file of that name: %w; replace it, or take its folder out of %s", path,
				description.Title, err, foldersVariable)
		}
	}
	return nil
}

// identify adds a file to found under the names of the description's files whose content it has. The error says why a
// file under an official name has the content of no known file.
func identify(path string, size int64, description Description, found map[string]foundFile) error {
	type reading struct {
		form   form
		folder string
	}
	read := map[reading]func() (content, error){}
	matched := false
	var complaint error
	for _, file := range description.Files {
		named := file.isNamed(filepath.Base(path))
		if !named && !file.plausible(path, size) {
			continue
		}
		key := reading{file.form, file.folder}
		if read[key] == nil {
			c, err := readContent(path, file, description.longest(file.form))
			read[key] = func() (content, error) { return c, err }
		}
		c, err := read[key]()
		switch {
		case err == nil && c.is(file):
			matched = true
			if _, have := found[file.Name]; !have {
				found[file.Name] = foundFile{path, c.bytes, c.sha256}
			}
		case !named || err == nil && knownContent(c.sha256):
		case err != nil:
			complaint = err
		default:
			complaint = c.unlike(file, size)
		}
	}
	if matched {
		return nil
	}
	return complaint
}

// isNamed says whether a file's name is the official one.
func (f FileDescription) isNamed(name string) bool {
	if f.form != asPublished {
		name = strings.TrimSuffix(name, ".gz")
	}
	return name == f.Name
}

// longest is the length of the longest file of a form.
func (d Description) longest(form form) (longest int64) {
	for _, file := range d.Files {
		if file.form == form {
			longest = max(longest, file.Bytes)
		}
	}
	return longest
}

// plausible says from its size whether a file under a foreign name may be this one: a plain file by its length, a gzip file
// by the length that its last four bytes give, a picture archive roughly, for archives of the same pictures differ in padding.
func (f FileDescription) plausible(path string, size int64) bool {
	switch f.form {
	case asPublished:
		return f.Bytes == size && size > 0
	case pictureTar:
		return filepath.Ext(path) == ".tar" && size > f.Bytes*9/10 && size < f.Bytes*11/10
	}
	if size < 18 { // the shortest gzip file
		return false
	}
	in, err := os.Open(path)
	if err != nil {
		return false
	}
	defer in.Close()
	var magic [2]byte
	var length [4]byte
	if _, err := in.ReadAt(magic[:], 0); err != nil {
		return false
	}
	if _, err := in.ReadAt(length[:], size-4); err != nil {
		return false
	}
	if isGzip(magic[:]) {
		size = int64(binary.LittleEndian.Uint32(length[:]))
	}
	return f.Bytes == size
}

// content is what a file holds, with its digests.
type content struct {
	bytes       []byte // nil for what is read from its place
	sha256, md5 string // the MD5 only where it is needed
}

func (c content) is(file FileDescription) bool {
	if file.SHA256 == "" {
		return c.md5 == file.MD5
	}
	return c.sha256 == file.SHA256
}

// unlike says how a file under an official name differs from what is published under it.
func (c content) unlike(file FileDescription, size int64) error {
	switch {
	case file.form == gunzipped:
		if _, err := decodeIDX(c.bytes); err != nil {
			return err
		}
		return fmt.Errorf("it is another data set: sha256 of the decompressed content is %s", c.sha256)
	case file.form == asPublished && file.Bytes > 0 && size != file.Bytes:
		return fmt.Errorf("it has %d bytes instead of %d", size, file.Bytes)
	case file.SHA256 == "":
		return fmt.Errorf("it has other content: md5 %s instead of %s", c.md5, file.MD5)
	}
	return fmt.Errorf("it has other content: sha256 %s instead of %s", c.sha256, file.SHA256)
}

// readContent reads what a file of the form of file holds. Decompressed content longer than limit bytes is an error.
func readContent(path string, file FileDescription, limit int64) (content, error) {
	in, err := os.Open(path)
	if err != nil {
		return content{}, err
	}
	defer in.Close()
	if file.form == asPublished {
		sum, old := sha256.New(), hash.Hash(nil)
		var into io.Writer = sum
		if file.SHA256 == "" {
			old = md5.New()
			into = io.MultiWriter(sum, old)
		}
		if _, err := io.Copy(into, in); err != nil {
			return content{}, err
		}
		c := content{sha256: hex.EncodeToString(sum.Sum(nil))}
		if old != nil {
			c.md5 = hex.EncodeToString(old.Sum(nil))
		}
		return c, nil
	}
	plain, err := file.decodeDownload(in)
	if err != nil {
		return content{}, err
	}
	var buffer bytes.Buffer
	if _, err := buffer.ReadFrom(io.LimitReader(plain, limit+1)); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("the compressed data are cut short")
		}
		return content{}, err
	}
	if int64(buffer.Len()) > limit {
		return content{}, fmt.Errorf("longer than the %d bytes of the longest file", limit)
	}
	sum := sha256.Sum256(buffer.Bytes())
	return content{bytes: buffer.Bytes(), sha256: hex.EncodeToString(sum[:])}, nil
}

// decodeDownload turns what is published into the content.
func (f FileDescription) decodeDownload(in io.Reader) (io.Reader, error) {
	switch f.form {
	case gunzipped:
		return gunzip(in)
	case pictureTar:
		plain, err := gunzip(in)
		if err != nil {
			return nil, err
		}
		return normalizeTar(plain, f.folder, f.Bytes)
	}
	return in, nil
}
