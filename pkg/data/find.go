package data

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
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
	content []byte // decompressed
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
		official := describes(description, strings.TrimSuffix(entry.Name(), ".gz"))
		if !official && !plausible(path, info.Size(), description) {
			continue
		}
		content, digest, err := readContent(path, largestFile(description))
		if err == nil {
			matched := false
			for _, file := range description.Files {
				if file.SHA256 == digest {
					matched = true
					if _, have := found[file.Name]; !have {
						found[file.Name] = foundFile{path, content}
					}
				}
			}
			if matched || knownContent(digest) {
				continue
			}
			if _, err = decodeIDX(content); err == nil {
				err = fmt.Errorf("it is another data set: sha256 of the decompressed content is %s", digest)
			}
		}
		if official && strict {
			return fmt.Errorf("%s is not %s's file of that name: %w; replace it, or take its folder out of %s", path,
				description.Title, err, foldersVariable)
		}
	}
	return nil
}

func describes(description Description, name string) bool {
	for _, file := range description.Files {
		if file.Name == name {
			return true
		}
	}
	return false
}

func largestFile(description Description) (largest int64) {
	for _, file := range description.Files {
		largest = max(largest, file.Bytes)
	}
	return largest
}

// plausible says from its size whether a file under a foreign name may be one of the description's: a plain file by its
// length, a gzip file by the length that its last four bytes give.
func plausible(path string, size int64, description Description) bool {
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
	for _, file := range description.Files {
		if file.Bytes == size {
			return true
		}
	}
	return false
}

// readContent reads a plain or gzip-compressed file and returns its decompressed content with the digest of it. Content
// longer than limit bytes is an error.
func readContent(path string, limit int64) (content []byte, digest string, err error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, "", err
	}
	defer in.Close()
	plain, err := gunzip(in)
	if err != nil {
		return nil, "", err
	}
	var buffer bytes.Buffer
	if _, err := buffer.ReadFrom(io.LimitReader(plain, limit+1)); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("the compressed data are cut short")
		}
		return nil, "", err
	}
	if int64(buffer.Len()) > limit {
		return nil, "", fmt.Errorf("longer than the %d bytes of the longest file", limit)
	}
	sum := sha256.Sum256(buffer.Bytes())
	return buffer.Bytes(), hex.EncodeToString(sum[:]), nil
}

// gunzip decompresses gzip data and passes other data on unchanged.
func gunzip(in io.Reader) (io.Reader, error) {
	buffered := bufio.NewReaderSize(in, 1<<16)
	magic, err := buffered.Peek(2)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if !isGzip(magic) {
		return buffered, nil
	}
	return gzip.NewReader(buffered)
}

func isGzip(start []byte) bool { return len(start) >= 2 && start[0] == 0x1f && start[1] == 0x8b }
