package joint

import (
	"fmt"
	"slices"
	"strings"

	"noisebook/pkg/data"
)

// attribute is a yes-or-no question about an image: one of the dataset's own, or
// one that its class answers.
type attribute struct {
	name  string
	index int   // of the dataset's own
	has   []int // classes that have it; nil for the dataset's own
	lacks []int // classes that lack it; nil means all others
}

// fashionAttributes are ours: Fashion-MNIST has no attributes, but some of its
// classes differ in the outline, others in detail alone.
var fashionAttributes = []attribute{
	{name: "footwear", has: []int{5, 7, 9}},
	{name: "upper body", has: []int{0, 2, 4, 6}}, // T-shirt, pullover, coat, shirt
	{name: "long sleeves", has: []int{2, 4, 6}},  // of T-shirts and dresses few have them
	{name: "shirt or T-shirt", has: []int{6}, lacks: []int{0}},
	{name: "sneaker or ankle boot", has: []int{7}, lacks: []int{9}},
	{name: "pullover or coat", has: []int{2}, lacks: []int{4}},
}

// attributesOf are a dataset's attributes: its own or, where images have
// classes alone, those that we derive from them.
func attributesOf(d data.Description) ([]attribute, error) {
	if d.Name == "fashion-mnist" {
		return fashionAttributes, nil
	}
	if len(d.Attributes) == 0 {
		return nil, fmt.Errorf("%s has no attributes: use celeba, or fashion-mnist with those derived from its classes", d.Name)
	}
	var all []attribute
	for i, name := range d.Attributes {
		all = append(all, attribute{name: name, index: i})
	}
	return all, nil
}

// findAttributes picks attributes by name.
func findAttributes(d data.Description, names []string) ([]attribute, error) {
	all, err := attributesOf(d)
	if err != nil {
		return nil, err
	}
	var found []attribute
	for _, name := range names {
		i := slices.IndexFunc(all, func(a attribute) bool { return a.name == name })
		if i < 0 {
			return nil, fmt.Errorf("%s has no attribute %q: it has %s", d.Name, name, strings.Join(attributeNames(all), ", "))
		}
		found = append(found, all[i])
	}
	return found, nil
}

func attributeNames(attributes []attribute) []string {
	var names []string
	for _, a := range attributes {
		names = append(names, a.name)
	}
	return names
}

// of lists the images that the question is put to, and the answers, 1 for yes.
func (a attribute) of(images data.Split) (rows, answers []int) {
	for i := range images.Len() {
		answer := 0
		switch {
		case a.has == nil:
			answer = int(images.AttributesOf(i)[a.index])
		case slices.Contains(a.has, int(images.Labels[i])):
			answer = 1
		case a.lacks != nil && !slices.Contains(a.lacks, int(images.Labels[i])):
			continue
		}
		rows, answers = append(rows, i), append(answers, answer)
	}
	return rows, answers
}
