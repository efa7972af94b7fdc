package figure

import "fmt"

// seedRange is the least and the most repetitions behind a mean of a figure.
type seedRange [2]int

func (r *seedRange) add(n int) {
	if r[0] == 0 || n < r[0] {
		r[0] = n
	}
	r[1] = max(r[1], n)
}

// label says what a spread stands for; it is empty where nothing is repeated.
func (r seedRange) label() string {
	switch {
	case r[1] < 2:
		return ""
	case r[0] == r[1]:
		return fmt.Sprintf("± 1 sd over %d seeds", r[1])
	default:
		return fmt.Sprintf("± 1 sd over %d–%d seeds", r[0], r[1])
	}
}
