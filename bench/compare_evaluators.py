"""Hold Noisebook's evaluators against the packages that papers use.

    bench/compare_evaluators.sh SEED ...

draws inputs from each seed, computes every metric and probe with its reference
and with the command line, and prints the largest difference of each. The exit
status is 1 when a difference is over its tolerance.
"""

import argparse
import contextlib
import io
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import sklearn.cluster
import sklearn.decomposition
import sklearn.linear_model
import sklearn.metrics as sk
import sklearn.neural_network
import sklearn.svm
import torch
from prdc import compute_prdc
from scipy.special import softmax
from scipy.stats import spearmanr
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric


class Bench:
    """Runs the program on arrays and keeps the largest difference of each measure."""

    def __init__(self, program, folder, seed):
        self.program, self.folder = program, folder
        self.rng = np.random.default_rng(seed)
        self.worst = {}  # measure: (difference, tolerance, reference)

    def save(self, name, array):
        path = self.folder / f"{name}.npy"
        np.save(path, array)
        return path

    def run(self, *words):
        done = subprocess.run([self.program, *map(str, words), "--json"], stdout=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"error: {' '.join(map(str, words))} failed")
        return json.loads(done.stdout)

    def metric(self, name, *arrays, **flags):
        paths = [self.save(f"input{i}", array) for i, array in enumerate(arrays)]
        return self.run("metric", name, *paths, *options(flags))

    def probe(self, name, train, labels, test, truth=None, **flags):
        truth = labels[:len(test)] if truth is None else truth
        out = self.folder / "fitted"
        report = self.run("probe", name, "--train", self.save("train", train), "--train-labels", self.save("labels", labels),
                          "--test", self.save("test", test), "--test-labels", self.save("test_labels", truth),
                          "--out", out, *options(flags))
        return report, lambda array: np.load(out / f"{array}.npy")

    def compare(self, measure, ours, reference, tolerance, by):
        """Differences are relative to the larger of 1 and the reference's largest value."""
        ours, reference = np.asarray(ours, float), np.asarray(reference, float)
        difference = np.max(np.abs(ours - reference)) / max(1.0, np.max(np.abs(reference)))
        before = self.worst.get(measure, (0.0,))[0]
        self.worst[measure] = (max(before, difference) if difference == difference else float("inf"), tolerance, by)


def options(flags):
    words = []
    for name, value in flags.items():
        words.append(f"--{name.replace('_', '-')}={value}")
    return words


def distributions(bench):
    rng = bench.rng
    samples, features = int(rng.integers(300, 500)), int(rng.integers(8, 40))
    mixing = rng.standard_normal((features, features)) / np.sqrt(features)
    real = rng.standard_normal((samples, features)) @ mixing
    generated = 1.1 * rng.standard_normal((samples, features)) @ mixing + 0.2

    statistics = [fid_features_to_statistics(torch.from_numpy(x)) for x in (generated, real)]
    fid = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    bench.compare("FID", bench.metric("fid", generated, real)["values"]["fid"], fid, 1e-6, "torch-fidelity")

    bench.compare("sFID", bench.metric("sfid", generated, real)["values"]["sfid"], fid, 1e-6, "torch-fidelity, on the same features")

    limit = bench.metric("fid-infinity", generated, real, points=8)
    counts, fids = (np.array(limit["detail"][key]) for key in ("counts", "fids"))
    slope, intercept = np.polyfit(1 / counts, fids, 1)
    bench.compare("FID∞", [limit["values"]["fid_infinity"], limit["detail"]["slope"], fids[-1]], [intercept, slope, fid], 1e-6,
                  "NumPy's line, torch-fidelity at the end")

    few = features // 2
    bench.compare("FID, rank-deficient", bench.metric("fid", generated[:few], real[:few])["values"]["fid"],
                  fid_by_singular_values(generated[:few], real[:few]), 1e-8, "NumPy, singular values")

    kid = kid_features_to_metric(torch.from_numpy(generated), torch.from_numpy(real), kid_subsets=1,
                                 kid_subset_size=samples, verbose=False)["kernel_inception_distance_mean"]
    ours = bench.metric("kid", generated, real, subsets=1, subset_size=samples, full="true")["values"]
    bench.compare("KID", [ours["kid"], ours["kid_full"]], [kid, kid], 1e-10, "torch-fidelity")

    for neighbours in (3, 5):
        with contextlib.redirect_stdout(io.StringIO()):
            reference = compute_prdc(real, generated, nearest_k=neighbours)
        ours = bench.metric("prdc", generated, real, neighbours=neighbours)["values"]
        for name, value in reference.items():
            bench.compare(f"{name} (k-NN)", ours[name], value, 1e-10, "prdc")

    ours = bench.metric("prd", generated, real, runs=20)["values"]
    bench.compare("PRD", [ours["precision"], ours["recall"]], prd(generated, real, rng), 0.02, "the paper's algorithm, other clusters")

    logits = 2 * rng.standard_normal((samples, 10))
    reference = isc_features_to_metric(torch.from_numpy(logits), splits=10, shuffle=False)
    score = bench.metric("inception-score", softmax(logits, axis=1), splits=10)["scores"]["inception_score"]
    bench.compare("Inception Score", [score["value"], score["spread"]["sd"]],
                  [reference["inception_score_mean"], reference["inception_score_std"]], 1e-9, "torch-fidelity")

    labels = rng.integers(0, 6, samples)
    detail = bench.metric("silhouette", real, labels)
    bench.compare("silhouette", detail["values"]["silhouette"], sk.silhouette_score(real, labels), 1e-10, "scikit-learn")
    bench.compare("silhouette, each sample", detail["detail"]["samples"], sk.silhouette_samples(real, labels), 1e-10, "scikit-learn")


