#!/usr/bin/env python3
"""Where the time of a step goes, by kind of work, as Linux's perf sees it.

    bench/profile_step.py --measures train,sample,guided --channels 32,64 --csv results/bench/profile.csv

Each kind of step runs twice: once to leave its compiled program in the cache,
once more under perf, which starts to sample when the steps have begun. Needs perf
and a plugin on a CPU. Samples are told apart by the code they fall into:

convolutions      Eigen's contraction of image patches and oneDNN's matrix kernels below it
matrix products   the kernel library's products: attention, linear layers, gradients by weights
reductions        the kernel library's sums and maxima
copies            transposes and other moves of memory
compiled loops    what XLA compiled itself: norms, activations, softmax, optimizer
memory            allocation, page faults
threads           handing out work, waiting for it
rest              all else, the Go program included
"""

import argparse
import collections
import csv
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
START = 3000  # milliseconds after which perf samples: the plugin has loaded and the program is at work

# The first pattern that is found in "object symbol" decides.
KINDS = [
    ("threads", r"ThreadPool|RunQueue|EventCount|futex|pthread|sched|spin_lock|try_to_wake|ttwu|BlockingCounter|native_(read|write)_msr|finish_task"),
    ("convolutions", r"TensorImagePatch|gemm_pack|dnnl|jit_avx|gebp|TensorContraction"),
    ("matrix products", r"ynn::dot|ynn::.*gemm"),
    ("copies", r"transpose|memcpy|memmove|memset|ynn::copy|TensorShuffling"),
    ("reductions", r"ynn::(sum|max|min|reduce)|ynn::.*reduce"),
    ("memory", r"malloc|free|unlink_chunk|clear_page|page_fault|madvise|mmap|munmap|folio|vma|_mem_cgroup|clear_huge"),
    ("compiled loops", r"^\[JIT\]|^\[unknown\]|^//anon|^\[anon\]|memfd"),
]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measures", default="train,sample,guided")
    parser.add_argument("--channels", default="32,64")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=28)
    parser.add_argument("--seconds", type=float, default=15, help="to sample for")
    parser.add_argument("--csv", required=True)
    return parser.parse_args()


def kind_of(place):
    for kind, pattern in KINDS:
        if re.search(pattern, place):
            return kind
    return "rest"


def samples(data):
    """Periods of the samples by object and symbol."""
    lines = subprocess.run(
        ["perf", "script", "-i", data, "-F", "period,ip,sym,dso"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    counts = collections.Counter()
    for line in lines:
        found = re.match(r"\s*(\d+)\s+[0-9a-f]+\s+(.*)\s\((.*)\)\s*$", line)
        if found:
            period, symbol, where = found.groups()
            # perf names code made at run time by its map of symbols, or not at all.
            made = where.startswith(("[", "//", "/memfd", "/tmp/perf-")) and not where.startswith("[kernel")
            name = "[JIT]" if made else os.path.basename(where)
            counts[f"{name} {'' if symbol == '[unknown]' else symbol}"] += int(period)
    return counts


def profile(step, runs, seconds, folder):
    """Shares of a step's time by kind; the step is that of a command without its count of runs."""
    env = dict(os.environ, DNNL_JIT_PROFILE="2", NOISEBOOK_PROGRAM_CACHE=os.path.join(folder, "programs"))
    prefix = os.environ.get("BENCH_PREFIX", "").split()
    quiet = {"env": env, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True}
    subprocess.run(prefix + step + ["--runs", "1"], **quiet)
    data = os.path.join(folder, "perf.data")
    record = ["perf", "record", "-q", "-D", str(START), "-F", "499", "-o", data, "--"]
    subprocess.run(prefix + record + ["timeout", "--signal=INT", str(START / 1000 + seconds)] + step + ["--runs", str(runs)],
                   **{**quiet, "check": False})
    shares = collections.Counter()
    for place, period in samples(data).items():
        shares[kind_of(place)] += period
    total = sum(shares.values())
    if total == 0:
        sys.exit("error: perf took no samples; allow it by sysctl kernel.perf_event_paranoid=1")
    return {kind: period / total for kind, period in shares.items()}


def main():
    args = parse()
    binary = os.path.join(ROOT, "bin", "noisebook")
    rows = []
    for channels in args.channels.split(","):
        for measure in args.measures.split(","):
            step = [binary, "bench", "unet", "--program-cache", "--only", measure, "--channels", channels,
                    "--batch", str(args.batch), "--size", str(args.size)]
            with tempfile.TemporaryDirectory() as folder:
                shares = profile(step, 10_000, args.seconds, folder)
            for kind, share in sorted(shares.items(), key=lambda item: -item[1]):
                rows.append([channels, args.batch, args.size, measure, kind, f"{share:.3f}"])
                print(f"C={channels} {measure:7} {kind:16} {share:.3f}", flush=True)
    with open(args.csv, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["channels", "batch", "size", "step", "kind", "share"])
        writer.writerows(rows)


if __name__ == "__main__":
    main()
