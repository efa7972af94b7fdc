package main

import (
	"errors"
	"fmt"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"noisebook/pkg/atomicfile"
	"noisebook/pkg/data"
	"noisebook/pkg/fetch"
)

func newDataCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "data",
		Short: "List, fetch and show data sets",
		Long: "Data sets are looked for, by the checksum of their content, in the folders of NOISEBOOK_DATA (a path list), in the\n" +
			"cache and in /usr/share/datasets, and are fetched into the cache when they are nowhere. docs/data.md describes each.",
	}
	command.AddCommand(newDataListCommand(), newDataGetCommand(), newDataShowCommand())
	return command
}

func newDataListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "ls",
		Short:   "List the known data sets and where they are",
		Args:    cobra.NoArgs,
		Example: "  noisebook data ls",
		RunE: func(cmd *cobra.Command, _ []string) error {
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "NAME\tLABELS\tVARIANT OF\tLICENCE\tSTATE")
			for _, name := range data.Names() {
				description, err := data.Describe(name)
				if err != nil {
					return err
				}
				paths, missing, err := data.Locate(name)
				state := ""
				switch {
				case err != nil:
					state = err.Error()
				case len(missing) > 0:
					state = "not here; get it: bin/noisebook data get " + name
				default:
					state = filepath.Dir(paths[description.Files[0].Name])
				}
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", name, labelsOf(description), description.VariantOf, description.Licence, state)
			}
			return table.Flush()
		},
	}
}

func labelsOf(d data.Description) string {
	if d.Attributes != nil {
		return fmt.Sprintf("%d attributes", len(d.Attributes))
	}
	return fmt.Sprintf("%d classes", len(d.Classes))
}

func newDataGetCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "get NAME…",
		Short:   "Make sure that data sets are on this machine",
		Args:    cobra.MinimumNArgs(1),
		Example: "  noisebook data get fashion-mnist",
		RunE: func(cmd *cobra.Command, names []string) error {
			for _, name := range names {
				if _, err := data.Describe(name); err != nil {
					return err
				}
			}
			for _, name := range names {
				progress := newProgressPrinter(cmd.ErrOrStderr())
				dataset, err := data.Load(cmd.Context(), name, data.Options{Progress: progress.Report})
				progress.Clear()
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", dataset.Title, sizesOf(dataset))
			}
			return nil
		},
	}
}

func sizesOf(d *data.Dataset) string {
	if d.Validation.Len() > 0 {
		return fmt.Sprintf("%d training, %d validation and %d test images", d.Train.Len(), d.Validation.Len(), d.Test.Len())
	}
	return fmt.Sprintf("%d training and %d test images", d.Train.Len(), d.Test.Len())
}

func newDataShowCommand() *cobra.Command {
	var out string
	var perClass, scale int
	var seed uint64
	command := &cobra.Command{
		Use:     "show NAME",
		Short:   "Show a data set: its files, its class counts or attributes' frequencies, and a picture of samples",
		Args:    cobra.ExactArgs(1),
		Example: "  noisebook data show fashion-mnist --out samples.png",
		RunE: func(cmd *cobra.Command, args []string) error {
			if perClass < 1 || scale < 1 {
				return errors.New("--per-class and --scale must be at least 1")
			}
			progress := newProgressPrinter(cmd.ErrOrStderr())
			dataset, err := data.Load(cmd.Context(), args[0], data.Options{Progress: progress.Report})
			progress.Clear()
			if err != nil {
				return err
			}
			if err := describeDataset(cmd.OutOrStdout(), dataset); err != nil {
				return err
			}
			if out == "" {
				if out, err = samplesPath(dataset.Name); err != nil {
					return err
				}
			}
			if err := writeContactSheet(out, dataset, perClass, scale, seed); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "\nsamples of the training part: %s\n", out)
			return nil
		},
	}
	command.Flags().StringVar(&out, "out", "", "PNG `file` to draw samples of each class or attribute into (default samples.png in the data set's cache folder)")
	command.Flags().IntVar(&perClass, "per-class", 12, "samples of each class or attribute")
	command.Flags().IntVar(&scale, "scale", 2, "size of a pixel")
	command.Flags().Uint64Var(&seed, "seed", 1, "choice of the samples")
	return command
}

// samplesPath is where samples are drawn when no file is named.
func samplesPath(name string) (string, error) {
	cache, err := fetch.CacheDir()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(cache, "data", name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", fmt.Errorf("cannot draw samples into the cache: %w; name a file with --out", err)
	}
	return filepath.Join(folder, "samples.png"), nil
}

func describeDataset(w io.Writer, dataset *data.Dataset) error {
	description, err := data.Describe(dataset.Name)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s: %s of %d×%d×%d\n", dataset.Title, sizesOf(dataset), dataset.Train.Height, dataset.Train.Width, dataset.Train.Channels)
	fmt.Fprintf(w, "source: %s\nlicence: %s\nparts: %s\n", description.Source, description.Licence, description.Splits)
	if dataset.VariantOf != "" {
		fmt.Fprintf(w, "a variant of %s: its numbers are never comparable with a paper's\n", dataset.VariantOf)
	}
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if dataset.Attributes != nil {
		tabulateAttributes(table, dataset)
	} else {
		tabulateClasses(table, dataset)
	}
	fmt.Fprintln(table, "\nSHA-256 OF THE CONTENT\tFILE")
	for _, file := range description.Files {
		fmt.Fprintf(table, "%s\t%s\n", dataset.Checksums[file.Name], dataset.Paths[file.Name])
	}
	return table.Flush()
}

func tabulateClasses(table io.Writer, dataset *data.Dataset) {
	fmt.Fprintln(table, "LABEL\tCLASS\tTRAIN\tTEST")
	train, test := dataset.Train.ClassCounts(len(dataset.Classes)), dataset.Test.ClassCounts(len(dataset.Classes))
	for label, class := range dataset.Classes {
		fmt.Fprintf(table, "%d\t%s\t%d\t%d\n", label, class, train[label], test[label])
	}
}

func tabulateAttributes(table io.Writer, dataset *data.Dataset) {
	fmt.Fprintln(table, "ATTRIBUTE\tTRAIN\tVALIDATION\tTEST")
	for a, attribute := range dataset.Attributes {
		fmt.Fprint(table, attribute)
		for _, part := range []data.Split{dataset.Train, dataset.Validation, dataset.Test} {
			fmt.Fprintf(table, "\t%.1f %%", 100*float64(part.AttributeCounts()[a])/float64(part.Len()))
		}
		fmt.Fprintln(table)
	}
}

func writeContactSheet(path string, dataset *data.Dataset, perClass, scale int, seed uint64) error {
	sheet := data.ContactSheet(dataset.Train, rowNames(dataset), perClass, scale, seed)
	if err := atomicfile.Write(path, func(w io.Writer) error { return png.Encode(w, sheet) }); err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	return nil
}

// rowNames are the classes with their numbers of training images, or the attributes with the share that has them.
func rowNames(dataset *data.Dataset) []string {
	var names []string
	if dataset.Attributes == nil {
		for label, count := range dataset.Train.ClassCounts(len(dataset.Classes)) {
			names = append(names, fmt.Sprintf("%s (%d)", dataset.Classes[label], count))
		}
		return names
	}
	for a, count := range dataset.Train.AttributeCounts() {
		names = append(names, fmt.Sprintf("%s (%.1f %%)", dataset.Attributes[a], 100*float64(count)/float64(dataset.Train.Len())))
	}
	return names
}
