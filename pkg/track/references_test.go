package track

import (
	"bytes"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestScanHashes(t *testing.T) {
	sum := strings.Repeat("0123456789abcdef", 4)
	for name, c := range map[string]struct {
		text string
		want int
	}{
		"quoted":          {`{"sha256":"` + sum + `"}`, 1},
		"at both ends":    {sum + " " + sum, 2},
		"alone":           {sum, 1},
		"too long":        {sum + "0", 0},
		"too short":       {sum[1:], 0},
		"upper case":      {strings.ToUpper(sum), 0},
		"twice as long":   {sum + sum, 0},
		"none":            {"", 0},
		"after digits":    {"12ab g" + sum, 1},
		"over the buffer": {strings.Repeat("x", 256<<10-30) + sum + "\n" + strings.Repeat("a", 300<<10) + "\n" + sum, 2},
		"long at the end": {strings.Repeat("x", 256<<10-64) + sum + "0", 0},
	} {
		var found []string
		if err := scanHashes(strings.NewReader(c.text), func(b []byte) { found = append(found, string(b)) }); err != nil {
			t.Fatal(err)
		}
		if len(found) != c.want || slices.ContainsFunc(found, func(f string) bool { return f != sum }) {
			t.Errorf("%s: found %q, want %d", name, found, c.want)
		}
	}
	if err := scanHashes(iotest.ErrReader(io.ErrClosedPipe), nil); err == nil {
		t.Error("a failing reader was no error")
	}
}

// The scan finds what a regular expression finds.
func TestScanHashesAgainstRegexp(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	digits := regexp.MustCompile(`[0-9a-f]+`)
	for range 100 {
		var text bytes.Buffer
		for length := random.IntN(600 << 10); text.Len() < length; {
			raw := make([]byte, random.IntN(40)+12)
			for i := range raw {
				raw[i] = byte(random.IntN(256))
			}
			if random.IntN(4) == 0 {
				raw = append(raw, make([]byte, 32)...)[:32]
			}
			text.WriteString(hex.EncodeToString(raw))
			text.WriteString(" ,\n"[:random.IntN(4)])
			text.WriteString(strings.Repeat("-", random.IntN(200)))
		}
		var want, got []string
		for _, run := range digits.FindAllString(text.String(), -1) {
			if len(run) == 64 {
				want = append(want, run)
			}
		}
		if err := scanHashes(bytes.NewReader(text.Bytes()), func(b []byte) { got = append(got, string(b)) }); err != nil || !slices.Equal(got, want) {
			t.Fatalf("%d of %d hashes found (%v) in %d bytes", len(got), len(want), err, text.Len())
		}
	}
}

func TestReferencesOfARun(t *testing.T) {
	dir := t.TempDir()
	first, second, third := strings.Repeat("a", 64), strings.Repeat("b", 64), strings.Repeat("c", 64)
	overwriteNew(t, filepath.Join(dir, "run.json"), `{"provenance": {"diff": {"sha256": "`+second+`"}}}`)
	overwriteNew(t, filepath.Join(dir, "journal-001-x.jsonl"), `{"type":"of a later version","picture":["`+first+`"]}`+"\n{\"cut")
	if err := os.Mkdir(filepath.Join(dir, "more"), 0o755); err != nil {
		t.Fatal(err)
	}
	overwriteNew(t, filepath.Join(dir, "more", "file"), third)
	got, err := Run{ID: "x", dir: dir}.References()
	if err != nil || !slices.Equal(got, []string{first, second, third}) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := (Run{ID: "gone", dir: filepath.Join(dir, "gone")}).References(); err == nil {
		t.Error("a run that is gone has references")
	}
}

func BenchmarkScanHashes(b *testing.B) {
	line := `{"t":"2026-01-01T12:00:00.123456789Z","type":"metric","step":12345,"values":{"loss":0.123456,"lr":0.0001}}` + "\n"
	text := []byte(strings.Repeat(line, 100_000))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if err := scanHashes(bytes.NewReader(text), func([]byte) { b.Fatal("found one") }); err != nil {
			b.Fatal(err)
		}
	}
}
