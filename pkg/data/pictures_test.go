package data

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"noisebook/pkg/picture"
)

// cifarPictures is an archive as GitHub packs it, two pictures of each class for both parts.
func cifarPictures(t testing.TB) []byte {
	members := []member{{"CIFAR-10-images-d7d0561/README.md", []byte("pictures")}}
	for _, part := range []string{"test", "train"} {
		for c, class := range slices.Backward(cifar10Classes) {
			for k := range 2 {
				picture := encodeJPEG(t, plain(32, 32, color.NRGBA{uint8(20 * c), uint8(100 * k), 60, 255}))
				members = append(members, member{fmt.Sprintf("CIFAR-10-images-d7d0561/%s/%s/%04d.jpg", part, class, k), picture})
			}
		}
	}
	return compress(encodeTar(t, members...))
}

func TestCIFARPictures(t *testing.T) {
	dataset, err := loadFrom(t, "cifar10-jpeg", map[string][]byte{"cifar10-jpeg-train.tar": cifarPictures(t), "cifar10-jpeg-test.tar": cifarPictures(t)})
	if err != nil {
		t.Fatal(err)
	}
	if want := []int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}; !slices.Equal(dataset.Train.First(10).Labels, want) || dataset.Train.Len() != 20 || dataset.VariantOf != "cifar-10" {
		t.Errorf("the first labels are %v, want each class once", dataset.Train.First(10).Labels)
	}
	for i := range dataset.Test.Len() {
		pixels := dataset.Test.Pixels(i)
		want := [3]int{20 * (i % 10), 100 * (i / 10), 60}
		for k, v := range want {
			if d := int(pixels[k]) - v; d < -2 || d > 2 {
				t.Errorf("image %d starts with %v, want %v", i, pixels[:3], want)
				break
			}
		}
	}
}

func repack(t testing.TB, archive []byte, folder string) ([]byte, error) {
	r, err := normalizeTar(bytes.NewReader(archive), folder, 1<<20)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// However pictures are packed, the same archive stands for them; other pictures give another one.
func TestNormalizeTar(t *testing.T) {
	a, b := member{"set/x/a.png", []byte("first")}, member{"set/x/b.jpg", []byte("second")}
	want, err := repack(t, encodeTar(t, a, b), "set")
	if err != nil {
		t.Fatal(err)
	}
	for name, archive := range map[string][]byte{
		"other order": encodeTar(t, b, a),
		"in a folder": encodeTar(t, member{"repository-1/set/x/b.jpg", b.content}, member{"repository-1/set/x/a.png", a.content}),
		"with others": encodeTar(t, member{"set/notes.txt", nil}, member{"other/a.png", nil}, member{"deep/er/set/c.png", nil}, a, b),
		"with a dot":  encodeTar(t, member{"./set/x/a.png", a.content}, member{"./set/x/b.jpg", b.content}),
		"itself":      want,
	} {
		if got, err := repack(t, archive, "set"); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: another archive (%v)", name, err)
		}
	}
	if got, err := repack(t, encodeTar(t, member{"set/x/a.png", []byte("fIrst")}, b), "set"); err != nil || bytes.Equal(got, want) {
		t.Errorf("other pictures give the same archive (%v)", err)
	}
	for reason, archive := range map[string][]byte{
		"no pictures in a folder set": encodeTar(t, member{"other/a.png", nil}),
		"more than its files can":     encodeTar(t, member{"set/a.png", make([]byte, 1<<20+1)}),
		"cut short":                   encodeTar(t, a, b)[:515],
		"no tar archive":              bytes.Repeat([]byte("x"), 1024),
	} {
		if _, err := repack(t, archive, "set"); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("error is %v, want %q", err, reason)
		}
	}
}

// The documented command packs the same bytes.
func TestNormalizedTarIsThatOfTheCommand(t *testing.T) {
	folder := t.TempDir()
	put(t, filepath.Join(folder, "set/x/a.png"), []byte("first"))
	put(t, filepath.Join(folder, "set/b.jpg"), bytes.Repeat([]byte("second"), 300))
	command := exec.Command("sh", "-c", "tar --version | grep -q GNU && find set -type f | LC_ALL=C sort | "+
		"tar --format=ustar --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=0644 -b 1 -T - -cf -")
	command.Dir = folder
	packed, err := command.Output()
	if err != nil {
		t.Skip("no GNU tar")
	}
	if got, err := repack(t, packed, "set"); err != nil || !bytes.Equal(got, packed) {
		t.Errorf("%d bytes (%v), the command's are %d", len(got), err, len(packed))
	}
}

func FuzzNormalizeTar(f *testing.F) {
	archive := encodeTar(f, member{"a/set/x.png", []byte("one")}, member{"set/y.jpg", []byte("two")})
	f.Add(archive)
	f.Add(archive[:700])
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, content []byte) {
		got, err := repack(t, content, "set")
		if err != nil {
			return
		}
		if again, err := repack(t, got, "set"); err != nil || !bytes.Equal(again, got) {
			t.Errorf("normalizing twice gives another archive (%v)", err)
		}
	})
}

// The authors' preparations, on pictures whose result is known.
func TestPrepare(t *testing.T) {
	rows := func(height, width int) picture.Picture {
		p := picture.Picture{Height: height, Width: width, Channels: 3}
		for y := range height {
			for range width {
				p.Pixels = append(p.Pixels, uint8(y), uint8(y), uint8(y))
			}
		}
		return p
	}
	// 218×178 becomes 78×64, of which the rows 7…70 stay: row r comes from about row (r + 7.5)·218/78 − 0.5.
	got := smallerSideTo(64)(rows(218, 178))
	if got.Height != 64 || got.Width != 64 || got.Pixels[0] != 20 || got.Pixels[63*64*3] != 197 {
		t.Errorf("%d×%d with %d at the top and %d at the bottom", got.Height, got.Width, got.Pixels[0], got.Pixels[63*64*3])
	}
	// 256×300 is halved to 128×150 and to 64×75: four rows become one, and columns are cut on both sides.
	got = halveThenCubic(64)(rows(256, 300))
	if got.Height != 64 || got.Width != 64 || got.Pixels[0] != 2 || got.Pixels[63*64*3] < 253 {
		t.Errorf("%d×%d with %d at the top and %d at the bottom", got.Height, got.Width, got.Pixels[0], got.Pixels[63*64*3])
	}
	for name, prepare := range map[string]prepare{"smallerSideTo": smallerSideTo(64), "halveThenCubic": halveThenCubic(64)} {
		for _, size := range [][2]int{{1, 1}, {64, 64}, {63, 200}, {1, 100}, {131, 127}} {
			if got := prepare(rows(size[0], size[1])); got.Height != 64 || got.Width != 64 || len(got.Pixels) != 64*64*3 {
				t.Errorf("%s of %v is %d×%d", name, size, got.Height, got.Width)
			}
		}
		if got := prepare(rows(1, 2000)); got.Height == 64 {
			t.Errorf("%s accepts a thread", name)
		}
	}
}