def fid_by_singular_values(a, b):
    """With centred samples A, B of n rows, tr (Σ_a Σ_b)^½ is the sum of the singular values of A Bᵀ/(n−1)."""
    mean = np.sum((a.mean(0) - b.mean(0)) ** 2)
    a, b = ((x - x.mean(0)) / np.sqrt(len(x) - 1) for x in (a, b))
    return mean + np.sum(a * a) + np.sum(b * b) - 2 * np.sum(np.linalg.svd(a @ b.T, compute_uv=False))


def prd(generated, real, rng, clusters=20, runs=20, angles=1001):
    """F_1/8 and F_8 of Sajjadi et al. 2018: histograms over joint clusters, α(λ) = Σ min(λ q, p), β = α/λ."""
    epsilon = 1e-10
    slopes = np.tan(np.linspace(epsilon, np.pi / 2 - epsilon, angles))
    precision, recall = np.zeros(angles), np.zeros(angles)
    for _ in range(runs):
        seed = int(rng.integers(1 << 31))
        fit = sklearn.cluster.KMeans(clusters, n_init=1, random_state=seed).fit(np.concatenate([generated, real]))
        p, q = (np.bincount(part, minlength=clusters) / len(part) for part in np.split(fit.labels_, [len(generated)]))
        alpha = np.minimum(slopes[:, None] * q, p).sum(axis=1)
        precision += np.clip(alpha, 0, 1) / runs
        recall += np.clip(alpha / slopes, 0, 1) / runs
    return [np.max((1 + b * b) * precision * recall / (b * b * precision + recall + epsilon)) for b in (1 / 8, 8)]


def classification(bench):
    rng = bench.rng
    samples, classes = int(rng.integers(200, 600)), int(rng.integers(3, 8))
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, samples - classes)])
    predictions = np.where(rng.random(samples) < 0.6, labels, rng.integers(0, classes, samples))
    probabilities = softmax(2 * rng.standard_normal((samples, classes)), axis=1)
    multi = (rng.random((samples, classes)) < 0.3).astype(int)
    scores = np.round(rng.random((samples, classes)), 1)  # with ties
    weights = rng.random(samples)
    binary = multi[:, 0]

    bench.compare("AUC, weights and ties", bench.metric("auc", scores[:, 0], binary, weights=bench.save("weights", weights))["values"]["auc"],
                  sk.roc_auc_score(binary, scores[:, 0], sample_weight=weights), 1e-10, "scikit-learn")
    ours = bench.metric("auc", scores, multi)["values"]
    for average, key in (("macro", "auc_macro"), ("micro", "auc_micro"), ("weighted", "auc_by_prevalence")):
        bench.compare("AUC, multi-label", ours[key], sk.roc_auc_score(multi, scores, average=average), 1e-10, "scikit-learn")
    ours = bench.metric("average-precision", scores, multi)["values"]
    for average in ("macro", "micro"):
        bench.compare("average precision", ours[f"average_precision_{average}"], sk.average_precision_score(multi, scores, average=average), 1e-10, "scikit-learn")

    bench.compare("accuracy", bench.metric("accuracy", predictions, labels)["values"]["accuracy"], sk.accuracy_score(labels, predictions), 1e-12, "scikit-learn")
    bench.compare("top-k", bench.metric("top-k", probabilities, labels, k=2)["values"]["top2"],
                  sk.top_k_accuracy_score(labels, probabilities, k=2), 1e-12, "scikit-learn")
    ours = bench.metric("f1", predictions, labels, positive=2)["values"]
    precision, recall, f1, _ = sk.precision_recall_fscore_support(labels, predictions, labels=[2], average=None)
    bench.compare("F1", [ours["precision"], ours["recall"], ours["f1"], ours["f1_macro"], ours["f1_by_prevalence"]],
                  [precision[0], recall[0], f1[0], sk.f1_score(labels, predictions, average="macro"), sk.f1_score(labels, predictions, average="weighted")],
                  1e-12, "scikit-learn")
    ours = bench.metric("calibration", probabilities, labels, bins=12)["values"]
    brier = np.mean(np.sum((probabilities - np.eye(classes)[labels]) ** 2, axis=1))
    bench.compare("calibration", [ours["ece"], ours["brier"]], [expected_calibration_error(probabilities, labels, 12), brier], 1e-10, "NumPy, the definitions")
    bench.compare("Spearman", bench.metric("spearman", scores[:, 0], weights)["values"]["spearman"], spearmanr(scores[:, 0], weights).statistic, 1e-10, "SciPy")


