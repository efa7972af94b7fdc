package data

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// cells are ten of each class: uninfected ones are blue by 0, 10, 20, …, parasitized ones red.
func cells(t testing.TB) (uninfected, parasitized []member) {
	for i := range 10 {
		name := fmt.Sprintf("C%dThinF_IMG_%d_cell_%d.png", i%3, i, i)
		uninfected = append(uninfected, member{name, encodePNG(t, plain(120+i, 140, color.NRGBA{0, 0, uint8(10 * i), 255}))})
		parasitized = append(parasitized, member{"P" + name, encodePNG(t, plain(70, 66+i, color.NRGBA{uint8(10 * i), 0, 0, 255}))})
	}
	return uninfected, parasitized
}

func malariaFixture(t testing.TB) []byte {
	uninfected, parasitized := cells(t)
	members := []member{{"cell_images/Parasitized/Thumbs.db", []byte("no picture")}}
	for i := range uninfected {
		members = append(members, member{"cell_images/Parasitized/" + parasitized[i].name, parasitized[i].content},
			member{"cell_images/Uninfected/" + uninfected[i].name, uninfected[i].content})
	}
	return encodeZip(t, members...)
}

func malaria200Fixture(t testing.TB) map[string][]byte {
	uninfected, parasitized := cells(t)
	var members []member
	list := func(cells []member) []byte {
		var names []string
		for _, cell := range cells {
			names = append(names, "'"+cell.name+"'")
			members = append(members, member{"holdout_dataset/" + cell.name, cell.content})
		}
		return []byte("C1ThinF,[" + strings.Join(names, ", ") + "],,,\nC2ThinF,['elsewhere.png']\n")
	}
	contents := map[string][]byte{"patientid_cellmapping_parasitized.csv": list(parasitized)}
	contents["patientid_cellmapping_uninfected.csv"] = []byte(strings.ReplaceAll(string(list(uninfected)), "elsewhere", "other"))
	contents["malaria200.tar"] = encodeTar(t, members...)
	return contents
}

func TestMalaria(t *testing.T) {
	for name, contents := range map[string]map[string][]byte{"malaria": {"cell_images.zip": malariaFixture(t)}, "malaria200": malaria200Fixture(t)} {
		dataset, err := loadFrom(t, name, contents)
		if err != nil {
			t.Fatal(err)
		}
		if train, test := dataset.Train.ClassCounts(2), dataset.Test.ClassCounts(2); !slices.Equal(train, []int{8, 8}) || !slices.Equal(test, []int{2, 2}) {
			t.Errorf("%s: %v training and %v test cells, want one in five of each class", name, train, test)
		}
		if !slices.Equal(dataset.Test.Labels[:2], []int32{0, 1}) && !slices.Equal(dataset.Test.Labels[:2], []int32{1, 0}) && dataset.Test.Labels[0] == dataset.Test.Labels[3] {
			t.Errorf("%s: the test cells %v are ordered by class", name, dataset.Test.Labels)
		}
		seen := map[[3]uint8]bool{}
		for _, part := range []Split{dataset.Train, dataset.Test} {
			if part.Height != 64 || part.Width != 64 || part.Channels != 3 {
				t.Errorf("%s: cells of %d×%d×%d", name, part.Height, part.Width, part.Channels)
			}
			for i, label := range part.Labels {
				pixels := part.Pixels(i)
				if pixels[0] > 0 && label == 0 || pixels[2] > 0 && label == 1 || !slices.Equal(pixels[:3], pixels[len(pixels)-3:]) {
					t.Errorf("%s: a cell of class %d starts with %v", name, label, pixels[:3])
				}
				seen[[3]uint8{pixels[0], uint8(label), pixels[2]}] = true
			}
		}
		if len(seen) != 20 {
			t.Errorf("%s: %d different cells, want 20", name, len(seen))
		}
	}
}

// The parts hold for good: changed ones would silently change every published number.
func TestMalariaPartsGolden(t *testing.T) {
	dataset, err := loadFrom(t, "malaria", map[string][]byte{"cell_images.zip": malariaFixture(t)})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, label := range dataset.Test.Labels {
		pixels := dataset.Test.Pixels(i)
		got = append(got, fmt.Sprint(malariaClasses[label][:1], (int(pixels[0])+int(pixels[2]))/10))
	}
	if want := []string{"p6", "u1", "p1", "u8"}; !slices.Equal(got, want) {
		t.Errorf("test cells are %q, want %q", got, want)
	}
}

