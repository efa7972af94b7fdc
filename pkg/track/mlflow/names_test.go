package mlflow

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"noisebook/pkg/track"
)

func FuzzValidName(f *testing.F) {
	for _, name := range []string{"loss", "val/loss", "", ".", "..", "/a", "a/", "a//b", "a/../b", "../x", "a,b", "日本", "\xff", strings.Repeat("x", 300), "a.", " ", "///", "..."} {
		f.Add(name, name+"x")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := validName(a), validName(b)
		if !validKey(x) {
			t.Errorf("validName(%q) = %q, which MLflow refuses", a, x)
		}
		if validKey(a) && utf8.ValidString(a) && x != a {
			t.Errorf("validName(%q) = %q, want it as it is", a, x)
		}
		if a != b && x == y {
			t.Errorf("%q and %q both become %q", a, b, x)
		}
	})
}

func FuzzValidPath(f *testing.F) {
	for _, name := range []string{"weights.bin", "../../etc/passwd", "/abs", "a?b#c%d", "", "..", "a/./b", "a\\b", "é.png", "\x00"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := validPath(name)
		if got == "" || strings.HasPrefix(got, "/") || got == ".." || strings.HasPrefix(got, "../") || strings.Contains(got, "/../") || strings.ContainsAny(got, "?#%\\\x00") {
			t.Errorf("validPath(%q) = %q", name, got)
		}
	})
}

func TestCutValue(t *testing.T) {
	for _, n := range []int{0, 1, 5999, 6000, 6001, 20000} {
		value := strings.Repeat("é", n)
		got := cutValue(value, paramLimit)
		if whole := n <= paramLimit; whole != (got == value) || utf8.RuneCountInString(got) > paramLimit {
			t.Errorf("of %d characters %d are left", n, utf8.RuneCountInString(got))
		}
	}
}

func TestNumbersAsMLflowWritesThem(t *testing.T) {
	for value, want := range map[float64]string{1.5: "1.5", math.Inf(1): `"Infinity"`, math.Inf(-1): `"-Infinity"`, 5e-324: "5e-324"} {
		got, err := number(value).MarshalJSON()
		var back number
		if err != nil || string(got) != want || back.UnmarshalJSON(got) != nil || float64(back) != value {
			t.Errorf("%v is written %s (%v) and read %v", value, got, err, back)
		}
	}
	var nan number
	if data, _ := number(math.NaN()).MarshalJSON(); string(data) != `"NaN"` || nan.UnmarshalJSON(data) != nil || !math.IsNaN(float64(nan)) {
		t.Errorf("NaN is written %s and read %v", data, nan)
	}
}

func TestExperimentOf(t *testing.T) {
	for want, run := range map[string]track.Run{
		"joint/train":       {Kind: track.KindStage, Stage: "joint/train"},
		"joint/alpha-sweep": {Kind: track.KindSweep, Name: "x/y", Launch: &track.Launch{Args: []string{"sweep", "joint/alpha-sweep", "--seeds", "3"}}},
		"tuning":            {Kind: track.KindRun, Name: "tuning/first"},
		"noisebook":         {Kind: track.KindJob, Name: "plain", Launch: &track.Launch{Args: []string{"run", "--help"}}},
	} {
		if got := ExperimentOf(run); got != want {
			t.Errorf("experiment %q, want %q", got, want)
		}
	}
}
