package data

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
)

func openZip(path string) (*zip.ReadCloser, error) {
	archive, err := zip.OpenReader(path)
	if errors.Is(err, zip.ErrFormat) {
		return nil, errors.New("no zip archive, or one that is cut short")
	}
	return archive, err
}

// readMember reads a picture's file; a header may claim any size.
func readMember(member *zip.File) ([]byte, error) {
	const limit = 1 << 24
	in, err := member.Open()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var content bytes.Buffer
	if _, err := content.ReadFrom(io.LimitReader(in, limit+1)); err != nil {
		return nil, err
	}
	if content.Len() > limit {
		return nil, fmt.Errorf("longer than %d bytes", limit)
	}
	return content.Bytes(), nil
}
