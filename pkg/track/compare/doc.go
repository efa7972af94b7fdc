// Package compare sets runs side by side: the params that differ, what each
// metric came to and how far that is from the first run, differences of code,
// data, environment and inputs, and curves over one another.
//
// In a cell it is one line, and the same on the command line:
//
//	notebook.Show(compare.Runs(store, "4k2m", "9x0c"))
//	noisebook compare 4k2m 9x0c
//
// A sweep stands for its members. Of a job the metrics of the stages that it asked
// for count too, as STAGE.METRIC: of a stage that it asked for once the whole curve,
// of one that it asked for several times the last value of each call.
package compare
