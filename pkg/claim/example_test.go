package claim_test

import (
	"fmt"

	"noisebook/pkg/claim"
	"noisebook/pkg/tier"
)

func ExampleNumber_Judge() {
	reported, err := claim.Reported("joint", "tab2", "CIFAR-10", "DDGM", "", "fid")
	if err != nil {
		panic(err)
	}
	fid := claim.Number{
		Claim: "FID of the DDGM", Reported: reported.Value, Tolerance: 0.5,
		Setting: claim.Setting{Dataset: "CIFAR-10", Features: "Inception", Samples: 50000},
	}
	ours := claim.Setting{Dataset: "Fashion-MNIST", Features: "LeNet", Samples: 1000}
	j := fid.Judge(tier.CPU, 21.4, ours)
	fmt.Println(j.Verdict)
	fmt.Println(j.Reason)
	fmt.Println(fid.Judge(tier.Paper, 7.4, fid.Setting).Verdict)
	// Output:
	// not comparable
	// dataset: Fashion-MNIST, the paper CIFAR-10; feature network: LeNet, the paper Inception; samples: 1000, the paper 50000; tier cpu is smaller than the paper's
	// reproduced
}
