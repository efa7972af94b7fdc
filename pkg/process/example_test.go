package process_test

import (
	"fmt"
	"log"

	"noisebook/pkg/process"
)

// The chain of Ho et al. in 1000 steps, and what half of them leave of an image.
func ExampleNewDDPM() {
	betas, err := process.ScaledLinear(1000, process.HoFirst, process.HoLast)
	if err != nil {
		log.Fatal(err)
	}
	chain, err := process.NewDDPM(betas)
	if err != nil {
		log.Fatal(err)
	}
	m := chain.Marginal(499)
	fmt.Printf("x_t = %.3f x_0 + %.3f ε\n", m.Mean, m.Std)

	x := m.Diffuse(0.5, -1.2)
	fmt.Printf("x_t = %.3f came from x_0 = %.1f\n", x, m.Clean(x, -1.2))
	// Output:
	// x_t = 0.280 x_0 + 0.960 ε
	// x_t = -1.012 came from x_0 = 0.5
}

// DDIM in 4 steps. The data here are all 0.25, so that the noise in x is known
// without a network.
func ExampleDDPM_DDIM() {
	betas, err := process.ScaledLinear(500, process.HoFirst, process.HoLast)
	if err != nil {
		log.Fatal(err)
	}
	chain, err := process.NewDDPM(betas)
	if err != nil {
		log.Fatal(err)
	}
	short, err := chain.Respace(4)
	if err != nil {
		log.Fatal(err)
	}
	steps, err := short.DDIM(0)
	if err != nil {
		log.Fatal(err)
	}
	x := 1.0
	for _, step := range steps {
		noise := step.At.Noise(x, 0.25) // a network's part
		clean := step.At.Clean(x, noise)
		x = step.Next(clean, noise, 0)
		fmt.Printf("%3d to %3d: %.3f\n", step.From, step.To, x)
	}
	// Output:
	// 375 to 250: 1.018
	// 250 to 125: 0.865
	// 125 to   0: 0.264
	//   0 to  -1: 0.250
}

// One reverse step of the variance-preserving SDE at the middle of time.
func ExampleReverseDiffusion() {
	vp, err := process.NewVP(0.1, 20, 1000)
	if err != nil {
		log.Fatal(err)
	}
	step := process.ReverseDiffusion(vp, process.InstantAt(0.5, vp.Steps()))
	x, score := 1.2, -0.9
	fmt.Printf("mean %.4f, noise %.4f\n", step.Mean(x, score), step.Fresh)
	// Output:
	// mean 1.1970, noise 0.1002
}
