//go:build !linux || !(amd64 || arm64)

package engine

// interpose does nothing where plugins are not loaded by dlopen.
func interpose(string) {}

func watch(compile func() error) (loaded bool, err error) { return false, compile() }
