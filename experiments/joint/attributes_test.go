package joint

import (
	"slices"
	"strings"
	"testing"

	"noisebook/pkg/data"
)

func describeData(t *testing.T, name string) data.Description {
	t.Helper()
	d, err := data.Describe(name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The derived attributes mean the classes that their names say.
func TestFashionAttributes(t *testing.T) {
	classes := describeData(t, "fashion-mnist").Classes
	for _, test := range []struct {
		name        string
		has, lacks  []string // lacks nil: all other classes
		askedOfRest bool
	}{
		{"footwear", []string{"Sandal", "Sneaker", "Ankle boot"}, nil, true},
		{"upper body", []string{"T-shirt/top", "Pullover", "Coat", "Shirt"}, nil, true},
		{"long sleeves", []string{"Pullover", "Coat", "Shirt"}, nil, true},
		{"shirt or T-shirt", []string{"Shirt"}, []string{"T-shirt/top"}, false},
		{"sneaker or ankle boot", []string{"Sneaker"}, []string{"Ankle boot"}, false},
		{"pullover or coat", []string{"Pullover"}, []string{"Coat"}, false},
	} {
		found, err := findAttributes(describeData(t, "fashion-mnist"), []string{test.name})
		if err != nil {
			t.Fatal(err)
		}
		var images data.Split // one of each class
		for class := range classes {
			images.Labels = append(images.Labels, int32(class))
		}
		rows, answers := found[0].of(images)
		asked := map[string]int{}
		for i, row := range rows {
			asked[classes[row]] = answers[i]
		}
		for class, name := range classes {
			answer, isAsked := asked[name]
			want := 0
			if slices.Contains(test.has, name) {
				want = 1
			}
			wantAsked := test.askedOfRest || want == 1 || slices.Contains(test.lacks, name)
			if isAsked != wantAsked || answer != want {
				t.Errorf("%s of class %d (%s): asked %t, answer %d; want %t, %d", test.name, class, name, isAsked, answer, wantAsked, want)
			}
		}
	}
}

func TestOwnAttributes(t *testing.T) {
	celeba := describeData(t, "celeba")
	found, err := findAttributes(celeba, []string{"Eyeglasses"})
	if err != nil {
		t.Fatal(err)
	}
	images := data.Split{Images: make([]uint8, 3), Height: 1, Width: 1, Channels: 1, AttributeCount: 40, Attributes: make([]uint8, 120)}
	images.Attributes[40+slices.Index(celeba.Attributes, "Eyeglasses")] = 1
	if rows, answers := found[0].of(images); !slices.Equal(rows, []int{0, 1, 2}) || !slices.Equal(answers, []int{0, 1, 0}) {
		t.Errorf("images %v answer %v, want the second alone with eyeglasses", rows, answers)
	}
	for dataset, want := range map[string]string{"celeba": `no attribute "footwear"`, "cifar-10": "no attributes"} {
		if _, err := findAttributes(describeData(t, dataset), []string{"footwear"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", dataset, err, want)
		}
	}
}
