//go:build linux || darwin

package setup

import "golang.org/x/sys/unix"

// freeSpace is how many bytes the user may still write to the file system of folder.
func freeSpace(folder string) (uint64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(folder, &stat); err != nil {
		return 0, err
	}
	return uint64(stat.Bavail) * uint64(stat.Bsize), nil
}
