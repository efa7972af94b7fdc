package safetensors_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"noisebook/pkg/safetensors"
)

func Example() {
	dir, err := os.MkdirTemp("", "safetensors")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "weights.safetensors")
	err = safetensors.Write(path, []safetensors.Tensor{
		safetensors.FromFloat32s("conv.weight", []int{1, 2}, []float32{0.5, -1}),
		safetensors.FromInt64s("step", nil, []int64{1200}),
	}, map[string]string{"model": "joint"})
	if err != nil {
		log.Fatal(err)
	}

	file, err := safetensors.Read(path)
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range file.Names() {
		tensor, err := file.Tensor(name)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(name, tensor.DType, tensor.Shape)
	}
	fmt.Println(file.Metadata["model"])
	// Output:
	// conv.weight F32 [1 2]
	// step I64 []
	// joint
}
