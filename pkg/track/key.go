package track

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Input is what a stage depends on besides its config. A [Result] is one; data
// that no stage made is described by [DatasetInput].
type Input interface {
	TrackInput() InputRef
}

// InputRef identifies an input by the hash of its content. Run says where it
// came from and is no part of the key: the same content from another run is the
// same input.
type InputRef struct {
	Name string `json:"name"`
	Hash string `json:"hash"`
	Run  string `json:"run,omitempty"`
}

// DatasetInput makes a dataset's content an input.
func DatasetInput(d Dataset) Input { return datasetInput(d) }

type datasetInput Dataset

func (d datasetInput) TrackInput() InputRef {
	name := d.Name
	if d.Split != "" {
		name += "/" + d.Split
	}
	return InputRef{Name: name, Hash: d.Checksum}
}

// canonicalJSON is the value's JSON with sorted object keys and no white space.
func canonicalJSON(value any) (json.RawMessage, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber() // keeps 64-bit integers and the shortest form of floats
	var generic any
	if err := decoder.Decode(&generic); err != nil {
		return nil, err
	}
	return json.Marshal(generic)
}

// stageKey names what a stage would compute: equal keys mean equal results.
func stageKey(name string, version int, config json.RawMessage, inputs []InputRef) (string, error) {
	identity := struct {
		Stage   string          `json:"stage"`
		Version int             `json:"version"`
		Config  json.RawMessage `json:"config"`
		Inputs  []InputRef      `json:"inputs"`
	}{Stage: name, Version: version, Config: config}
	for _, in := range inputs {
		if in.Hash == "" {
			return "", fmt.Errorf("track: stage %q: input %q has no hash", name, in.Name)
		}
		identity.Inputs = append(identity.Inputs, InputRef{Name: in.Name, Hash: in.Hash})
	}
	data, err := canonicalJSON(identity)
	if err != nil {
		return "", err
	}
	return hashBytes(data), nil
}

func hashBytes(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
