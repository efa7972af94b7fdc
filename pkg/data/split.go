package data

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Holdout says which part of the training images is kept for validation. Exactly one of Share and Count is set.
type Holdout struct {
	Share float64 // of the training images, in (0, 1)
	Count int     // images, from 1 to one less than there are
	Seed  uint64
}

// Split divides the training part into images to train on and images to validate on, both in their original order. Each
// class keeps its share to within one image; images with attributes are divided at random. The division is a function of the labels and the holdout alone, on every
// machine and with every version.
func (d *Dataset) Split(holdout Holdout) (train, validation Split, err error) {
	total := d.Train.Len()
	count := holdout.Count
	switch {
	case holdout.Share != 0 && holdout.Count != 0:
		return train, validation, fmt.Errorf("holdout: both share %g and count %d are set; set one", holdout.Share, holdout.Count)
	case holdout.Share != 0:
		if !(holdout.Share > 0 && holdout.Share < 1) {
			return train, validation, fmt.Errorf("holdout: share %g is outside (0, 1)", holdout.Share)
		}
		count = int(math.Round(holdout.Share * float64(total)))
	}
	if count < 1 || count >= total {
		return train, validation, fmt.Errorf("holdout: %d of %d training images; at least 1 must be held out and 1 left", count, total)
	}

	labels := d.Train.Labels
	if labels == nil {
		labels = make([]int32, total) // one class
	}
	keep, held := divide(labels, count, holdout.Seed, splitStream)
	return d.Train.Subset(keep), d.Train.Subset(held), nil
}

// divide chooses count positions such that each class keeps its share to within one, and returns the others and them, both
// ascending.
func divide(labels []int32, count int, seed uint64, use stream) (keep, held []int) {
	classes := byClass(labels)
	isHeld := make([]bool, len(labels))
	for c, quota := range apportion(count, classes) {
		shuffle(classes[c], seed, use, uint64(c))
		for _, i := range classes[c][:quota] {
			isHeld[i] = true
		}
	}
	keep, held = make([]int, 0, len(labels)-count), make([]int, 0, count)
	for i, is := range isHeld {
		if is {
			held = append(held, i)
		} else {
			keep = append(keep, i)
		}
	}
	return keep, held
}

// LabelMask chooses the images whose labels a semi-supervised method may see: true where the label is known. Each class
// keeps share of its labels, rounded to the nearest image. Share is in (0, 1] and must leave every class at least one
// label. With the same seed, a larger share keeps all that a smaller one keeps.
func LabelMask(labels []int32, share float64, seed uint64) ([]bool, error) {
	if !(share > 0 && share <= 1) {
		return nil, fmt.Errorf("label share %g is outside (0, 1]", share)
	}
	for i, label := range labels {
		if label < 0 {
			return nil, fmt.Errorf("label %d of image %d is negative", label, i)
		}
	}
	mask := make([]bool, len(labels))
	for c, members := range byClass(labels) {
		if len(members) == 0 {
			continue
		}
		quota := int(math.Round(share * float64(len(members))))
		if quota == 0 {
			return nil, fmt.Errorf("label share %g leaves none of the %d images of class %d; use at least %.3g", share, len(members), c,
				0.5/float64(len(members)))
		}
		shuffle(members, seed, maskStream, uint64(c))
		for _, i := range members[:quota] {
			mask[i] = true
		}
	}
	return mask, nil
}

// byClass lists the positions of each label in ascending order.
func byClass(labels []int32) [][]int {
	if len(labels) == 0 {
		return nil
	}
	classes := make([][]int, slices.Max(labels)+1)
	for i, label := range labels {
		classes[label] = append(classes[label], i)
	}
	return classes
}

// apportion divides count over the classes in proportion to their sizes, by largest remainders (ties to the lower class).
func apportion(count int, classes [][]int) []int {
	total := 0
	for _, members := range classes {
		total += len(members)
	}
	quotas, order := make([]int, len(classes)), make([]int, len(classes))
	left := count
	for c, members := range classes {
		quotas[c] = count * len(members) / total
		left -= quotas[c]
		order[c] = c
	}
	remainder := func(c int) int { return count * len(classes[c]) % total }
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(remainder(b), remainder(a)) })
	for _, c := range order[:left] {
		quotas[c]++
	}
	return quotas
}
