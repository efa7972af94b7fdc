package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/metric"
)

func newProbePCACommand() *cobra.Command {
	var components int
	var out string
	command := &cobra.Command{
		Use:   "pca X",
		Short: "Principal components of codes and the variance they explain",
		Long: `Principal components of codes and the variance they explain (divisor n-1).

With --out the components, variances, mean and the codes' coordinates along the
components are written as .npy files; the sign of a component is arbitrary.`,
		Example: "  noisebook probe pca x.npy --components 2 --out plane/",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			x, err := readCodes(args[0])
			if err != nil {
				return err
			}
			principal, err := metric.PCA(x, components)
			if err != nil {
				return err
			}
			samples, features := x.Dims()
			printed := struct {
				Samples  int       `json:"samples"`
				Features int       `json:"features"`
				Variance []float64 `json:"variance"`
				Share    []float64 `json:"share"`
				Written  []string  `json:"written,omitempty"`
			}{samples, features, principal.Variance, principal.Share, nil}
			if out != "" {
				if printed.Written, err = writePCA(out, principal, x); err != nil {
					return err
				}
			}
			asJSON, err := command.Flags().GetBool("json")
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(command.OutOrStdout(), printed)
			}
			tw := tabwriter.NewWriter(command.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintln(tw, "component\tvariance\tshare\ttogether")
			together := 0.0
			for k, variance := range principal.Variance {
				together += principal.Share[k]
				fmt.Fprintf(tw, "%d\t%.6g\t%.4f\t%.4f\n", k+1, variance, principal.Share[k], together)
			}
			for _, path := range printed.Written {
				fmt.Fprintf(tw, "written\t%s\n", path)
			}
			return tw.Flush()
		},
	}
	command.Flags().IntVar(&components, "components", 2, "how many, 1 to the smaller of samples and features")
	command.Flags().StringVar(&out, "out", "", "folder for components.npy, variance.npy, mean.npy and coordinates.npy")
	return command
}

// writePCA writes the components and the codes' coordinates to a folder.
func writePCA(folder string, principal metric.Principal, x *mat.Dense) ([]string, error) {
	coordinates, err := principal.Project(x)
	if err != nil {
		return nil, err
	}
	return saveArrays(folder, map[string]*mat.Dense{
		"components":  principal.Components,
		"coordinates": coordinates,
	}, map[string][]float64{
		"variance": principal.Variance,
		"mean":     principal.Mean,
	}, nil)
}
