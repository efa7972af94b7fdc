package engine

import (
	"os"
	"strconv"
	"strings"
)

// PeakMemory is the largest resident size of this process so far in bytes, 0
// where the system does not tell.
func PeakMemory() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				return 0
			}
			return kib << 10
		}
	}
	return 0
}

// ForgetPeakMemory makes [PeakMemory] count from now on, where the system can: a
// compiler takes more than what it compiles.
func ForgetPeakMemory() {
	const peak = "5" // see proc_pid_clear_refs(5)
	_ = os.WriteFile("/proc/self/clear_refs", []byte(peak), 0)
}
