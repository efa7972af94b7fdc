package setup

import (
	"context"
	"fmt"
	"path/filepath"

	"noisebook/pkg/data"
	"noisebook/pkg/fetch"
	"noisebook/pkg/plugin"
)

func pluginPart() Part {
	return Part{
		Name:   "PJRT plugin",
		Group:  "plugin",
		Advice: command("plugin"),
		Check: func(ctx context.Context) Status {
			found, err := plugin.Find(ctx)
			switch {
			case err != nil:
				return Status{Missing, err.Error()}
			case found.Path == "":
				return Status{Reduced, found.Warning}
			}
			return Status{Ready, fmt.Sprintf("%s (%s)", found.Path, found.Origin)}
		},
		Mend: func(ctx context.Context, progress fetch.Progress) error {
			found, err := plugin.Install(ctx, progress)
			if err != nil {
				return err
			}
			if found.Path == "" {
				return &ReducedError{found.Warning}
			}
			return nil
		},
	}
}

func dataPart(name string) Part {
	return Part{
		Name:   name,
		Group:  "data",
		Advice: command("data"),
		Check: func(context.Context) Status {
			paths, missing, err := data.Locate(name)
			if err != nil {
				return Status{Missing, err.Error()}
			}
			if len(missing) > 0 {
				return Status{Missing, fmt.Sprintf("%d of %d files are not on this machine", len(missing), len(missing)+len(paths))}
			}
			folder := ""
			for _, path := range paths {
				folder = filepath.Dir(path)
			}
			return Status{Ready, folder}
		},
		Mend: func(ctx context.Context, progress fetch.Progress) error {
			_, err := data.Load(ctx, name, data.Options{Progress: progress})
			return err
		},
	}
}
