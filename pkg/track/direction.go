package track

import (
	"slices"
	"strings"
)

// higherWords are the words of metrics of which more is better. Whatever else a
// name says, loss, FID, error or distance, less is.
var higherWords = []string{
	"acc", "accuracy", "top1", "top5", "precision", "recall", "coverage", "density", "f1", "auc", "auroc", "ap", "map", "iou", "dice",
	"psnr", "ssim", "is", "inception", "nmi", "ari", "silhouette", "purity", "r2", "score", "reward", "correlation", "likelihood",
	"elbo", "throughput", "speed",
}

// lowerWords win over the words above: an accuracy's error is an error.
var lowerWords = []string{"loss", "error", "err", "nll", "negative"}

// HigherIsBetter tells by the words of a metric's name which way it improves.
func HigherIsBetter(metric string) bool {
	words := strings.FieldsFunc(strings.ToLower(metric), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	has := func(list []string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(list, word) })
	}
	return has(higherWords) && !has(lowerWords)
}