func TestMalariaRejects(t *testing.T) {
	_, parasitized := cells(t)
	for want, content := range map[string][]byte{
		"no zip archive":    []byte("no archive"),
		"too few":           encodeZip(t, member{"cell_images/Parasitized/a.png", parasitized[0].content}),
		`a.png": image: un`: encodeZip(t, member{"cell_images/Parasitized/a.png", []byte("GIF?")}),
	} {
		if _, err := loadFrom(t, "malaria", map[string][]byte{"cell_images.zip": content}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
	contents := malaria200Fixture(t)
	contents["patientid_cellmapping_parasitized.csv"] = []byte("C1ThinF,['elsewhere.png']\n")
	if _, err := loadFrom(t, "malaria200", contents); err == nil || !strings.Contains(err.Error(), "is in no list of cells") {
		t.Errorf("error is %v", err)
	}
	contents = malaria200Fixture(t)
	contents["patientid_cellmapping_parasitized.csv"] = contents["patientid_cellmapping_uninfected.csv"]
	if _, err := loadFrom(t, "malaria200", contents); err == nil || !strings.Contains(err.Error(), "is in the lists of both classes") {
		t.Errorf("error is %v", err)
	}
}

// Whatever an archive is, decoding ends without a panic, in one line or in cells of the data set's size in both parts.
func checkMalaria(t *testing.T, archive []byte) {
	t.Helper()
	description, err := Describe("malaria")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cell_images.zip")
	put(t, path, archive)
	got, err := decodeMalaria(t.Context(), description, map[string]foundFile{"cell_images.zip": {path: path}})
	if err != nil {
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("error %q is more than one line", err)
		}
		return
	}
	for _, part := range []Split{got.train, got.test} {
		if part.Len() == 0 || part.ImageSize() != 64*64*3 || len(part.Images) != part.Len()*part.ImageSize() || len(part.Labels) != part.Len() {
			t.Errorf("%d labels and %d values for %d cells of %d", len(part.Labels), len(part.Images), part.Len(), part.ImageSize())
		}
	}
}

// fewCells are members of an archive with two small cells of a class.
func fewCells(t testing.TB, class string) []member {
	cell := encodePNG(t, plain(3, 2, color.NRGBA{200, 100, 50, 255}))
	return []member{{"cell_images/" + class + "/a.png", cell}, {"cell_images/" + class + "/b.png", cell}}
}

func FuzzMalariaArchive(f *testing.F) {
	whole := encodeZip(f, append(fewCells(f, "Uninfected"), fewCells(f, "Parasitized")...)...)
	f.Add(whole)
	f.Add(whole[:len(whole)-30])
	f.Add(encodeZip(f, member{"cell_images/Parasitized/two\nlines.png", []byte("no picture")}))
	f.Add([]byte("PK\x05\x06"))
	f.Fuzz(checkMalaria)
}

// The archive's checksums are right here, so that changed pictures are decoded.
func FuzzMalariaPicture(f *testing.F) {
	cell := encodePNG(f, plain(130, 140, color.NRGBA{200, 100, 50, 255}))
	f.Add(cell)
	f.Add(cell[:len(cell)/2])
	f.Add(encodePNG(f, plain(1, 300, color.NRGBA{})))
	f.Add(encodePNG(f, image.NewGray(image.Rect(0, 0, 3, 2))))
	f.Add([]byte("\x89PNG\r\n\x1a\n"))
	others := append(fewCells(f, "Uninfected"), fewCells(f, "Parasitized")...)
	f.Fuzz(func(t *testing.T, picture []byte) {
		if config, _, err := image.DecodeConfig(bytes.NewReader(picture)); err == nil && config.Width*config.Height > 1<<16 {
			return // memory that a fuzzer need not spend
		}
		checkMalaria(t, encodeZip(t, append(others, member{"cell_images/Parasitized/c.png", picture})...))
	})
}

func TestReadCellNames(t *testing.T) {
	names, err := readCellNames(strings.NewReader("C1,['a.png', 'b.png'],,\n\"C2\",[]\nC3,['c.png']\n"))
	if err != nil || !slices.Equal(names, []string{"a.png", "b.png", "c.png"}) {
		t.Errorf("%q (%v)", names, err)
	}
	for text, want := range map[string]string{"": "no names", "C1,a.png": "no list of names in brackets", "C1": "no list", "C1,]": "no list"} {
		if _, err := readCellNames(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func FuzzReadCellNames(f *testing.F) {
	f.Add("C1,['a.png', 'b.png'],,\n")
	f.Add("C1,[")
	f.Add("\"")
	f.Fuzz(func(t *testing.T, text string) {
		names, err := readCellNames(strings.NewReader(text))
		if err == nil && (len(names) == 0 || slices.Contains(names, "")) {
			t.Errorf("names %q", names)
		}
	})
}
