package jupyter

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"noisebook/pkg/atomicfile"
)

// labSettings silence what would ask other hosts: news and update checks.
const labSettings = `{
  "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}
}
`

// Lab runs JupyterLab on the notebooks until it ends or ctx is cancelled. Further
// arguments go to JupyterLab. No browser is opened when browser is false.
func (r Repository) Lab(ctx context.Context, browser bool, arguments ...string) error {
	python, err := r.Python()
	if err != nil {
		return err
	}
	settings := filepath.Join(r.Root, ".venv", "share", "jupyter", "lab", "settings", "overrides.json")
	err = os.MkdirAll(filepath.Dir(settings), 0o755)
	if err == nil {
		err = atomicfile.WriteBytes(settings, []byte(labSettings))
	}
	if err != nil {
		return fmt.Errorf("lab: settings: %w", err)
	}
	command := exec.CommandContext(ctx, python, append(r.labArguments(browser), arguments...)...)
	command.Env = r.Environment()
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = shutdownGrace
	if err := command.Run(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("JupyterLab ended: %w", err)
	}
	return nil
}

func (r Repository) labArguments(browser bool) []string {
	arguments := []string{
		"-m", "jupyterlab",
		"--ServerApp.root_dir=" + r.NotebookFolder(),
		"--LabApp.extension_manager=readonly",
		"--MultiKernelManager.default_kernel_name=" + KernelName,
	}
	if !browser {
		arguments = append(arguments, "--no-browser")
	}
	return arguments
}
