package notebook

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/png"
	"io"
	"log"
	"os"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/janpfeifer/gonb/gonbui/protocol"
	"k8s.io/klog/v2"

	"noisebook/pkg/claim"
	"noisebook/pkg/figure"
	"noisebook/pkg/table"
)

func init() {
	if !gonbui.IsNotebook {
		return
	}
	log.SetOutput(os.Stdout)
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	for name, value := range map[string]string{"logtostderr": "false", "stderrthreshold": "FATAL", "one_output": "true"} {
		if err := flags.Set(name, value); err != nil {
			fmt.Fprintln(os.Stdout, "notebook: logs of libraries stay on standard error:", err)
		}
	}
	klog.SetOutput(os.Stdout)
}

// Composite is a value that shows as several, one below the other, such as an
// artifact's figure and its verdicts.
type Composite interface {
	Parts() []any
}

// Interactive is a value that a trusted notebook shows as HTML with scripts. Its
// HTML must hold an image of the static figure too, which is what an untrusted
// notebook leaves of it; Static is that figure, or nil where it has none.
type Interactive interface {
	HTML() string
	Static() *figure.Figure
}

// Captioned is a table with a caption above it.
type Captioned = table.Captioned

// Show displays values in the cell's output: figures as SVG with a PNG, tables
// and reports of claims as HTML with plain text, images as PNG, a [Composite] by
// its parts, and anything else as fmt.Println would.
//
// A nil is skipped and an error ends the cell as [Check] does, so that a call
// which returns a value and an error can be shown directly.
func Show(values ...any) {
	for _, value := range values {
		if err, failed := value.(error); failed {
			fail(err, 2)
		}
	}
	for _, value := range values {
		show(value)
	}
	flush()
}

func show(value any) {
	switch v := value.(type) {
	case nil:
	case Composite:
		for _, part := range v.Parts() {
			show(part)
		}
	case Interactive:
		showInteractive(v)
	case *figure.Figure:
		if v != nil {
			send(figureBundle(v), figureSize(v))
		}
	case figure.Figure:
		show(&v)
	case table.Table:
		show(Captioned{Table: v})
	case *table.Table:
		if v != nil {
			show(*v)
		}
	case Captioned:
		send(bundle{html: tableHTML(v), text: tableText(v)}, nil)
	case claim.Report:
		send(bundle{html: reportHTML(v), text: reportText(v)}, nil)
	case *claim.Report:
		if v != nil {
			show(*v)
		}
	case image.Image:
		showImage(v)
	default:
		fmt.Fprintln(output, v)
	}
}

// output is where text goes when there is no notebook.
var output io.Writer = standardOutput{}

// standardOutput follows os.Stdout where a program replaces it.
type standardOutput struct{}

func (standardOutput) Write(p []byte) (int, error) { return os.Stdout.Write(p) }

// bundle is one output in several representations; a reader's program shows the
// richest that it trusts. Every bundle has a text.
type bundle struct {
	svg  []byte
	png  []byte
	html string
	text string
}

func figureBundle(f *figure.Figure) bundle {
	return bundle{svg: f.SVG, png: f.PNG, text: figureText(f)}
}

func figureText(f *figure.Figure) string {
	return fmt.Sprintf("[figure, %d × %d]\n%s", f.Width, f.Height, f.Caption)
}

// figureSize makes viewers show the dense PNG at the figure's size.
func figureSize(f *figure.Figure) map[string]any {
	return map[string]any{string(protocol.MIMEImagePNG): map[string]int{"width": f.Width, "height": f.Height}}
}

func showInteractive(v Interactive) {
	b := bundle{html: v.HTML(), text: "[interactive]"}
	if twin := v.Static(); twin != nil {
		b.text = figureText(twin)
	}
	send(b, nil)
}

func showImage(picture image.Image) {
	var encoded bytes.Buffer
	if err := png.Encode(&encoded, picture); err != nil {
		fmt.Fprintln(output, "image cannot be shown:", err)
		return
	}
	size := picture.Bounds().Size()
	send(bundle{png: encoded.Bytes(), text: fmt.Sprintf("[image, %d × %d]", size.X, size.Y)}, nil)
}

// data is the bundle by media type, as Jupyter's display_data message has it.
func (b bundle) data() map[protocol.MIMEType]any {
	data := map[protocol.MIMEType]any{protocol.MIMETextPlain: b.text}
	if b.svg != nil {
		data[protocol.MIMEImageSVG] = string(b.svg)
	}
	if b.png != nil {
		data[protocol.MIMEImagePNG] = b.png
	}
	if b.html != "" {
		data[protocol.MIMETextHTML] = b.html
	}
	return data
}

func send(b bundle, metadata map[string]any) {
	if !gonbui.IsNotebook {
		fmt.Fprintln(output, b.text)
		return
	}
	gonbui.SendData(&protocol.DisplayData{Data: b.data(), Metadata: metadata})
}

// flush waits until the kernel has all outputs; a cell that ends before may lose
// its last one.
func flush() {
	if gonbui.IsNotebook {
		gonbui.Sync()
	}
}
