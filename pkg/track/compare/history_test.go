package compare

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

func TestHistory(t *testing.T) {
	dir := t.TempDir()
	git := func(args ...string) string {
		t.Helper()
		all := append([]string{"-C", dir, "-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false"}, args...)
		out, err := exec.Command("git", all...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	commits := 0
	commit := func() string {
		commits++
		git("commit", "-q", "--allow-empty", "-m", fmt.Sprint("commit ", commits))
		return git("rev-parse", "HEAD")
	}
	git("init", "-q")
	first := commit()
	commit()
	third := commit()
	git("checkout", "-q", "-b", "side", first)
	side := commit()
	t.Chdir(dir)
	unknown := strings.Repeat("1", 40)
	for _, c := range []struct{ from, to, want string }{
		{first, third, "2 commits later"},
		{third, first, "2 commits missing"},
		{third, side, "1 commit later, 2 commits missing"},
		{first, first, ""}, {first, unknown, ""}, {"--output=x", first, ""}, {"", first, ""},
	} {
		if got := history(c.from, c.to); got != c.want {
			t.Errorf("from %.7s to %.7s: %q, want %q", c.from, c.to, got, c.want)
		}
	}
}
