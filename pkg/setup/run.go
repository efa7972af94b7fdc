package setup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"noisebook/pkg/fetch"
)

// ReducedError says that a part could not be set up but that all works without it, slower or smaller.
type ReducedError struct{ Warning string }

func (e *ReducedError) Error() string { return e.Warning }

// Run checks the parts of the chosen groups (all if none is chosen) and mends what is not ready. Report is told each part's
// name with its state before and, if something was done, after; it may be nil. Parts that cannot be mended are checked too
// when no group is chosen.
//
// Run goes on after a failure, so that one run shows all that is wrong, and returns the failures in one line. A part that could
// only be reduced is no failure.
func Run(ctx context.Context, parts []Part, groups []string, progress fetch.Progress, report func(part Part, status Status, done bool)) error {
	chosen := map[string]bool{}
	for _, group := range groups {
		if !slices.Contains(Groups(), group) {
			return fmt.Errorf("unknown part %q; known are %s", group, strings.Join(Groups(), ", "))
		}
		chosen[group] = true
	}
	var failures []string
	for _, part := range parts {
		if len(chosen) > 0 && !chosen[part.Group] {
			continue
		}
		status := part.Check(ctx)
		mended := false
		if status.State != Ready && part.Mend != nil {
			err := part.Mend(ctx, progress)
			if ctx.Err() != nil {
				return err
			}
			var reduced *ReducedError
			switch {
			case errors.As(err, &reduced):
				status = Status{Reduced, reduced.Warning}
			case err != nil:
				status = Status{Missing, err.Error()}
			default:
				status, mended = part.Check(ctx), true
			}
		}
		if report != nil {
			report(part, status, mended)
		}
		if status.State == Missing {
			advice := ""
			if part.Mend == nil {
				advice = "; " + part.Advice
			}
			failures = append(failures, part.Name+": "+status.Detail+advice)
		}
	}
	if len(failures) == 0 {
		return nil
	}
	return errors.New(strings.Join(failures, "; "))
}
