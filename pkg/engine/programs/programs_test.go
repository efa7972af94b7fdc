package programs

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func openTemporary(t *testing.T, limit int64) *Cache {
	t.Helper()
	c, err := open(filepath.Join(t.TempDir(), "programs"), limit)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func save(t *testing.T, c *Cache, key Key, code []byte) {
	t.Helper()
	if err := c.Save(key, code); err != nil {
		t.Fatal(err)
	}
}

func wantLoad(t *testing.T, c *Cache, key Key, want []byte) {
	t.Helper()
	code, found := c.Load(key)
	if found != (want != nil) || !bytes.Equal(code, want) {
		t.Errorf("loaded %q, %v; want %q", code, found, want)
	}
}

func TestKeysTellPartsApart(t *testing.T) {
	text := func(parts ...string) Key {
		var all [][]byte
		for _, part := range parts {
			all = append(all, []byte(part))
		}
		return NewKey(all...)
	}
	if text("ab", "c") != text("ab", "c") {
		t.Error("the same parts make two keys")
	}
	for _, other := range []Key{text("a", "bc"), text("abc"), text("ab", "c", ""), text("c", "ab")} {
		if other == text("ab", "c") {
			t.Error("different parts make one key")
		}
	}
}

func TestLoadReturnsWhatWasSaved(t *testing.T) {
	c := openTemporary(t, Limit)
	one, other := NewKey([]byte("one")), NewKey([]byte("other"))
	wantLoad(t, c, one, nil)
	save(t, c, one, []byte("code"))
	wantLoad(t, c, one, []byte("code"))
	wantLoad(t, c, other, nil)
	save(t, c, one, []byte("newer"))
	wantLoad(t, c, one, []byte("newer"))
}

// Whatever happens to a file, it is a program again after the next Save.
func TestDamagedFilesCountAsAbsent(t *testing.T) {
	for name, damage := range map[string]func(content []byte) []byte{
		"empty":          func([]byte) []byte { return nil },
		"cut short":      func(content []byte) []byte { return content[:len(content)-1] },
		"only a header":  func([]byte) []byte { return []byte(header) },
		"one bit":        func(content []byte) []byte { content[len(content)-3] ^= 1; return content },
		"another format": func(content []byte) []byte { content[len(header)-2]++; return content },
		"foreign":        func([]byte) []byte { return bytes.Repeat([]byte("foreign"), 20) },
	} {
		t.Run(name, func(t *testing.T) {
			c, key := openTemporary(t, Limit), NewKey([]byte(name))
			save(t, c, key, []byte("code"))
			content, err := os.ReadFile(c.path(key))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(c.path(key), damage(content), 0o600); err != nil {
				t.Fatal(err)
			}
			wantLoad(t, c, key, nil)
			save(t, c, key, []byte("code"))
			wantLoad(t, c, key, []byte("code"))
		})
	}
}

func TestLeastRecentlyUsedIsForgotten(t *testing.T) {
	code := make([]byte, 1000)
	c := openTemporary(t, 2500) // holds two
	keys := []Key{NewKey([]byte("a")), NewKey([]byte("b")), NewKey([]byte("c"))}
	foreign := filepath.Join(c.folder, "notes.txt")
	if err := os.WriteFile(foreign, make([]byte, 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	for age, key := range keys[:2] {
		save(t, c, key, code)
		past := time.Now().Add(time.Duration(age-10) * time.Hour)
		if err := os.Chtimes(c.path(key), past, past); err != nil {
			t.Fatal(err)
		}
	}
	wantLoad(t, c, keys[0], code) // the older one, but used
	save(t, c, keys[2], code)
	wantLoad(t, c, keys[0], code)
	wantLoad(t, c, keys[1], nil)
	wantLoad(t, c, keys[2], code)
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("a file that is no program: %v", err)
	}
}

func TestVariableMovesAndTurnsOff(t *testing.T) {
	t.Setenv(Variable, Off)
	if c, err := Open(); c != nil || err != nil {
		t.Errorf("turned off: %v, %v", c, err)
	}
	if count, size, err := Usage(); count != 0 || size != 0 || err != nil {
		t.Errorf("usage when turned off: %d, %d, %v", count, size, err)
	}
	folder := filepath.Join(t.TempDir(), "elsewhere")
	t.Setenv(Variable, folder)
	if count, _, err := Usage(); count != 0 || err != nil {
		t.Errorf("usage before the first program: %d, %v", count, err)
	}
	c, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	save(t, c, NewKey(), make([]byte, 100))
	if count, size, err := Usage(); count != 1 || size <= 100 || err != nil {
		t.Errorf("usage: %d programs of %d bytes, %v", count, size, err)
	}
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder %v, %v: others must not write code here", info.Mode(), err)
	}
	t.Setenv(Variable, "")
	t.Setenv("NOISEBOOK_CACHE", filepath.Join(folder, "cache"))
	if got, err := Folder(); got != filepath.Join(folder, "cache", "programs") || err != nil {
		t.Errorf("folder %q, %v; want it in Noisebook's cache", got, err)
	}
}

func TestOpenRefusesInOneLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(filepath.Join(file, "programs"), Limit); err == nil {
		t.Error("opened a cache inside a file")
	}
}
