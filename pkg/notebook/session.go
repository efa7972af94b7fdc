package notebook

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// TierVariable is the environment variable that sets the tier of a notebook.
const TierVariable = "NOISEBOOK_TIER"

// Context is cancelled when the cell is interrupted or the kernel restarts. The
// kernel then waits 5 seconds before it kills the cell: save and return. A second
// interrupt ends the cell at once.
func Context() context.Context {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx
}

// Tier is the size of the experiment that NOISEBOOK_TIER names, quick when it is
// not set. A name that is no tier ends the cell.
func Tier() tier.Tier {
	name := os.Getenv(TierVariable)
	if name == "" {
		return tier.Quick
	}
	t, err := tier.Parse(name)
	if err != nil {
		fail(fmt.Errorf("%s: %w", TierVariable, err), 2)
	}
	return t
}

// Store opens the run store and shows its stages live: the one NOISEBOOK_STORE
// names, else that of the checkout whose kernel runs the cell or that holds the
// working directory. A store that cannot be opened ends the cell.
func Store() *track.Store {
	store, err := track.Open(storeFolder())
	if err != nil {
		fail(err, 2)
	}
	store.Observe(NewProgress())
	return store
}

// storeFolder is empty where track.Open decides by itself. The kernel's launcher
// names its checkout, so that a notebook may lie outside of it.
func storeFolder() string {
	root := os.Getenv("NOISEBOOK_ROOT")
	if root == "" || os.Getenv("NOISEBOOK_STORE") != "" {
		return ""
	}
	return filepath.Join(root, ".noisebook")
}
