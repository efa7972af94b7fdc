package augment_test

import (
	"fmt"
	"log"

	"noisebook/pkg/augment"
)

// An image is flipped with probability ½, at every run the same.
func ExampleAugmenter() {
	a, err := augment.New(augment.Config{FlipProbability: 0.5}, 1, 3, 1, 7)
	if err != nil {
		log.Fatal(err)
	}
	images := []float32{ // four of 1×3 pixels
		-1, 0, 1,
		-1, 0, 1,
		-1, 0, 1,
		-1, 0, 1,
	}
	if err := a.Augment(0, images); err != nil {
		log.Fatal(err)
	}
	for i := range 4 {
		fmt.Println(images[3*i : 3*i+3])
	}
	// Output:
	// [-1 0 1]
	// [-1 0 1]
	// [1 0 -1]
	// [-1 0 1]
}
