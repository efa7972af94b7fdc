package joint

import "noisebook/pkg/features"

// UNet is the model's network as one whose maps are features.
func (m *Model) UNet() (features.UNet, error) {
	chain, err := m.Config.Chain.Process()
	return features.UNet{Network: network(m.Network), UNet: m.Network.UNet, Chain: chain}, err
}
