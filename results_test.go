package noisebook

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"noisebook/pkg/claim"
	"noisebook/pkg/published"
)

// A paper's published tables come from one run at one commit of a clean checkout:
// numbers of two versions of the code must not stand side by side.
func TestPublishedResultsAreOfOneCommit(t *testing.T) {
	of := map[string]map[string][]string{} // paper, commit: stages
	for _, a := range claim.Artifacts() {
		p, err := published.In(".").Read(a)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		for _, s := range p.Stages {
			if of[a.Paper] == nil {
				of[a.Paper] = map[string][]string{}
			}
			of[a.Paper][s.Commit] = append(of[a.Paper][s.Commit], a.ID+": "+s.Name)
			if strings.HasSuffix(s.Commit, "+") {
				t.Errorf("%s: %s, run %s, is of %s, a checkout with changes", a.ID, s.Name, s.Run, s.Commit)
			}
		}
	}
	if len(of) == 0 {
		t.Error("no stages are published")
	}
	for paper, commits := range of {
		if len(commits) > 1 {
			for commit, stages := range commits {
				t.Errorf("%s: %d stages are of commit %s, %s among them", paper, len(stages), commit, stages[0])
			}
		}
	}
}
