package data

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
)

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

// normalizeTar makes the one archive that stands for the pictures (.jpg and .png) in a folder of a tar archive, whoever has
// packed them: names from the folder on, sorted; mode 0644; no owner and no time; as
//
//	find FOLDER -type f | LC_ALL=C sort | tar --format=ustar --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=0644 -b 1 -T - -cf OUT
//
// writes it. The folder may lie at the archive's root or in one other folder, as GitHub's archives have it. Archives that
// hold more than about limit bytes are an error.
func normalizeTar(in io.Reader, folder string, limit int64) (io.Reader, error) {
	pictures, err := readTar(in, func(name string) (string, bool) {
		at := strings.Split(path.Clean(name), "/")
		start := slices.Index(at[:min(2, len(at))], folder)
		ending := strings.ToLower(path.Ext(name))
		if start < 0 || ending != ".jpg" && ending != ".png" || slices.Contains(at, "..") {
			return "", false
		}
		return path.Join(at[start:]...), true
	}, limit)
	if err != nil {
		return nil, err
	}
	if len(pictures) == 0 {
		return nil, fmt.Errorf("no pictures in a folder %s of the archive", folder)
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(pictures)) {
		header := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(pictures[name])), Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(pictures[name]); err != nil {
			return nil, err
		}
	}
	return &out, w.Close()
}

// readTar reads the regular files of a tar archive whose names choose accepts, under the names that it gives them. More than
// limit bytes in all are an error.
func readTar(in io.Reader, choose func(name string) (as string, ok bool), limit int64) (map[string][]byte, error) {
	files := map[string][]byte{}
	archive := tar.NewReader(in)
	for {
		header, err := archive.Next()
		switch {
		case err == io.EOF:
			return files, nil
		case errors.Is(err, tar.ErrHeader):
			return nil, errors.New("no tar archive, or a damaged one")
		case err != nil:
			return nil, cutShort(err)
		}
		name, ok := choose(header.Name)
		if !ok || header.Typeflag != tar.TypeReg {
			continue
		}
		if limit -= header.Size; limit < 0 {
			return nil, errors.New("the archive holds more than its files can")
		}
		var file bytes.Buffer
		if _, err := file.ReadFrom(archive); err != nil {
			return nil, cutShort(err)
		}
		files[name] = file.Bytes()
	}
}

// cutShort says in words what an early end means.
func cutShort(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the file is cut short")
	}
	return err
}
