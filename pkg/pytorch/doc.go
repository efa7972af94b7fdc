// Package pytorch reads the tensors of files that torch.save wrote (.pth, .pt):
// state dicts and checkpoints that hold some, of both formats, the ZIP archive
// since PyTorch 1.6 and the stream of pickles before it.
//
// Nothing of a file is executed. A pickle is a program; this package follows
// only its building of dictionaries, lists, tuples, numbers and strings, and of
// tensors through PyTorch's own rebuilding functions. Any other class or
// function leaves a value that cannot be looked into.
//
// Nor is a file believed: every length, shape and offset is checked against the
// bytes that are there before anything is allocated for it, so a damaged or
// hostile file is an error and costs no more memory than a small multiple of
// its size.
package pytorch
