package joint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"noisebook/pkg/augment"
	"noisebook/pkg/claim"
	"noisebook/pkg/data"
	"noisebook/pkg/figure"
	"noisebook/pkg/published"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
)

// The sources of a comparison's rows.
const (
	sourcePaper = published.SourcePaper
	sourceHere  = "here"
)

// comparisonColumns are a comparison's table: a row a number that the paper
// prints, then one a measurement. The note says what makes it not comparable.
var comparisonColumns = []string{"source", "dataset", "method", "condition", "metric", "value", "seed", "note"}

const noSuchRow = "the paper has no such row"

// measurement is one number of ours that belongs into a table of the paper.
type measurement struct {
	Dataset   string // as the paper names it
	Method    string // as the paper names it, or one of ours beside them
	Condition string // empty where the paper's table has one only
	Metric    string // with its unit, as in pkg/claim: accuracy_pct, fid
	Value     float64
	Seed      uint64        // of what is repeated
	Setting   claim.Setting // ours
	Further   []string      // cells of the comparison's further columns; nil leaves them empty
}

// comparison is a table of the paper beside ours.
type comparison struct {
	artifact string   // the paper's own name: tab1
	methods  []string // the paper's rows that are shown; nil means all
	at       tier.Tier
	measured []measurement
	// setting is the paper's, for one of its numbers; nil means paperSetting.
	setting func(claim.ReportedValue) (claim.Setting, error)
	// further are columns that this table has beside those of every comparison;
	// quotes fills them for a number of the paper's, nil leaves them empty there.
	further []string
	quotes  func(claim.ReportedValue) []string
}

// paperDatasets are the datasets in the order of the paper's columns.
var paperDatasets = []string{"FashionMNIST", "SVHN", "CIFAR-10", "CIFAR-100", "CelebA"}

// reported are the paper's results, a dataset after the other; what it says of
// the protocol (metrics named setting_…) is none.
func (c comparison) reported() []claim.ReportedValue {
	values := slices.DeleteFunc(claim.ReportedValues("joint", c.artifact), func(v claim.ReportedValue) bool {
		return strings.HasPrefix(v.Metric, "setting_") || c.methods != nil && !slices.Contains(c.methods, v.Method)
	})
	slices.SortStableFunc(values, func(a, b claim.ReportedValue) int {
		return cmp.Compare(slices.Index(paperDatasets, a.Dataset), slices.Index(paperDatasets, b.Dataset))
	})
	return values
}

// table is the paper's rows, then ours.
func (c comparison) table() (table.Table, error) {
	t := table.New(slices.Concat(comparisonColumns, c.further)...)
	add := func(further []string, cells ...any) error {
		if further == nil {
			further = make([]string, len(c.further))
		}
		for _, cell := range further {
			cells = append(cells, cell)
		}
		return t.Append(cells...)
	}
	for _, v := range c.reported() {
		var further []string
		if c.quotes != nil {
			further = c.quotes(v)
		}
		if err := add(further, sourcePaper, v.Dataset, v.Method, v.Condition, v.Metric, v.Value, "", ""); err != nil {
			return t, err
		}
	}
	for _, m := range c.measured {
		note := noSuchRow
		if v, err := claim.Reported("joint", c.artifact, m.Dataset, m.Method, m.Condition, m.Metric); err == nil {
			j, err := c.number(v, []measurement{m})
			if err != nil {
				return t, err
			}
			note = j.Reason
		}
		if err := add(m.Further, sourceHere, m.Dataset, m.Method, m.Condition, m.Metric, m.Value, m.Seed, note); err != nil {
			return t, err
		}
	}
	return t, nil
}

// judge holds the mean over seeds of ours against each of the paper's numbers that has a counterpart.
func (c comparison) judge() ([]claim.Judgement, error) {
	var judgements []claim.Judgement
	for _, v := range c.reported() {
		ours := c.counterparts(v)
		if len(ours) == 0 {
			continue
		}
		j, err := c.number(v, ours)
		if err != nil {
			return nil, err
		}
		judgements = append(judgements, j)
	}
	return judgements, nil
}

// counterparts are our measurements, by seed, of what the paper has one number for.
func (c comparison) counterparts(v claim.ReportedValue) []measurement {
	var ours []measurement
	for _, m := range c.measured {
		if m.Dataset == v.Dataset && m.Method == v.Method && m.Condition == v.Condition && m.Metric == v.Metric {
			ours = append(ours, m)
		}
	}
	return ours
}

// meanOf is the mean over seeds.
func meanOf(ours []measurement) float64 {
	sum := 0.0
	for _, m := range ours {
		sum += m.Value
	}
	return sum / float64(len(ours))
}

// number judges measurements of one thing against what the paper reports of it.
func (c comparison) number(v claim.ReportedValue, ours []measurement) (claim.Judgement, error) {
	setting := c.setting
	if setting == nil {
		setting = paperSetting
	}
	theirs, err := setting(v)
	if err != nil {
		return claim.Judgement{}, err
	}
	u, known := units[v.Metric]
	if !known {
		return claim.Judgement{}, fmt.Errorf("joint: %s has numbers of metric %q: add it to units", c.artifact, v.Metric)
	}
	text := fmt.Sprintf("%s of %s on %s (%s)", u.name, v.Method, v.Dataset, c.artifact)
	if v.Condition != "" {
		text = fmt.Sprintf("%s of %s on %s, %s (%s)", u.name, v.Method, v.Dataset, v.Condition, c.artifact)
	}
	number := claim.Number{Claim: text, Reported: v.Value, Tolerance: u.tolerance, Setting: theirs}
	return number.Judge(c.at, meanOf(ours), ours[0].Setting), nil
}

