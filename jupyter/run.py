#!/usr/bin/env python3
"""Execute notebooks without a browser and say how each cell went.

Used by `noisebook notebooks`; needs nbclient, and nbconvert for --html.

The notebook is always written, so the outputs up to a failure can be read.
Exit status, the worst of all notebooks: 0 every cell ran, 1 a cell failed,
2 out of time, 3 the kernel died.
"""

import argparse
import json
import os
import re
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

OUTCOMES = ["ok", "failed", "out of time", "kernel died"]
ANSI_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--timeout", type=int, default=3600, metavar="S", help="seconds a cell may take (default 3600)")
    parser.add_argument("--total", type=int, default=0, metavar="S", help="seconds a notebook may take (default no limit)")
    parser.add_argument("--html", action="store_true", help="also write a standalone HTML page beside the notebook")
    parser.add_argument("--quiet", action="store_true", help="print failures and one line a notebook only")
    parser.add_argument("--timings", type=Path, metavar="FILE", help="write the seconds of each cell here, a list a notebook, as JSON")
    destination = parser.add_mutually_exclusive_group(required=True)
    destination.add_argument("--in-place", action="store_true", help="write each notebook over itself")
    destination.add_argument("--out", type=Path, metavar="DIR", help="write executed notebooks here, in the folders they have below --root")
    parser.add_argument("--root", type=Path, default=Path.cwd(), metavar="DIR")
    parser.add_argument("notebook", nargs="+", type=Path)
    return parser.parse_args()


def failure_text(cell):
    """The lines a person needs: Go's own message is on stderr, or in HTML for compile errors."""
    stderr, html, value = "", "", ""
    for output in cell.get("outputs", []):
        if output.output_type == "stream" and output.name == "stderr":
            stderr += output.text
        elif output.output_type == "error":
            value = output.evalue
        elif "gonb-err" in output.get("data", {}).get("text/html", ""):
            html = output.data["text/html"]
    if not stderr.strip() and html:
        html = re.sub(r'(?s)<style>.*?</style>|<div class="gonb-err-context">.*?</div>', "", html)
        stderr = re.sub(r"<[^>]+>", "", html)
    lines = [line for line in ANSI_COLOUR.sub("", stderr).splitlines() if line.strip()]
    return lines[-12:] or [ANSI_COLOUR.sub("", value) or "no message"]


def first_line(source):
    """What a cell does, for a log line: its first line that is neither import nor magic."""
    lines = [line.strip() for line in source.splitlines()]
    return next((l for l in lines if l and l != ")" and not l.startswith(("%", "import", '"', "//"))), "")[:60]


class Runner:
    """Executes one notebook in a kernel of its own."""

    def __init__(self, path, arguments):
        self.path, self.arguments = path, arguments
        self.notebook = nbformat.read(path, as_version=4)
        self.start = time.monotonic()
        self.timings = []

    def run(self):
        kernel = self.notebook.metadata.get("kernelspec", {}).get("name", "noisebook")
        client = NotebookClient(
            self.notebook,
            kernel_name=kernel,
            timeout=self.arguments.timeout,
            coalesce_streams=True,  # a progress line that redraws itself stays one line
            resources={"metadata": {"path": str(self.path.resolve().parent)}},
        )
        outcome = 0
        # Runs note the notebook that they were started from, as under JupyterLab.
        with client.setup_kernel(env={**os.environ, "NOISEBOOK_NOTEBOOK": str(self.path.resolve())}):
            for index, cell in enumerate(self.notebook.cells):
                if cell.cell_type == "code" and cell.source.strip():
                    outcome = self.execute(client, index, cell)
                    if outcome:
                        break
        self.forget_machine()
        return outcome

    def execute(self, client, index, cell):
        left = self.arguments.timeout
        if self.arguments.total:
            left = min(left, self.arguments.total - (time.monotonic() - self.start))
        client.timeout = max(1, int(left))
        outcome, begin = 0, time.monotonic()
        try:
            client.execute_cell(cell, index, store_history=True)
        except CellExecutionError:
            outcome = 1
        except CellTimeoutError:
            outcome = 2
        except DeadKernelError:
            outcome = 3
        seconds = time.monotonic() - begin
        self.timings.append(round(seconds, 3))
        if outcome or not self.arguments.quiet:
            print(f"  cell {index + 1:2d}  {seconds:7.2f} s  {OUTCOMES[outcome]:<11}  {first_line(cell.source)}", flush=True)
        if outcome:
            for line in failure_text(cell):
                print(f"      {line}", file=sys.stderr, flush=True)
        return outcome

    def forget_machine(self):
        """Drop what differs from run to run and would only make noise in a diff."""
        for cell in self.notebook.cells:
            cell.metadata.pop("execution", None)
        self.notebook.metadata.pop("widgets", None)

    def write(self):
        target = self.path
        if not self.arguments.in_place:
            path, root = self.path.resolve(), self.arguments.root.resolve()
            target = self.arguments.out / (path.relative_to(root) if path.is_relative_to(root) else path.name)
            target.parent.mkdir(parents=True, exist_ok=True)
        replace(target, nbformat.writes(self.notebook) + "\n")
        if self.arguments.html:
            replace(target.with_suffix(".html"), to_html(self.notebook))
        return target

    def seconds(self):
        return time.monotonic() - self.start


def to_html(notebook):
    from nbconvert import HTMLExporter

    # Empty addresses keep the page from asking other hosts for scripts.
    exporter = HTMLExporter(require_js_url="", mathjax_url="", jquery_url="")
    return exporter.from_notebook_node(notebook)[0]


def replace(path, text):
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def main():
    arguments = parse_arguments()
    worst, timings = 0, []
    for path in arguments.notebook:
        print(f"{path}", flush=True)
        runner = Runner(path, arguments)
        outcome = runner.run()
        written = runner.write()
        print(f"  {OUTCOMES[outcome]} in {runner.seconds():.1f} s: {written}", flush=True)
        worst = max(worst, outcome)
        timings.append(runner.timings)
    if arguments.timings:
        replace(arguments.timings, json.dumps(timings) + "\n")
    return worst


if __name__ == "__main__":
    sys.exit(main())
