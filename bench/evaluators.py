"""Time Noisebook's heavy evaluators against the packages that papers use.

    bench/evaluators.sh --seed 0 --rounds 3 [measure ...]

draws inputs from the seed, times each reference (scikit-learn, torch-fidelity,
prdc) and ours, in Go alone and with the engine, every one in a process of its
own, and prints the medians, their ratios to the reference and the peak memory.
"""

import argparse
import contextlib
import csv
import io
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np


class Silhouette:
    title = "silhouette, 10,000 × 128"
    reference = "scikit-learn"

    def draw(self, rng, folder):
        labels = rng.integers(0, 10, 10_000)
        means = 0.3 * rng.standard_normal((10, 128))
        save(folder, x=rng.standard_normal((10_000, 128)) + means[labels], y=labels)

    def prepare(self, folder):
        from sklearn.metrics import silhouette_score

        x, y = load(folder, "x", "y")
        return lambda: {"silhouette": silhouette_score(x, y)}


class FIDStatistics:
    title = "FID statistics, 10,000 × 2048"
    reference = "torch-fidelity"

    def draw(self, rng, folder):
        save(folder, a=rng.standard_normal((10_000, 2048), dtype=np.float32))

    def prepare(self, folder):
        import torch
        from torch_fidelity.metric_fid import fid_features_to_statistics

        features = torch.from_numpy(*load(folder, "a"))

        def compute():
            sigma = fid_features_to_statistics(features)["sigma"]
            return {"trace": np.trace(sigma), "norm": np.linalg.norm(sigma)}

        return compute


class FIDDistance:
    title = "FID from statistics, 2048"
    reference = "torch-fidelity"

    def draw(self, rng, folder):
        a = rng.standard_normal((10_000, 2048))
        for name, x in (("a", a), ("b", a[::-1] * 1.1 + 0.1 + 0.3 * rng.standard_normal((1, 2048)) * a)):
            save(folder, **{f"{name}-mu": x.mean(axis=0), f"{name}-sigma": np.cov(x, rowvar=False)})

    def prepare(self, folder):
        from torch_fidelity.metric_fid import fid_statistics_to_metric

        a, b = ({"mu": mu, "sigma": sigma} for mu, sigma in (load(folder, f"{n}-mu", f"{n}-sigma") for n in "ab"))
        return lambda: {"fid": fid_statistics_to_metric(a, b, verbose=False)["frechet_inception_distance"]}


class Neighbourhood:
    title = "precision, recall, density, coverage, 10,000 × 2048"
    reference = "prdc"

    def draw(self, rng, folder):
        a, b = (rng.standard_normal((10_000, 2048), dtype=np.float32) for _ in range(2))
        save(folder, a=a, b=np.float32(0.98) * b)

    def prepare(self, folder):
        from prdc import compute_prdc

        a, b = load(folder, "a", "b")

        def compute():
            with contextlib.redirect_stdout(io.StringIO()):
                return compute_prdc(a, b, nearest_k=5)

        return compute


class Logistic:
    title = "logistic regression, 50,000 × 512, 10 classes"
    reference = "scikit-learn"

    def draw(self, rng, folder):
        labels = rng.integers(0, 10, 50_000)
        means = 0.1 * rng.standard_normal((10, 512))
        save(folder, x=rng.standard_normal((50_000, 512)) + means[labels], y=labels)

    def prepare(self, folder):
        from sklearn.linear_model import LogisticRegression

        x, y = load(folder, "x", "y")

        def compute():
            model = LogisticRegression(C=1.0, tol=1e-6, max_iter=1000).fit(x, y)
            return {"accuracy": model.score(x, y), "weights": np.linalg.norm(model.coef_)}

        return compute


class KMeans:
    title = "k-means, 50,000 × 64, k = 20, given centres"
    reference = "scikit-learn"

    def draw(self, rng, folder):
        x = rng.standard_normal((50_000, 64))
        save(folder, x=x, centres=x[:20])

    def prepare(self, folder):
        from sklearn.cluster import KMeans

        x, centres = load(folder, "x", "centres")

        def compute():
            fit = KMeans(20, init=centres, n_init=1, algorithm="lloyd", max_iter=300, tol=1e-4).fit(x)
            return {"inertia": fit.inertia_, "iterations": fit.n_iter_}

        return compute


MEASURES = {
    "silhouette": Silhouette(),
    "fid-statistics": FIDStatistics(),
    "fid-distance": FIDDistance(),
    "neighbourhood": Neighbourhood(),
    "logistic": Logistic(),
    "k-means": KMeans(),
}


def save(folder, **arrays):
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)


def load(folder, *names):
    return [np.load(folder / f"{name}.npy") for name in names]


def time_reference(measure, folder, rounds):
    """Print what the Go program prints, for the reference."""
    compute = MEASURES[measure].prepare(folder)
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        values = compute()
        seconds.append(time.perf_counter() - start)
    print(json.dumps({
        "backend": MEASURES[measure].reference,
        "seconds": seconds,
        "values": {name: float(value) for name, value in values.items()},
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10,
    }))


def run(*command):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def furthest(ours, reference):
    """The largest relative difference of the values that both have."""
    return max(abs(ours[name] - value) / max(abs(value), 1e-300) for name, value in reference.items() if name != "iterations")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measures", nargs="*", metavar="measure", help=f"any of {', '.join(MEASURES)}; all without")
    parser.add_argument("--seed", type=int, default=0, help="of the inputs")
    parser.add_argument("--rounds", type=int, default=3, help="times each is measured; the median counts")
    parser.add_argument("--program", help="the built Go program; bench/evaluators.sh builds it")
    parser.add_argument("--out", type=pathlib.Path, help="CSV file to write")
    parser.add_argument("--reference", help=argparse.SUPPRESS)  # a child that times this reference
    parser.add_argument("--inputs", type=pathlib.Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.reference:
        time_reference(args.reference, args.inputs, args.rounds)
        return
    for name in args.measures:
        if name not in MEASURES:
            parser.error(f"unknown measure {name}; know {', '.join(MEASURES)}")

    rows = []
    for name in args.measures or MEASURES:
        measure = MEASURES[name]
        with tempfile.TemporaryDirectory() as inputs:
            inputs = pathlib.Path(inputs)
            measure.draw(np.random.default_rng(args.seed), inputs)
            reports = {"reference": run(sys.executable, __file__, "--reference", name, "--inputs", inputs, "--rounds", args.rounds)}
            for backend in ("go", "engine"):
                reports[backend] = run(args.program, "-measure", name, "-inputs", inputs, "-backend", backend, "-rounds", args.rounds)
        reference = reports["reference"]
        against = statistics.median(reference["seconds"])
        for kind, report in reports.items():
            seconds = statistics.median(report["seconds"])
            rows.append({
                "measure": measure.title,
                "computed by": report["backend"],
                "kind": kind,
                "seconds": f"{seconds:.3f}",
                "ratio": f"{seconds / against:.2f}",
                "peak memory (GB)": f"{report['memory'] / 1e9:.2f}",
                "relative difference": f"{furthest(report['values'], reference['values']):.1e}",
            })
            print(f"{measure.title:52} {kind:10} {seconds:8.3f} s  ratio {seconds / against:5.2f}  "
                  f"{report['memory'] / 1e9:5.2f} GB  difference {rows[-1]['relative difference']}", flush=True)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        with args.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