// unit describes a metric of the paper's tables.
type unit struct {
	name      string
	better    figure.Better
	tolerance float64 // within which a number counts as reproduced, in its unit
}

var units = map[string]unit{
	"accuracy_pct":  {"accuracy, %", figure.Higher, 0.5},
	"fid":           {"FID", figure.Lower, 1},
	"precision_pct": {"precision, %", figure.Higher, 2},
	"recall_pct":    {"recall, %", figure.Higher, 2},
	// Of ours alone: the share of images that a LeNet takes for what they aim at.
	"target_rate_pct": {"shows its target, %", figure.Higher, 0},
}

// paperSetting is the authors' model of the number's dataset and, for what
// compares images, the Inception network and 5,000 samples.
func paperSetting(v claim.ReportedValue) (claim.Setting, error) {
	dataset, err := ourDataset(v.Dataset)
	if err != nil {
		return claim.Setting{}, err
	}
	model, err := suite(tier.Paper, dataset).Model(dataset)
	if err != nil {
		return claim.Setting{}, err
	}
	setting := claim.Setting{Dataset: dataset, Model: describeRow(model, v.Method)}
	if v.Metric != "accuracy_pct" {
		setting.Features, setting.Samples = InceptionFeatures.Title(), 5000
	}
	return setting, nil
}

// describeRow describes a suite's model for a row of the paper's tables.
func describeRow(model ModelConfig, method string) string {
	switch method {
	case methodDDGM, methodSteered, methodProbe: // have no classifier branch in training
		model.Augment = augment.Config{}
	}
	return describe(model)
}

// ourDataset is the name in pkg/data of a dataset of the paper.
func ourDataset(paper string) (string, error) {
	for _, name := range data.Names() {
		if letters(name) == letters(paper) {
			return name, nil
		}
	}
	return "", fmt.Errorf("joint: no dataset is the paper's %q", paper)
}

// paperDataset is the paper's name of one of our datasets; a variant stands in
// for its original.
func paperDataset(ours string) (string, error) {
	d, err := data.Describe(ours)
	if err != nil {
		return "", err
	}
	original := cmp.Or(d.VariantOf, d.Name)
	for _, name := range paperDatasets {
		if letters(name) == letters(original) {
			return name, nil
		}
	}
	return "", fmt.Errorf("joint: the paper has no results on %s: its tables have %s", d.Title, strings.Join(paperDatasets, ", "))
}

// areApart refuses datasets that have no column of their own in the paper's tables.
func areApart(datasets []string) error {
	columns := map[string]string{}
	for _, name := range datasets {
		column, err := paperDataset(name)
		if err != nil {
			return fmt.Errorf("datasets: %w", err)
		}
		if other, taken := columns[column]; taken {
			return fmt.Errorf("datasets has %s and %s: both are the paper's %s, name one", other, name, column)
		}
		columns[column] = name
	}
	return nil
}

// letters leaves letters and digits, in lower case: FashionMNIST is fashion-mnist.
func letters(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

// drawComparison draws a comparison's table: a panel a dataset, or a dataset and metric.
func drawComparison(t table.Table, title, caption string, provenance map[string]string) (*figure.Figure, error) {
	metrics, err := t.Distinct("metric")
	if err != nil {
		return nil, err
	}
	drawn := table.New(append(slices.Clone(t.Columns), "panel")...)
	dataset, metric := slices.Index(t.Columns, "dataset"), slices.Index(t.Columns, "metric")
	spec := figure.DotsSpec{
		Row: "method", Value: "value", Group: "source", Panel: "panel", Seed: "seed", Hollow: []string{sourcePaper},
		Better: map[string]figure.Better{}, Title: title, Caption: caption, Provenance: provenance,
	}
	if len(metrics) == 1 {
		spec.XLabel = units[metrics[0]].name
	}
	for _, row := range t.Rows {
		panel := row[dataset]
		if len(metrics) > 1 {
			panel += ": " + units[row[metric]].name
		}
		spec.Better[panel] = units[row[metric]].better
		drawn.Rows = append(drawn.Rows, append(slices.Clone(row), panel))
	}
	return figure.Dots(drawn, spec)
}

// differences is a caption's sentence on what makes a comparison's numbers not comparable.
func (c comparison) differences() (string, error) {
	judgements, err := c.judge()
	if err != nil {
		return "", err
	}
	var reasons []string
	for _, j := range judgements {
		if j.Reason != "" && !slices.Contains(reasons, j.Reason) {
			reasons = append(reasons, j.Reason)
		}
	}
	if len(reasons) == 0 {
		return "", nil
	}
	return "Not comparable: " + strings.Join(reasons, " · ") + ".", nil
}
