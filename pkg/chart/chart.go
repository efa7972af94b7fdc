// Package chart draws interactive charts with Apache ECharts, without a network:
// the part of the library that they need lies in this package.
//
// Every chart carries the same picture as a static figure, which shows where
// scripts do not run: in a notebook that its reader does not trust, on paper, and
// until the library is there. In a notebook the library is shown once, anywhere,
// and a chart as often as one likes:
//
//	notebook.Show(chart.Library())
//	runs, err := compare.Runs(store, "4k2m")
//	notebook.Show(err, chart.Library())
//	notebook.Show(chart.Sweep(runs))
//
// Cells that draw figures alone should not import it: it links html/template.
package chart

import (
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"strings"

	"noisebook/pkg/figure"
)

// packed is the library; library/build.sh makes it from npm's packages.
//
//go:embed library/echarts.min.js.gz
var packed []byte

// Chart is an interactive chart with its static twin.
type Chart struct {
	// Option is what ECharts draws, as JSON that is safe inside a script element.
	Option json.RawMessage
	// Twin is the same picture, of the same size.
	Twin *figure.Figure
}

// ready is a promise on the page that the library fulfils, so that it does not
// matter which of a notebook's outputs is drawn first.
const ready = `const w=window;w.noisebookCharts??=(()=>{let r;const p=new Promise(f=>r=f);p.done=r;return p})();`

// Script is what a page needs once for all of its charts.
func Script() string {
	return `<script>(()=>{` + ready + `if(w.noisebookChartsLoading)return;w.noisebookChartsLoading=true;` +
		`new Response(new Blob([Uint8Array.from(atob("` + base64.StdEncoding.EncodeToString(packed) + `"),c=>c.charCodeAt(0))])` +
		`.stream().pipeThrough(new DecompressionStream("gzip"))).text()` +
		`.then(s=>w.noisebookCharts.done((0,eval)(s+";noisebookECharts")))})()</script>`
}

// HTML is the twin and a script that replaces it. It holds no network address.
func (c *Chart) HTML() string {
	return fmt.Sprintf(`<div style="width:%dpx;max-width:100%%">%s</div><script>(()=>{%sconst e=document.currentScript.previousElementSibling;`+
		`w.noisebookCharts.then(E=>{e.style.height="%dpx";e.replaceChildren();const c=E.init(e,null,{renderer:"svg"});c.setOption(%s);`+
		`new ResizeObserver(()=>c.resize()).observe(e)})})()</script>`,
		c.Twin.Width, Image(c.Twin), ready, c.Twin.Height, c.Option)
}

// Static is what shows where scripts do not run.
func (c *Chart) Static() *figure.Figure { return c.Twin }

// Image is a figure as an element that needs no other file. It is the PNG: SVG in
// a page uses the reader's fonts, which may be wider.
func Image(f *figure.Figure) string {
	return fmt.Sprintf(`<img width="%d" height="%d" style="max-width:100%%;height:auto" alt="%s" src="data:image/png;base64,%s">`,
		f.Width, f.Height, html.EscapeString(strings.Join(strings.Fields(f.Caption), " ")), base64.StdEncoding.EncodeToString(f.PNG))
}

// ScriptLibrary is shown once in a notebook that has charts.
type ScriptLibrary struct{}

// Library makes the charts of a notebook interactive, once it is trusted.
func Library() ScriptLibrary { return ScriptLibrary{} }

// HTML is the library with a line that a reader sees.
func (ScriptLibrary) HTML() string {
	return `<small>Charts are interactive once this notebook is trusted.</small>` + Script()
}

// Static is nothing.
func (ScriptLibrary) Static() *figure.Figure { return nil }
