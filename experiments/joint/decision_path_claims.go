package joint

import (
	"fmt"
	"slices"
	"strings"

	"noisebook/pkg/claim"
	"noisebook/pkg/table"
)

// judge holds the paper's shape claims against the paths.
func (c DecisionPathConfig) judge(t table.Table, classes []string) []claim.Judgement {
	shapes := []claim.Shape{
		{Claim: "larger α reaches the target sooner: the t from which its mean probability stays above a half rises with α", Check: decidedSooner},
		{Claim: fmt.Sprintf("some classes are decided later than others: at α = %g, of those that are decided, the last a tenth of the path or more after the first", c.ClassAlpha), Check: c.classesDiffer},
	}
	if name, err := paperDataset(c.Model.Dataset); err == nil && name == "CIFAR-10" { // or a variant
		late := classes[lateClass]
		shapes = append(shapes, claim.Shape{Claim: fmt.Sprintf("class %d (%s) is among the last three to be decided", lateClass, late),
			Check: func(t table.Table) (claim.Evidence, error) { return c.amongTheLast(t, late, 3) }})
	}
	var judgements []claim.Judgement
	for _, shape := range shapes {
		judgements = append(judgements, shape.Judge(c.Tier, t))
	}
	return judgements
}

// lateClass is the class that the paper names as late: CIFAR-10's cat.
const lateClass = 3

func decidedSooner(t table.Table) (claim.Evidence, error) {
	decided := table.New("alpha", "decided")
	var details []string
	if err := eachAlpha(t, func(alpha float64, rows table.Table) error {
		from, err := decidedFrom(rows)
		if err != nil {
			return err
		}
		details = append(details, fmt.Sprintf("α = %g %s", alpha, decidedInWords(from)))
		return decided.Append(alpha, from)
	}); err != nil {
		return claim.Evidence{}, err
	}
	evidence, err := claim.Monotone(claim.Trend{X: "alpha", Y: "decided", Direction: claim.Rises, MinPoints: 4})(decided)
	evidence.Detail = strings.Join(append([]string{evidence.Detail}, details...), "; ")
	return evidence, err
}

func decidedInWords(from float64) string {
	if from == neverDecided {
		return "never"
	}
	return fmt.Sprintf("from t = %g", from)
}

// decidedClasses are the classes at the step size at which they are compared. It
// cannot tell if none is ever decided.
func (c DecisionPathConfig) decidedClasses(t table.Table) ([]decidedClass, error) {
	rows, err := t.Where("alpha", c.ClassAlpha)
	if err != nil {
		return nil, err
	}
	classes, err := classesByDecision(rows)
	if err != nil {
		return nil, err
	}
	if len(classes) < 2 || classes[0].from == neverDecided {
		return nil, fmt.Errorf("at α = %g no class of %d is ever decided", c.ClassAlpha, len(classes))
	}
	return classes, nil
}

func (c DecisionPathConfig) classesDiffer(t table.Table) (claim.Evidence, error) {
	classes, err := c.decidedClasses(t)
	if err != nil {
		return claim.Evidence{}, err
	}
	classes = slices.DeleteFunc(classes, func(d decidedClass) bool { return d.from == neverDecided })
	if len(classes) < 2 {
		return claim.Evidence{}, fmt.Errorf("at α = %g only %s is ever decided", c.ClassAlpha, classes[0].name)
	}
	first, last := classes[0], classes[len(classes)-1]
	spread := first.from - last.from
	return claim.Evidence{Holds: spread >= 0.1*float64(c.Model.Chain.Timesteps), Value: spread,
		Detail: fmt.Sprintf("the last: %s, %s; the first: %s, %s", decidedAt(classes, last.from), decidedInWords(last.from), decidedAt(classes, first.from), decidedInWords(first.from))}, nil
}

// decidedAt names the classes that are decided at one t; there may be several.
func decidedAt(classes []decidedClass, from float64) string {
	var names []string
	for _, c := range classes {
		if c.from == from {
			names = append(names, c.name)
		}
	}
	return strings.Join(names, ", ")
}

func (c DecisionPathConfig) amongTheLast(t table.Table, name string, count int) (claim.Evidence, error) {
	classes, err := c.decidedClasses(t)
	if err != nil {
		return claim.Evidence{}, err
	}
	place := slices.IndexFunc(classes, func(d decidedClass) bool { return d.name == name })
	if place < 0 {
		return claim.Evidence{}, fmt.Errorf("the table has no class %q", name)
	}
	undecided := 0
	for _, d := range classes {
		if d.from == neverDecided {
			undecided++
		}
	}
	if classes[place].from == neverDecided && undecided > count {
		return claim.Evidence{}, fmt.Errorf("%s and %d other classes are never decided: longer training or another class_alpha may tell them apart", name, undecided-1)
	}
	return claim.Evidence{Holds: place >= len(classes)-count, Value: float64(place + 1),
		Detail: fmt.Sprintf("%s is number %d of %d to be decided, %s", name, place+1, len(classes), decidedInWords(classes[place].from))}, nil
}
