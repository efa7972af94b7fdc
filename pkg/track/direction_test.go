package track

import "testing"

func TestHigherIsBetter(t *testing.T) {
	for name, want := range map[string]bool{
		"accuracy": true, "val/acc": true, "probe.top1": true, "knn_precision": true, "psnr": true, "test/IS": true,
		"loss": false, "fid": false, "accuracy_error": false, "grad_norm": false, "kid": false, "precision_loss": false, "this": false,
	} {
		if got := HigherIsBetter(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
