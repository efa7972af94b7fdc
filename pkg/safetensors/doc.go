// Package safetensors reads and writes the safetensors format: named arrays of
// numbers behind a JSON header, the form in which PyTorch weights and golden
// values reach this project.
//
// A file is 8 bytes (the header's length n, little-endian), n bytes of JSON
// {name: {dtype, shape, data_offsets: [from, to]}} with an optional entry
// "__metadata__" of strings, then the raw little-endian numbers in row-major
// order. Offsets count from the end of the header.
//
// A header is not believed: every length, offset, shape and name is checked
// against the size of the file before anything is allocated for it, and a file
// that does not account for each of its bytes exactly once is refused.
package safetensors
