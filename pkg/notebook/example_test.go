package notebook_test

import (
	"fmt"

	"noisebook/pkg/notebook"
	"noisebook/pkg/table"
)

func ExampleShow() {
	scores := table.New("alpha", "precision")
	notebook.Check(scores.Append(0, 0.5))
	notebook.Check(scores.Append(100, 0.7421875))
	notebook.Show(notebook.Captioned{Table: scores, Caption: "Precision"}, fmt.Sprintf("%d rows", scores.Len()))
	// Output:
	// Precision
	// alpha  precision
	// 0      0.5
	// 100    0.74219
	// 2 rows
}
