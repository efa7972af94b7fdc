package process

// Marginal is the distribution of a noised value given the clean one,
// x_t = Mean·x_0 + Std·ε with ε ~ N(0, 1). The conversions between ε, x_0 and
// the score ∇ ln q(x_t | x_0) = -ε/Std follow from it, for every process.
//
// At Mean = 0 nothing of x_0 is left and at Std = 0 nothing of ε: what divides
// by them is then infinite or NaN.
type Marginal struct{ Mean, Std float64 }

// Diffuse returns x_t.
func (m Marginal) Diffuse(clean, noise float64) float64 { return m.Mean*clean + m.Std*noise }

// Clean returns the x_0 that x and its noise imply.
func (m Marginal) Clean(x, noise float64) float64 { return (x - m.Std*noise) / m.Mean }

// Noise returns the ε that x and its clean value imply.
func (m Marginal) Noise(x, clean float64) float64 { return (x - m.Mean*clean) / m.Std }

// Score returns the score at a point with this noise.
func (m Marginal) Score(noise float64) float64 { return -noise / m.Std }

// NoiseFromScore returns the ε that a score implies.
func (m Marginal) NoiseFromScore(score float64) float64 { return -m.Std * score }

// SNR is the signal-to-noise ratio Mean²/Std² of data with unit variance.
func (m Marginal) SNR() float64 {
	r := m.Mean / m.Std
	return r * r
}
