//go:build !linux

package engine

// allocated is how many bytes of the C heap are in use, 0 where that is not known.
func allocated() int64 { return 0 }

// trim gives unused pages of the C heap back to the system where it can.
func trim() {}