def edits(bench):
    """Mediffusion's measures, by their definitions."""
    rng = bench.rng
    images, classes, target = 30, 5, int(rng.integers(5))
    before, after = rng.random((2, images, classes))
    ours = bench.metric("class-change", before, after, **{"class": target})["values"]
    change = after - before
    others = np.delete(np.abs(change), target, axis=1).mean()
    bench.compare("class change", [ours["target_change"], ours["other_change"]], [change[:, target].mean(), others], 1e-12, "NumPy, the definition")

    before, after = rng.random((2, images, 12, 9))
    table, inside, outside = ["image,x,y,width,height"], [], []
    for i in range(images):
        x, y = int(rng.integers(0, 6)), int(rng.integers(0, 8))
        width, height = int(rng.integers(1, 4)), int(rng.integers(1, 5))
        table.append(f"{i},{x},{y},{width},{height}")
        mask = np.zeros((12, 9), bool)
        mask[y:y + height, x:x + width] = True
        change = np.abs(after[i] - before[i])
        inside.append(change[mask].mean())
        outside.append(change[~mask].mean())
    boxes = bench.folder / "boxes.csv"
    boxes.write_text("\n".join(table) + "\n")
    ours = bench.run("metric", "pixel-change", bench.save("before", before), bench.save("after", after), boxes)["values"]
    bench.compare("pixel change", [ours["inside"], ours["outside"]], [np.mean(inside), np.mean(outside)], 1e-12, "NumPy, the definition")

    series = rng.standard_normal(7)
    score = bench.metric("mean-sd", series)["scores"]["mean"]
    bench.compare("mean and sd", [score["value"], score["spread"]["sd"]], [series.mean(), series.std(ddof=1)], 1e-12, "NumPy")


