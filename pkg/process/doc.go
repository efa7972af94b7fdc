// Package process holds diffusion processes: how an image is noised and what
// follows from that by arithmetic alone. A process owns its marginal, its
// prior and its discretisation and nothing else; it knows no network, no
// device and no image. Everything is float64 and elementwise, so a sampler on
// a device turns a handful of these numbers into constants.
//
//   - [DDPM] is a chain of discrete steps with the posterior of Ho, Jain and
//     Abbeel (2020), its respacing (Nichol and Dhariwal 2021) and its DDIM
//     steps (Song, Meng and Ermon 2021).
//   - [SDE] is a process in continuous time after Song et al. (2021): [VE],
//     [VP] and [SubVP].
//
// They meet in [Marginal]: both say that x_t = Mean·x_0 + Std·ε, and all
// conversions between noise, clean image and score follow from that line.
//
// # Which step to take
//
// A step of a sampler is three numbers. In terms of the predicted clean image
// it is a [CleanStep], made by [DDPM.Ancestral] and [DDPM.DDIM]; in terms of
// the score it is a [ScoreStep], made by [ReverseDiffusion], [EulerMaruyama],
// [VE.Ancestral], [VP.Ancestral] and [Langevin].
package process
