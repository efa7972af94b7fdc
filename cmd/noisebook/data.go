package main

import (
	"errors"
	"fmt"
	"image/png"
	"io"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"noisebook/pkg/atomicfile"
	"noisebook/pkg/data"
)

func newDataCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "data",
		Short: "List, fetch and show data sets",
		Long: "Data sets are looked for, by the checksum of their content, in the folders of NOISEBOOK_DATA (a path list), in the\n" +
			"cache and in /usr/share/datasets, and are fetched into the cache when they are nowhere.",
	}
	command.AddCommand(newDataListCommand(), newDataGetCommand(), newDataShowCommand())
	return command
}

func newDataListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List the known data sets and where they are",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "NAME\tCLASSES\tLICENCE\tSTATE")
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
				fmt.Fprintf(table, "%s\t%d\t%s\t%s\n", name, len(description.Classes), description.Licence, state)
			}
			return table.Flush()
		},
	}
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
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %d training and %d test images\n", dataset.Title, dataset.Train.Len(), dataset.Test.Len())
			}
			return nil
		},
	}
}

func newDataShowCommand() *cobra.Command {
	var out string
	var perClass, scale int
	var seed uint64
	command := &cobra.Command{
		Use:     "show NAME",
		Short:   "Show a data set: its files, its class counts and a picture of samples",
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
				return nil
			}
			if err := writeContactSheet(out, dataset, perClass, scale, seed); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "\nsamples of the training part: %s\n", out)
			return nil
		},
	}
	command.Flags().StringVar(&out, "out", "", "PNG `file` to draw samples of each class into")
	command.Flags().IntVar(&perClass, "per-class", 12, "samples of each class")
	command.Flags().IntVar(&scale, "scale", 2, "size of a pixel")
	command.Flags().Uint64Var(&seed, "seed", 1, "choice of the samples")
	return command
}

func describeDataset(w io.Writer, dataset *data.Dataset) error {
	fmt.Fprintf(w, "%s: %d training and %d test images of %d×%d×%d\n\n", dataset.Title, dataset.Train.Len(), dataset.Test.Len(),
		dataset.Train.Height, dataset.Train.Width, dataset.Train.Channels)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "LABEL\tCLASS\tTRAIN\tTEST")
	train, test := dataset.Train.ClassCounts(len(dataset.Classes)), dataset.Test.ClassCounts(len(dataset.Classes))
	for label, class := range dataset.Classes {
		fmt.Fprintf(table, "%d\t%s\t%d\t%d\n", label, class, train[label], test[label])
	}
	fmt.Fprintln(table, "\nSHA-256 OF THE CONTENT\tFILE")
	description, err := data.Describe(dataset.Name)
	if err != nil {
		return err
	}
	for _, file := range description.Files {
		fmt.Fprintf(table, "%s\t%s\n", dataset.Checksums[file.Name], dataset.Paths[file.Name])
	}
	return table.Flush()
}

func writeContactSheet(path string, dataset *data.Dataset, perClass, scale int, seed uint64) error {
	sheet := data.ContactSheet(dataset.Train, dataset.Classes, perClass, scale, seed)
	if err := atomicfile.Write(path, func(w io.Writer) error { return png.Encode(w, sheet) }); err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	return nil
}
