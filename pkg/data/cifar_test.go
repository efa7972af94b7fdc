package data

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// cifarRecords are count records whose red, green and blue planes hold i+0, i+1 and i+2 plus the pixel's number.
func cifarRecords(count, labels int) []byte {
	var content []byte
	for i := range count {
		for k := range labels {
			content = append(content, byte((i+k)%10))
		}
		for colour := range 3 {
			for p := range 1024 {
				content = append(content, byte(i+colour+p))
			}
		}
	}
	return content
}

func cifar10Fixture(t testing.TB) []byte {
	var members []member
	for _, i := range []int{5, 2, 3, 4, 1} { // not in order
		members = append(members, member{fmt.Sprintf("cifar-10-batches-bin/data_batch_%d.bin", i), cifarRecords(i, 1)})
	}
	members = append(members, member{"cifar-10-batches-bin/test_batch.bin", cifarRecords(3, 1)})
	members = append(members, member{"cifar-10-batches-bin/readme.html", []byte("<html>")})
	return compress(encodeTar(t, members...))
}

func cifar100Fixture(t testing.TB) []byte {
	return compress(encodeTar(t, member{"cifar-100-binary/fine_label_names.txt", []byte("apple\n")},
		member{"cifar-100-binary/test.bin", cifarRecords(3, 2)}, member{"cifar-100-binary/train.bin", cifarRecords(12, 2)}))
}

func TestCIFAR(t *testing.T) {
	dataset, err := loadFrom(t, "cifar-10", map[string][]byte{"cifar-10-binary.tar.gz": cifar10Fixture(t)})
	if err != nil {
		t.Fatal(err)
	}
	// The batches have as many records as their number, and are in that order.
	if want := []int32{0, 0, 1, 0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 3, 4}; !slices.Equal(dataset.Train.Labels, want) || dataset.Test.Len() != 3 {
		t.Errorf("labels are %v, want %v", dataset.Train.Labels, want)
	}
	if got := dataset.Train.Pixels(2); got[0] != 1 || got[1] != 2 || got[2] != 3 || got[3*33] != 34 || len(got) != 32*32*3 {
		t.Errorf("pixels of the third image start with %v", got[:3])
	}
	hundred, err := loadFrom(t, "cifar-100", map[string][]byte{"cifar-100-binary.tar.gz": cifar100Fixture(t)})
	if err != nil {
		t.Fatal(err)
	}
	if hundred.Train.Len() != 12 || hundred.Train.Labels[1] != 2 || len(hundred.Classes) != 100 {
		t.Errorf("%d images, labels %v: want the fine ones", hundred.Train.Len(), hundred.Train.Labels)
	}
}

func TestCIFARRejects(t *testing.T) {
	for want, content := range map[string][]byte{
		"no data_batch_1.bin in the archive": compress(encodeTar(t, member{"test_batch.bin", cifarRecords(1, 1)})),
		"no whole number of records of 3073": compress(encodeTar(t, member{"data_batch_1.bin", cifarRecords(1, 1)[1:]})),
		"label 10 of record 0 is outside":    compress(encodeTar(t, member{"data_batch_1.bin", append([]byte{10}, cifarRecords(1, 1)[1:]...)})),
		"no tar archive":                     compress([]byte(strings.Repeat("no archive ", 100))),
		"cut short":                          compress(encodeTar(t, member{"data_batch_1.bin", cifarRecords(9, 1)})[:5000]),
	} {
		_, err := loadFrom(t, "cifar-10", map[string][]byte{"cifar-10-binary.tar.gz": content})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}

func FuzzCIFARRecords(f *testing.F) {
	f.Add(cifarRecords(2, 1))
	f.Add(cifarRecords(1, 1)[:100])
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, content []byte) {
		split := Split{Height: cifarSide, Width: cifarSide, Channels: 3}
		if err := (cifarDecoder{labels: 1}).add(&split, content, 10); err != nil {
			return
		}
		if split.Len() != len(split.Labels) || split.Len()*3073 != len(content) || slices.Max(split.Labels) > 9 {
			t.Errorf("%d bytes became %d images with labels %v", len(content), split.Len(), split.Labels)
		}
	})
}
