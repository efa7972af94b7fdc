package train

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"noisebook/pkg/nn"
	"noisebook/pkg/safetensors"
)

func randomWeights(net Network) Weights {
	rng := rand.New(rand.NewPCG(1, 2))
	draw := func(n int) []float32 {
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(rng.NormFloat64())
		}
		return values
	}
	return Weights{Values: draw(net.Layout.Size()), Statistics: draw(net.Statistics.Size())}
}

func TestWeightsRoundTrip(t *testing.T) {
	net := newNoisyLine().Network
	want := randomWeights(net)
	for name, half := range map[string]bool{"full": false, "half": true} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := WriteWeights(&out, net, want, half, map[string]string{"architecture": "line"}); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "w.safetensors")
			if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			got, err := ReadWeights(path, net)
			if err != nil {
				t.Fatal(err)
			}
			for i, w := range want.Values {
				bound := 0.0
				if half {
					bound = math.Abs(float64(w)) / 1024 // 10 bits after the leading one, rounded
				}
				if d := math.Abs(float64(got.Values[i] - w)); d > bound {
					t.Errorf("weight %d is %g, want %g", i, got.Values[i], w)
				}
			}
			wantClose(t, "statistics", got.Statistics, float64s(want.Statistics), 0) // always in full
			file, err := safetensors.Read(path)
			if err != nil || file.Metadata["architecture"] != "line" {
				t.Errorf("metadata %v, %v", file.Metadata, err)
			}
			if shape, err := file.Tensor("weight"); err != nil || len(shape.Shape) != 1 || shape.Shape[0] != 2 {
				t.Errorf("weight is stored as %v, %v", shape.Shape, err)
			}
		})
	}
}

func TestRefusedWeights(t *testing.T) {
	net := newNoisyLine().Network
	write := func(of Network, metadata map[string]string) []byte {
		var out bytes.Buffer
		if err := WriteWeights(&out, of, randomWeights(of), false, metadata); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	changed := func(change func(layout, statistics *nn.Layout)) Network {
		n := Network{Layout: &nn.Layout{}, Statistics: &nn.Layout{}}
		for _, p := range net.Layout.Parameters() {
			n.Layout.Add(p.Name, nn.InitZeros, p.Shape...)
		}
		for _, p := range net.Statistics.Parameters() {
			n.Statistics.Add(p.Name, nn.InitZeros, p.Shape...)
		}
		change(n.Layout, n.Statistics)
		return n
	}
	whole := write(net, nil)
	wider := Network{Layout: &nn.Layout{}, Statistics: net.Statistics}
	for _, p := range net.Layout.Parameters() {
		shape := p.Shape
		if p.Name == "weight" {
			shape = []int{5}
		}
		wider.Layout.Add(p.Name, nn.InitZeros, shape...)
	}
	tests := map[string]struct {
		content []byte
		want    string
	}{
		"missing parameter": {write(newLine().Network, nil), "has no norm."},
		"other shape":       {write(wider, nil), "weight has shape [5], the network needs [2]"},
		"left-over parameter": {write(changed(func(l, _ *nn.Layout) { l.Add("extra", nn.InitZeros, 1) }), nil),
			"has extra, which the network lacks"},
		"left-over statistic": {write(changed(func(_, s *nn.Layout) { s.Add("extra", nn.InitZeros, 1) }), nil),
			"has statistics.extra, which the network lacks"},
		"other format":   {write(net, map[string]string{formatKey: "pt"}), "noisebook weights import"},
		"truncated":      {whole[:len(whole)-3], "truncated"},
		"no safetensors": {[]byte("hello"), "safetensors"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "w.safetensors")
			if err := os.WriteFile(path, test.content, 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := ReadWeights(path, net)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("%v, want %q and the path", err, test.want)
			}
		})
	}
	if _, err := ReadWeights(filepath.Join(t.TempDir(), "none.safetensors"), net); err == nil {
		t.Error("a file that is not there is read")
	}
}
