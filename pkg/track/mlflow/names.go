package mlflow

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MLflow's limits. Values are counted in characters, bodies in bytes. Servers
// before 3.0 take tags of 5000 characters at most, later ones of 8000.
const (
	nameLimit   = 250
	paramLimit  = 6000
	tagLimit    = 5000
	digestLimit = 36

	metricsPerCall = 1000
	paramsPerCall  = 100
	tagsPerCall    = 100
	bodyLimit      = 1 << 20
)

// validName turns the name of a metric, param or tag into one that MLflow takes:
// letters, digits and "_-. :/", at most 250 of them, and a clean path. A name
// that had to be changed ends in a hash of the original, so that two names
// never become one.
func validName(name string) string {
	valid := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_-. :/", r) {
			return r
		}
		return '_'
	}, name)
	if !cleanPath(valid) {
		valid = strings.Trim(strings.ReplaceAll(valid, "/", "_"), ".")
	}
	if valid == name && name != "" && utf8.RuneCountInString(name) <= nameLimit {
		return name
	}
	suffix := "-" + shortHash(name)
	return cut(valid, nameLimit-len(suffix)) + suffix
}

// cleanPath says that a name stays what it is when a server makes a file of it.
func cleanPath(name string) bool {
	return path.Clean(name) == name && name != "." && !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "..")
}

// validPath is where an artifact lies under its run. Servers refuse paths with
// signs that mean something in an address.
func validPath(name string) string {
	valid := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_-. /=+,@()", r) {
			return r
		}
		return '_'
	}, name)
	if valid = strings.TrimLeft(path.Clean("/"+valid), "/"); valid == "" {
		return "artifact"
	}
	return valid
}

// beside puts a mark before a path's extension: loss.png becomes loss-MARK.png.
func beside(name, mark string) string {
	extension := path.Ext(name)
	return strings.TrimSuffix(name, extension) + "-" + mark + extension
}

const cutNote = "… (cut; the whole value is in noisebook/run.json)"

// cutValue shortens a value to a limit and says so.
func cutValue(value string, limit int) string {
	value = strings.ToValidUTF8(value, "\uFFFD")
	if utf8.RuneCountInString(value) <= limit {
		return value
	}
	return cut(value, limit-utf8.RuneCountInString(cutNote)) + cutNote
}

// cut keeps the first characters.
func cut(text string, characters int) string {
	for i := range text {
		if characters == 0 {
			return text[:i]
		}
		characters--
	}
	return text
}

func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:4])
}
