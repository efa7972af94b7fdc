package tier

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, want := range All() {
		got, err := Parse(want.String())
		if err != nil || got != want {
			t.Errorf("Parse(%q) = %q, %v", want, got, err)
		}
		if got.Reduced() != (want != Paper) {
			t.Errorf("%s.Reduced() = %v", want, got.Reduced())
		}
	}
	_, err := Parse("cpus")
	if err == nil || !strings.Contains(err.Error(), `"cpus"`) || !strings.Contains(err.Error(), "smoke, quick, cpu, paper") {
		t.Errorf("Parse(cpus): %v, want the choices named", err)
	}
}

func TestJSON(t *testing.T) {
	var v struct{ Tier Tier }
	if err := json.Unmarshal([]byte(`{"Tier":"quick"}`), &v); err != nil || v.Tier != Quick {
		t.Errorf("got %q, %v", v.Tier, err)
	}
	if err := json.Unmarshal([]byte(`{"Tier":""}`), &v); err != nil || v.Tier != "" {
		t.Errorf("empty: got %q, %v", v.Tier, err)
	}
	if err := json.Unmarshal([]byte(`{"Tier":"huge"}`), &v); err == nil {
		t.Error("an unknown tier is accepted")
	}
}
