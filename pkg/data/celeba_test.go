package data

import (
	"bytes"
	"fmt"
	"image/color"
	"slices"
	"strings"
	"testing"
)

// celebaFixture is six faces: three to train on, one to validate with, two for the test. Face i has attribute k if (i + k) is
// divisible by 3.
func celebaFixture(t testing.TB) map[string][]byte {
	partOf := []int{0, 2, 0, 1, 0, 2}
	var members []member
	var attributes, partition strings.Builder
	fmt.Fprintf(&attributes, "%d\n%s \n", len(partOf), strings.Join(celebaAttributes, " "))
	for i, part := range partOf {
		name := fmt.Sprintf("%06d.jpg", i+1)
		members = append(members, member{"img_align_celeba/" + name, encodeJPEG(t, plain(178, 218, color.NRGBA{uint8(40 * i), 100, 200, 255}))})
		attributes.WriteString(name)
		for k := range celebaAttributes {
			if (i+k)%3 == 0 {
				attributes.WriteString("  1")
			} else {
				attributes.WriteString(" -1")
			}
		}
		attributes.WriteString("\r\n")
		fmt.Fprintf(&partition, "%s %d\n", name, part)
	}
	slices.Reverse(members)
	return map[string][]byte{
		"img_align_celeba.zip":    encodeZip(t, members...),
		"list_attr_celeba.txt":    []byte(attributes.String()),
		"list_eval_partition.txt": []byte(partition.String()),
	}
}

func TestCelebA(t *testing.T) {
	dataset, err := loadFrom(t, "celeba", celebaFixture(t))
	if err != nil {
		t.Fatal(err)
	}
	if dataset.Train.Len() != 3 || dataset.Validation.Len() != 1 || dataset.Test.Len() != 2 || dataset.Train.Labels != nil || dataset.Train.AttributeCount != 40 {
		t.Fatalf("%d + %d + %d faces with %d attributes", dataset.Train.Len(), dataset.Validation.Len(), dataset.Test.Len(), dataset.Train.AttributeCount)
	}
	for k, face := range []int{0, 2, 4} { // of the training part
		if d := int(dataset.Train.Pixels(k)[0]) - 40*face; d < -2 || d > 2 || dataset.Train.Height != 64 {
			t.Errorf("face %d is red by %d", face, dataset.Train.Pixels(k)[0])
		}
		for a, present := range dataset.Train.AttributesOf(k) {
			if present == 1 != ((face+a)%3 == 0) {
				t.Errorf("face %d: attribute %s is %d", face, dataset.Attributes[a], present)
			}
		}
	}
	if counts := dataset.Train.AttributeCounts(); counts[0] != 1 || counts[1] != 1 || counts[2] != 1 || len(counts) != 40 {
		t.Errorf("counts are %v", counts)
	}
}

func TestCelebARejects(t *testing.T) {
	change := func(file, old, new string) map[string][]byte {
		contents := celebaFixture(t)
		contents[file] = bytes.Replace(contents[file], []byte(old), []byte(new), 1)
		return contents
	}
	broken := celebaFixture(t)
	broken["img_align_celeba.zip"] = []byte("PK no archive")
	pictures := celebaFixture(t)
	pictures["img_align_celeba.zip"][200] ^= 0x55 // in the last face
	for want, contents := range map[string]map[string][]byte{
		"6 images are announced, but 5 follow":      change("list_attr_celeba.txt", "000006.jpg", ""),
		"the first line is":                         change("list_attr_celeba.txt", "6\n", "many\n"),
		"not the names of the 40":                   change("list_attr_celeba.txt", "Bald", "Bold"),
		"they are 1 or -1":                          change("list_attr_celeba.txt", " -1", " 0"),
		"do not list the same images":               change("list_eval_partition.txt", "000002", "000012"),
		"line 2 is \"000002.jpg 3\" instead of":     change("list_eval_partition.txt", "02.jpg 2", "02.jpg 3"),
		"no image of part 1":                        change("list_eval_partition.txt", "04.jpg 1", "04.jpg 0"),
		"no zip archive":                            broken,
		"list_attr_celeba.txt: line 3 has 40 field": change("list_attr_celeba.txt", " -1", ""),
		`"000006.jpg": `:                            pictures,
	} {
		if strings.HasPrefix(want, "6 images") {
			content := contents["list_attr_celeba.txt"]
			contents["list_attr_celeba.txt"] = content[:bytes.LastIndexByte(content[:len(content)-1], '\n')+1]
		}
		_, err := loadFrom(t, "celeba", contents)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}

func FuzzCelebALists(f *testing.F) {
	contents := celebaFixture(f)
	f.Add(contents["list_attr_celeba.txt"])
	f.Add(contents["list_eval_partition.txt"])
	f.Add([]byte("1\na b\nx 1 -1\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if names, values, err := readAttributes(bytes.NewReader(content), []string{"a", "b"}); err == nil && len(values) != 2*len(names) {
			t.Errorf("%d values of %d images", len(values), len(names))
		}
		if names, parts, err := readPartition(bytes.NewReader(content)); err == nil && (len(parts) != len(names) || slices.Max(parts) > 2) {
			t.Errorf("%d parts of %d images", len(parts), len(names))
		}
	})
}

