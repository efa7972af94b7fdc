package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"noisebook/pkg/track"
)

func newCacheCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "cache",
		Short:   "See and drop what stages are answered from",
		Example: "  noisebook cache ls\n  noisebook cache why 4k2m\n  noisebook cache rm --stage joint/train",
	}
	cmd.AddCommand(newCacheLsCommand(), newCacheRmCommand(), newCacheWhyCommand())
	return cmd
}

func newCacheLsCommand() *cobra.Command {
	var stage string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List the keys that the store answers, the newest first",
		Long: "List the keys that the store answers, the newest first: with the run that answers, how many runs computed the\n" +
			"key, the size of the answer and whether the code has changed since.",
		Example: "  noisebook cache ls\n  noisebook cache ls --stage joint/train",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, err := track.Open("")
			if err != nil {
				return err
			}
			entries, err := store.Cache()
			if err != nil {
				return err
			}
			if stage != "" {
				entries = slices.DeleteFunc(entries, func(e track.CacheEntry) bool { return e.Stage != stage })
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), entries)
			}
			return printCache(cmd.OutOrStdout(), entries)
		},
	}
	cmd.Flags().StringVar(&stage, "stage", "", "list the keys of this stage only")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write all fields as JSON")
	return cmd
}

func printCache(w io.Writer, entries []track.CacheEntry) error {
	if len(entries) == 0 {
		_, err := fmt.Fprintln(w, "the store answers no stage yet")
		return err
	}
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "key\tstage\tversion\trun\truns\tsize\tcomputed\tnote")
	for _, e := range entries {
		note := ""
		switch {
		case e.Damaged != "":
			note = "damaged, is computed again"
		case e.CodeChanged:
			note = "code has changed since"
		}
		fmt.Fprintf(tw, "%.12s\t%s\t%d\t%s\t%d\t%s\t%s\t%s\n", e.Key, e.Stage, e.Version, e.Runs[0], len(e.Runs),
			sizeText(e.Bytes), humanize.RelTime(e.Finished, time.Now(), "ago", "from now"), note)
	}
	return tw.Flush()
}

func newCacheRmCommand() *cobra.Command {
	var stage string
	cmd := &cobra.Command{
		Use:   "rm [RUN|KEY...]",
		Short: "Drop answers, so that their stages are computed anew",
		Long: "Drop answers, so that their stages are computed anew: of a run's key, of a key or of all keys of a stage. Every\n" +
			"finished run of the key goes to the trash, from where 'noisebook runs restore' brings it back.",
		Example: "  noisebook cache rm 4k2m\n  noisebook cache rm --stage joint/train",
		RunE: func(cmd *cobra.Command, args []string) error {
			if (stage == "") == (len(args) == 0) {
				return fmt.Errorf("name runs or keys, or give --stage NAME")
			}
			store, err := track.Open("")
			if err != nil {
				return err
			}
			all, err := store.Cache()
			if err != nil {
				return err
			}
			chosen, err := chooseEntries(store, all, stage, args)
			if err != nil {
				return err
			}
			for _, entry := range chosen {
				if err := store.Forget(cmd.Context(), entry); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s is computed anew: in the trash is %s\n", entry.Stage, plural(entry.Runs))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&stage, "stage", "", "drop the answers of all keys of this stage")
	return cmd
}

// keyPrefix is how many digits of a key name it.
const keyPrefix = 8

func chooseEntries(store *track.Store, all []track.CacheEntry, stage string, names []string) ([]track.CacheEntry, error) {
	var chosen []track.CacheEntry
	if stage != "" {
		for _, e := range all {
			if e.Stage == stage {
				chosen = append(chosen, e)
			}
		}
		if len(chosen) == 0 {
			return nil, fmt.Errorf("the store answers no key of stage %q (noisebook cache ls lists them)", stage)
		}
		return chosen, nil
	}
	taken := map[string]bool{}
	for _, name := range names {
		entry, err := chooseEntry(store, all, name)
		if err != nil {
			return nil, err
		}
		if !taken[entry.Key] {
			taken[entry.Key] = true
			chosen = append(chosen, entry)
		}
	}
	return chosen, nil
}

func chooseEntry(store *track.Store, all []track.CacheEntry, name string) (track.CacheEntry, error) {
	run, err := store.Run(name)
	matches := func(e track.CacheEntry) bool { return err == nil && e.Key == run.Key }
	if err != nil && len(name) >= keyPrefix {
		matches = func(e track.CacheEntry) bool { return strings.HasPrefix(e.Key, name) }
	}
	var found []track.CacheEntry
	for _, e := range all {
		if matches(e) {
			found = append(found, e)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return track.CacheEntry{}, fmt.Errorf("%q fits %d keys: give more of it", name, len(found))
	case err == nil:
		return track.CacheEntry{}, fmt.Errorf("run %s (%s) answers nothing: it is %s", run.ID, run.Title(), run.State)
	}
	return track.CacheEntry{}, fmt.Errorf("%q is neither a run nor the first %d or more digits of a key (noisebook cache ls lists them)", name, keyPrefix)
}

func plural(runs []string) string {
	if len(runs) == 1 {
		return "run " + runs[0]
	}
	return fmt.Sprintf("runs %s", strings.Join(runs, ", "))
}

func newCacheWhyCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "why RUN [OTHER]",
		Short: "Say why a stage was computed: how a run's key differs from that of the run before",
		Long: "Say why a stage was computed instead of answered: which field of the config, which input (and what made that\n" +
			"another one) or which version differs from OTHER or, without it, from the last run of the same stage before.",
		Example: "  noisebook cache why 4k2m\n  noisebook cache why 4k2m 9x0c",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := track.Open("")
			if err != nil {
				return err
			}
			other := ""
			if len(args) == 2 {
				other = args[1]
			}
			difference, err := store.Why(args[0], other)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), difference)
			}
			return difference.WriteText(cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the difference as JSON")
	return cmd
}
