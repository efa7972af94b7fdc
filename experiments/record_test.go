package experiments

import "testing"

func TestSlug(t *testing.T) {
	for claim, want := range map[string]string{
		"precision rises with α":                               "precision_rises_with_alpha",
		"control: −α lowers the share, by 5 %":                 "control_alpha_lowers_the_share_by_5",
		"precision and recall are best together in [100, 250]": "precision_and_recall_are_best_together_in_100_250",
		"  FID ≤ 7.2":    "fid_7_2",
		"日本":             "",
		"Über-Präzision": "ber_pr_zision",
	} {
		if got := Slug(claim); got != want {
			t.Errorf("%q: %q, want %q", claim, got, want)
		}
	}
}
