// Package index answers questions about all runs of a store in milliseconds.
//
// The index is the SQLite file index.sqlite beside the runs. The runs' files are
// the truth and the index only remembers what they said: it may be deleted at any
// moment and is built again to the same answers. Each use first looks whether the
// files have changed. A run whose writers have all ended costs one stat; of one
// that is still written, only the new bytes of its journals are read. Whether a
// run is alive is derived at that moment and never stored.
//
// Nothing that goes wrong with the file is an error: an index that is damaged is
// put aside and built again, one that cannot be written (a read-only store, a full
// disk, another process that holds it too long) only makes the next answer slower.
// The index of a read-only store lies in the user's cache folder.
package index
