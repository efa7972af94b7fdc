package notebook

import (
	"encoding/json"

	"noisebook/pkg/table"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// Measured is the part of an artifact's result that a notebook reads.
type Measured struct {
	Table table.Table `json:"table"`
}

// Newest is the newest finished run of an artifact at a tier. A cell that needs
// one which does not exist ends.
func Newest(artifact string, at tier.Tier) track.Result[Measured] {
	return Must(track.Latest[Measured](Store(), artifact, func(config json.RawMessage) bool {
		var c struct{ Tier string }
		return json.Unmarshal(config, &c) == nil && c.Tier == at.String()
	}))
}
