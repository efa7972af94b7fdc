package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"noisebook/pkg/track"
	"noisebook/pkg/track/mlflow"
)

func newExportMLflowCommand() *cobra.Command {
	var options mlflow.Options
	var filter string
	command := &cobra.Command{
		Use:   "mlflow [RUN…]",
		Short: "Send runs to an MLflow tracking server: params, tags, metrics, datasets, artifacts, state",
		Long: `Send runs, by default all of the store, to an MLflow tracking server. A named run
brings its parts with it (the members of a sweep, the stages of a job); every run
brings what it is a part of, and is nested as in the store.

Only what the server does not have yet is sent, so the same command goes on after
an interruption and follows a run that is still running. How far each run came is
noted in the store, under exports/mlflow; without the note the export finds the
run by its tag noisebook.run and compares.

MLflow keeps values in milliseconds of time and an infinity as ±1.8e308; params
cannot be changed there, so a param's later value becomes a tag
noisebook.param.NAME. Steps that a resumed run repeated are there twice.

A server that asks for a login gets MLFLOW_TRACKING_USERNAME and
MLFLOW_TRACKING_PASSWORD or MLFLOW_TRACKING_TOKEN.`,
		Example: `  noisebook export mlflow --url http://127.0.0.1:5000
  noisebook export mlflow 4k2m 9x0c --url http://127.0.0.1:5000 --experiment thesis
  noisebook export mlflow --filter 'state == "finished" && age < "24h"' --url http://127.0.0.1:5000`,
		RunE: func(command *cobra.Command, args []string) error {
			if options.URL == "" {
				return errors.New("give the server's address with --url or MLFLOW_TRACKING_URI, such as http://127.0.0.1:5000")
			}
			options.Credentials = mlflow.Credentials{
				Username: os.Getenv("MLFLOW_TRACKING_USERNAME"), Password: os.Getenv("MLFLOW_TRACKING_PASSWORD"), Token: os.Getenv("MLFLOW_TRACKING_TOKEN"),
			}
			store, err := track.Open("")
			if err != nil {
				return err
			}
			runs, err := runsToSend(command, store, args, filter)
			if err != nil {
				return err
			}
			progress := newProgressPrinter(command.ErrOrStderr())
			options.Progress = func(sent mlflow.Sent, left int) { progress.Line(sentText(sent, left)) }
			exporter, err := mlflow.New(store, options)
			if err != nil {
				return err
			}
			sent, err := exporter.Export(command.Context(), runs)
			progress.Clear()
			printSent(command.OutOrStdout(), exporter.Server(), sent)
			return err
		},
	}
	flags := command.Flags()
	flags.StringVar(&options.URL, "url", os.Getenv("MLFLOW_TRACKING_URI"), "address of the server (default $MLFLOW_TRACKING_URI)")
	flags.StringVar(&options.Experiment, "experiment", "", "experiment that the runs go to (default: what each run belongs to, such as joint/alpha-sweep)")
	flags.StringVar(&filter, "filter", "", "send the runs for which this `EXPRESSION` holds, as in 'noisebook runs'")
	flags.BoolVar(&options.NoArtifacts, "no-artifacts", false, "leave the artifacts for a later export")
	flags.Lookup("url").DefValue = "" // an address may hold a password
	return command
}

func runsToSend(command *cobra.Command, store *track.Store, names []string, filter string) ([]track.Run, error) {
	if filter != "" {
		return chosenRuns(command.Context(), command.ErrOrStderr(), store, names, filter)
	}
	return runsAndParts(store, names)
}

// runsAndParts are the named runs, in the order of the store, with all that are a
// part of them; without names, all runs.
func runsAndParts(store *track.Store, names []string) ([]track.Run, error) {
	all, err := store.Runs()
	if err != nil || len(names) == 0 {
		return all, err
	}
	wanted := map[string]bool{}
	for _, name := range names {
		run, err := store.Run(name)
		if err != nil {
			return nil, err
		}
		wanted[run.ID] = true
	}
	for grown := true; grown; { // parts of parts
		grown = false
		for _, run := range all {
			if !wanted[run.ID] && wanted[run.Parent] {
				wanted[run.ID], grown = true, true
			}
		}
	}
	var runs []track.Run
	for _, run := range all {
		if wanted[run.ID] {
			runs = append(runs, run)
		}
	}
	return runs, nil
}

func sentText(s mlflow.Sent, left int) string {
	return fmt.Sprintf("%s %s: %d points, %d artifacts (%.1f MB); %d more runs", s.Title, s.Run, s.Points, s.Artifacts, float64(s.Bytes)/1e6, left)
}

// printSent says what an export sent altogether.
func printSent(w io.Writer, server string, runs []mlflow.Sent) {
	var all mlflow.Sent
	for _, s := range runs {
		all.Points += s.Points
		all.Params += s.Params
		all.Tags += s.Tags
		all.Artifacts += s.Artifacts
		all.Bytes += s.Bytes
	}
	fmt.Fprintf(w, "%d runs at %s: sent %d points, %d params, %d tags, %d artifacts (%.1f MB)\n",
		len(runs), server, all.Points, all.Params, all.Tags, all.Artifacts, float64(all.Bytes)/1e6)
}