def expected_calibration_error(probabilities, labels, bins):
    """Guo et al. 2017, eq. 3: bins (low, high] of the confidence."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return sum(abs(np.sum(confidence[bin_of == b]) - np.sum(right[bin_of == b])) for b in range(bins)) / len(labels)


def probes(bench):
    rng = bench.rng
    for classes in (2, int(rng.integers(3, 6))):
        samples, features = int(rng.integers(200, 400)), int(rng.integers(5, 20))
        labels = np.concatenate([np.arange(classes), rng.integers(0, classes, samples - classes)])
        x = rng.standard_normal((samples, features)) + rng.standard_normal((classes, features))[labels]
        test = x[:100]

        reference = sklearn.linear_model.LogisticRegression(C=0.7, tol=1e-10, max_iter=10000).fit(x, labels)
        _, fitted = bench.probe("logistic", x, labels, test, c=0.7)
        bench.compare("logistic regression, coefficients", fitted("coefficients"), reference.coef_, 1e-5, "scikit-learn")
        bench.compare("logistic regression, probabilities", fitted("scores"), reference.predict_proba(test), 1e-5, "scikit-learn")

        reference = sklearn.svm.LinearSVC(C=0.3, loss="squared_hinge", tol=1e-10, max_iter=100000).fit(x, labels)
        _, fitted = bench.probe("linear-svm", x, labels, test, c=0.3, loss="squared_hinge")
        bench.compare("linear SVM, coefficients", fitted("coefficients"), reference.coef_, 2e-4, "scikit-learn (liblinear)")

        reference = sklearn.svm.LinearSVC(C=0.3, loss="hinge", tol=1e-10, max_iter=1000000).fit(x, labels)
        _, fitted = bench.probe("linear-svm", x, labels, test, c=0.3, loss="hinge")
        bench.compare("linear SVM, hinge, coefficients", fitted("coefficients"), reference.coef_, 2e-3, "scikit-learn (liblinear)")

        known = np.concatenate([np.arange(classes), np.arange(samples // 2, samples // 2 + 20)])
        unknown = np.setdiff1d(np.arange(samples), known)
        _, fitted = bench.probe("label-propagation", x[known], labels[known], x[unknown], truth=labels[unknown], neighbours=10)
        bench.compare("label propagation", fitted("scores"), propagate(x[known], labels[known], x[unknown], classes, 10), 1e-6,
                      "NumPy, a dense solution")

        reference = sklearn.neural_network.MLPClassifier(100, random_state=0, max_iter=2000).fit(x, labels)
        report, fitted = bench.probe("mlp", x, labels, test)
        bench.compare("MLP, share of predictions that differ", np.mean(fitted("predictions") != reference.predict(test)), 0, 0.15,
                      "scikit-learn, another optimiser's path")

        reference = sklearn.svm.SVC(C=1.0, kernel="rbf", gamma=0.05, tol=1e-10, decision_function_shape="ovo").fit(x, labels)
        _, fitted = bench.probe("svm", x, labels, test, c=1.0, kernel="rbf", gamma=0.05)
        bench.compare("RBF SVM, decisions", fitted("pair_decisions").ravel(), reference.decision_function(test).ravel(), 1e-4, "scikit-learn (libsvm)")

    reference = sklearn.decomposition.PCA(3, svd_solver="full").fit(x)
    out = bench.folder / "pca"
    bench.run("probe", "pca", bench.save("x", x), "--components", 3, "--out", out)
    bench.compare("PCA, variance", np.load(out / "variance.npy"), reference.explained_variance_, 1e-9, "scikit-learn")
    bench.compare("PCA, |components|", np.abs(np.load(out / "components.npy")), np.abs(reference.components_), 1e-7, "scikit-learn")

    # Far apart, so that every start of either finds the same clusters.
    true = rng.integers(0, 3, 300)
    x = rng.standard_normal((300, 6)) + 30 * np.eye(6)[:3][true]
    reference = sklearn.cluster.KMeans(3, n_init=10, random_state=0, tol=0).fit(x)
    _, fitted = bench.probe("k-means", x, true, x[:50], clusters=3)
    order = lambda centres: centres[np.argsort(centres.argmax(axis=1))]
    bench.compare("k-means, centres", order(fitted("centres")), order(reference.cluster_centers_), 1e-9, "scikit-learn")


def propagate(labelled, labels, unlabelled, classes, neighbours, alpha=0.99):
    """LaplaceNet's propagation without conjugate gradients: probabilities of the unlabelled rows."""
    x = np.concatenate([labelled, unlabelled])
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    products = x @ x.T
    np.fill_diagonal(products, -np.inf)
    weights = np.zeros_like(products)
    for i, row in enumerate(products):
        nearest = np.argsort(-row)[:neighbours]
        weights[i, nearest] = row[nearest]
    weights = np.maximum(weights, weights.T)
    root = 1 / np.sqrt(weights.sum(axis=1))
    start = np.zeros((len(x), classes))
    start[np.arange(len(labels)), labels] = 1
    z = np.linalg.solve(np.eye(len(x)) - alpha * root[:, None] * weights * root, start)[len(labels):]
    z = np.maximum(z, 0)
    return z / z.sum(axis=1, keepdims=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", nargs="+", type=int, metavar="SEED", help="of the inputs, one run each")
    parser.add_argument("--program", required=True, type=pathlib.Path, help="the noisebook command; bench/compare_evaluators.sh builds it")
    args = parser.parse_args()
    failed = False
    for seed in args.seeds:
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(args.program.resolve(), pathlib.Path(folder), seed)
            for part in (distributions, classification, edits, probes):
                part(bench)
        print(f"seed {seed}: largest difference, relative to the larger of 1 and the largest value")
        for measure, (difference, tolerance, by) in bench.worst.items():
            over = not difference <= tolerance
            failed |= over
            print(f"  {measure:36} {difference:8.1e}  tolerance {tolerance:7.0e}  {'OVER' if over else 'ok':4}  {by}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
