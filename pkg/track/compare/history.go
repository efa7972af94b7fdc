package compare

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// gitTimeout bounds a look at the history, which is worth no waiting.
const gitTimeout = 2 * time.Second

// histories keeps what git said: members of a sweep share their commits.
var histories sync.Map // [2]string → string

// history says how many commits lie between two; empty when they are the same, or
// when the repository around the working directory does not know both.
func history(from, to string) string {
	if from == to || !isCommit(from) || !isCommit(to) {
		return ""
	}
	pair := [2]string{from, to}
	if known, ok := histories.Load(pair); ok {
		return known.(string)
	}
	text := askHistory(from, to)
	histories.Store(pair, text)
	return text
}

func askHistory(from, to string) string {
	ctx, cancel := context.WithTimeout(context.Background(), gitTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, "git", "rev-list", "--left-right", "--count", from+"..."+to, "--").Output()
	if err != nil {
		return ""
	}
	var behind, ahead int
	if _, err := fmt.Sscan(string(out), &behind, &ahead); err != nil {
		return ""
	}
	var parts []string
	if ahead > 0 {
		parts = append(parts, plural(ahead, "commit")+" later")
	}
	if behind > 0 {
		parts = append(parts, plural(behind, "commit")+" missing")
	}
	return strings.Join(parts, ", ")
}

// isCommit keeps text of a store that was tampered with from becoming an option.
func isCommit(s string) bool {
	return len(s) >= 40 && strings.Trim(s, "0123456789abcdef") == ""
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
