// Package notebook connects the project with a Jupyter notebook: it shows
// figures, tables and verdicts in a cell's output, follows stages live, and
// turns errors into one line.
//
// A cell looks like this:
//
//	import ("noisebook/pkg/notebook"; "noisebook/experiments/joint")
//	%%
//	defer notebook.Catch()
//	ctx, store := notebook.Context(), notebook.Store()
//	sweep := joint.AlphaSweep(notebook.Tier())
//	notebook.Show(sweep.Run(ctx, store))
//
// Everything also works outside of a notebook, where values print as text.
// No other package knows that notebooks exist.
//
// What is shown must survive two things: the notebook is saved and later opened
// by someone who does not trust it, so scripts, inline SVG and SVG outputs
// vanish and every picture needs a PNG or an <img> with its data; and GoNB parses
// standard error for source positions and dies on lines it does not expect, so
// importing this package sends logs to standard output.
package notebook
