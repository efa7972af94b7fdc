package joint

import (
	"fmt"
	"io"

	"noisebook/experiments"
	"noisebook/pkg/data"
	"noisebook/pkg/joint"
	"noisebook/pkg/npy"
	"noisebook/pkg/track"
)

// targets are the classes that count images aim at: the classes in turn.
func targets(count, classes int) []int32 {
	labels := make([]int32, count)
	for i := range labels {
		labels[i] = int32(i % classes)
	}
	return labels
}

// attributeTargets are the attributes that count images aim at, row-major
// [count, K]: all of a random image's, without repetition while there are enough
// images (the authors' code).
func attributeTargets(images data.Split, count int, seed uint64) []int32 {
	order := experiments.Permutation(images.Len(), seed)
	targets := make([]int32, 0, count*images.AttributeCount)
	for i := range count {
		targets = append(targets, wide(images.AttributesOf(order[i%len(order)]))...)
	}
	return targets
}

// wide are attributes as the numbers of a target.
func wide(attributes []uint8) []int32 {
	y := make([]int32, len(attributes))
	for k, present := range attributes {
		y[k] = int32(present)
	}
	return y
}

// targetWidth is how many numbers an image's target has.
func targetWidth(network joint.Config) int {
	if network.Attributes {
		return network.Classes
	}
	return 1
}

// targetDims is the shape of n images' targets: classes [n] or attributes [n, K].
func targetDims(network joint.Config, n int) []int {
	if network.Attributes {
		return []int{n, network.Classes}
	}
	return []int{n}
}

func writeTargets(w io.Writer, network joint.Config, aims []int32) error {
	wide := make([]int64, len(aims))
	for i, y := range aims {
		wide[i] = int64(y)
	}
	return npy.Write(w, targetDims(network, len(aims)/targetWidth(network)), wide)
}

// images reads a set of samples as a split that is labelled with what each
// image aims at, so that it can be measured like data.
func images(store *track.Store, s Samples) (data.Split, error) {
	array, err := open(store, s.Images)
	if err != nil {
		return data.Split{}, err
	}
	shape := array.Shape()
	pixels, err := array.Bytes()
	if err != nil || len(shape) != 4 {
		return data.Split{}, fmt.Errorf("joint: samples are %s of shape %v, want uint8 of 4 axes", array.Type(), shape)
	}
	split := data.Split{Images: pixels, Height: shape[1], Width: shape[2], Channels: shape[3]}

	if array, err = open(store, s.Targets); err != nil {
		return data.Split{}, err
	}
	dims := array.Shape()
	aims, err := array.Ints()
	if err != nil || len(dims) == 0 || len(dims) > 2 || dims[0] != shape[0] {
		return data.Split{}, fmt.Errorf("joint: the targets of %d samples are %s of shape %v", shape[0], array.Type(), dims)
	}
	if len(dims) == 2 {
		split.AttributeCount = dims[1]
		for _, present := range aims {
			split.Attributes = append(split.Attributes, uint8(present))
		}
		return split, nil
	}
	for _, class := range aims {
		split.Labels = append(split.Labels, int32(class))
	}
	return split, nil
}

// open reads an array of the store.
func open(store *track.Store, artifact track.Artifact) (*npy.Array, error) {
	path, err := store.Path(artifact)
	if err != nil {
		return nil, err
	}
	return npy.Open(path)
}