// withAttributes is n images whose attributes are the lowest three bits of their position.
func withAttributes(n int) Split {
	split := labelled(make([]int32, n)...)
	split.Labels, split.AttributeCount = nil, 3
	for i := range n {
		split.Attributes = append(split.Attributes, uint8(i&1), uint8(i>>1&1), uint8(i>>2&1))
	}
	return split
}

func TestSplitsWithAttributes(t *testing.T) {
	split := withAttributes(20)
	if split.Len() != 20 || !slices.Equal(split.AttributeCounts(), []int{10, 10, 8}) {
		t.Errorf("%d images, counts %v", split.Len(), split.AttributeCounts())
	}
	if got := split.Subset([]int{5, 2}); !slices.Equal(got.Attributes, []uint8{1, 0, 1, 0, 1, 0}) || got.Labels != nil || got.Len() != 2 {
		t.Errorf("subset has %v", got.Attributes)
	}
	if got := split.First(3); !slices.Equal(got.Attributes, []uint8{0, 0, 0, 1, 0, 0, 0, 1, 0}) || got.Len() != 3 {
		t.Errorf("the first three have %v", got.Attributes)
	}
	dataset := Dataset{Train: split}
	train, validation, err := dataset.Split(Holdout{Count: 4, Seed: 1})
	if err != nil || train.Len() != 16 || validation.Len() != 4 {
		t.Fatalf("%d + %d images (%v)", train.Len(), validation.Len(), err)
	}
	for _, part := range []Split{train, validation} {
		for i := range part.Len() {
			position := part.Pixels(i)[0]
			if want := []uint8{position & 1, position >> 1 & 1, position >> 2 & 1}; !slices.Equal(part.AttributesOf(i), want) {
				t.Errorf("image %d has the attributes of another: %v", position, part.AttributesOf(i))
			}
		}
	}
}

func TestFillAttributes(t *testing.T) {
	batches, err := NewBatches(withAttributes(10), 4, 1)
	if err != nil {
		t.Fatal(err)
	}
	images, attributes, pixels := make([]float32, 4), make([]int32, 12), make([]uint8, 4)
	for step := range 5 {
		if err := batches.Fill(step, images, attributes); err != nil {
			t.Fatal(err)
		}
		Pixels(pixels, images)
		for i, position := range pixels {
			if want := []int32{int32(position & 1), int32(position >> 1 & 1), int32(position >> 2 & 1)}; !slices.Equal(attributes[3*i:3*i+3], want) {
				t.Errorf("step %d: image %d has %v, want %v", step, position, attributes[3*i:3*i+3], want)
			}
		}
	}
	if err := batches.Fill(0, images, attributes[:4]); err == nil || !strings.Contains(err.Error(), "a batch has 12") {
		t.Errorf("room for one label an image: %v", err)
	}
}
