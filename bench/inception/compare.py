"""Hold `noisebook features --network inception` against the programs it follows.

    bench/inception.sh [--seed N] [--images N] [--time] [--out FILE.csv]

Weights are drawn from the seed, put into torch-fidelity's network and saved with torch.save in both of its
formats; ours reads those files. Images are drawn too, of several sizes. A row of the table is the largest
difference of a layer's features over all images, divided by the layer's largest feature.
"""

import argparse
import csv
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "pkg" / "nn" / "testdata"))
import inception as drawn  # the weights that the Go test draws as well

LAYERS = {
    "64": "pool1", "192": "pool2", "768": "mixed6", "spatial": "spatial",
    "2048": "pool3", "logits_unbiased": "logits-without-bias", "logits": "logits",
}  # fmt: skip
TOLERANCE = 1e-4


class Noisebook:
    """Calls our program with a run store of its own."""

    def __init__(self, program, folder):
        self.program = str(pathlib.Path(program).resolve())
        self.environment = os.environ | {"NOISEBOOK_STORE": str(folder / "store")}

    def __call__(self, *arguments):
        done = subprocess.run([self.program, *map(str, arguments)], env=self.environment, cwd=ROOT, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"noisebook {' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return done.stdout

    def features(self, source, weights, layer, preprocess, out):
        self("features", source, "--weights", weights, "--layer", layer, "--preprocess", preprocess, "-o", out)
        return np.load(out)


def draw_images(rng, count, height, width, channels):
    """Smooth fields with some noise, so that every resizing has something to differ in."""
    coarse = torch.from_numpy(rng.standard_normal((count, channels, 5, 5), dtype=np.float32))
    field = F.interpolate(coarse, size=(height, width), mode="bicubic").numpy()
    field = 128 + 60 * field + 15 * rng.standard_normal(field.shape, dtype=np.float32)
    return field.clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1)


def pytorch_fid_network(state):
    """pytorch-fid's network with a state dict in place of the download."""
    import pytorch_fid.inception as module

    module.load_state_dict_from_url = lambda *_, **__: state
    return module.InceptionV3([0, 1, 2, 3], resize_input=True, normalize_input=True).eval()


def reference(preprocess, network, state, images):
    """Features by layer of images [N, H, W, 3], as the program of that name makes them."""
    x = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    if preprocess == "pytorch-fid":
        blocks = pytorch_fid_network(state)(x.float() / 255)
        return {name: b.mean((2, 3)).numpy() for name, b in zip(("64", "192", "768", "2048"), blocks)}
    if preprocess == "clean-fid":
        from cleanfid.resize import build_resizer

        resize = build_resizer("clean")
        x = torch.from_numpy(np.stack([resize(image) for image in images])).permute(0, 3, 1, 2)
        return {name: values.numpy() for name, values in drawn.taps(network, (x - 128) / 128).items()}
    kept = {}
    hook = network.Mixed_6d.branch1x1.register_forward_hook(lambda m, i, o: kept.update(spatial=o[:, :7].permute(0, 2, 3, 1).flatten(1)))
    features = dict(zip(drawn.TAPS, network(x)))
    hook.remove()
    return {name: values.numpy() for name, values in (features | kept).items()}


def as_rgb(images):
    return np.repeat(images, 3, axis=3) if images.shape[3] == 1 else images


def compare(noisebook, folder, network, options):
    """Yields (preprocess, size, layer, format of the weights, largest relative difference)."""
    state = network.state_dict()
    torch.save(state, folder / "zip.pth")
    torch.save(state, folder / "legacy.pth", _use_new_zipfile_serialization=False)
    rng = np.random.default_rng(options.seed)
    shapes = [(28, 28, 1), (32, 32, 3), (97, 64, 3), (299, 299, 3), (420, 333, 3)]
    for turn, shape in enumerate(shapes):
        images = draw_images(rng, options.images, *shape)
        source = folder / f"{shape[0]}x{shape[1]}.npy"
        np.save(source, images[..., 0] if shape[2] == 1 else images)
        if shape[:2] == (97, 64):  # a folder of files instead of an array
            source = folder / "pictures"
            source.mkdir()
            for i, image in enumerate(images):
                Image.fromarray(image).save(source / f"{i:03}.png")
        for preprocess in ("torch-fidelity", "pytorch-fid", "clean-fid"):
            expected = reference(preprocess, network, state, as_rgb(images))
            for name, want in expected.items():
                if name != "2048" and shape[:2] != (32, 32):
                    continue
                saved = ("zip", "legacy")[turn % 2]
                got = noisebook.features(source, folder / f"{saved}.pth", LAYERS[name], preprocess, folder / "out.npy")
                assert got.shape == want.shape, f"{name}: {got.shape} instead of {want.shape}"
                yield preprocess, "×".join(map(str, shape)), LAYERS[name], saved, np.abs(got - want).max() / np.abs(want).max()


def pytorch_fid_distance(folder, a, b):
    """What `python -m pytorch_fid` prints. It loads its network for files of statistics too, which the drawn one stands in for."""
    home = folder / "torch"
    (home / "hub" / "checkpoints").mkdir(parents=True, exist_ok=True)
    (folder / "zip.pth").rename(home / "hub" / "checkpoints" / "pt_inception-2015-12-05-6726825d.pth")
    command = [sys.executable, "-m", "pytorch_fid", "--device", "cpu", str(folder / a), str(folder / b)]
    done = subprocess.run(command, env=os.environ | {"TORCH_HOME": str(home)}, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"pytorch-fid: {done.stderr.strip()}")
    return float(done.stdout.split()[-1])


def compare_statistics(noisebook, folder, options):
    """Yields (what, largest relative difference) of files of statistics, theirs and ours, read by both."""
    from cleanfid.fid import frechet_distance

    rng = np.random.default_rng(options.seed + 1000)
    a, b = (rng.standard_normal((300, 64)).astype(np.float32) @ rng.standard_normal((64, 64)).astype(np.float32) / 8 for _ in range(2))
    for name, features in (("a", a), ("b", b + 0.25)):
        np.save(folder / f"{name}.npy", features)
        noisebook("features", folder / f"{name}.npy", "--network", "identity", "-o", folder / f"{name}.npz")
        features = features.astype(np.float64)
        np.savez_compressed(folder / f"{name}-theirs.npz", mu=features.mean(0), sigma=np.cov(features, rowvar=False))

    def ours(x, y):
        report = json.loads(noisebook("metric", "fid", folder / x, folder / y, "--json"))
        return report["values"]["fid"] if "values" in report else report["value"]

    def statistics(name):
        with np.load(folder / name) as f:
            return f["mu"], f["sigma"]

    want = frechet_distance(*statistics("a-theirs.npz"), *statistics("b-theirs.npz"))
    for what, got in {
        "python -m pytorch_fid on our files": pytorch_fid_distance(folder, "a.npz", "b.npz"),
        "clean-fid on our files": frechet_distance(*statistics("a.npz"), *statistics("b.npz")),
        "noisebook metric fid on our files": ours("a.npz", "b.npz"),
        "noisebook metric fid on their files": ours("a-theirs.npz", "b-theirs.npz"),
        "noisebook metric fid on ours and theirs": ours("a.npz", "b-theirs.npz"),
    }.items():
        yield what, abs(got - want) / want


def measure_speed(noisebook, folder, network):
    """Images a second, both in batches of 16 after the first: pool3 of 32×32 images."""
    rng = np.random.default_rng(0)
    few, more = 16, 112
    took = []
    for count in (few, few, more):  # the first call compiles
        source = folder / "speed.npy"
        np.save(source, draw_images(rng, count, 32, 32, 3))
        start = time.perf_counter()
        noisebook("features", source, "--weights", folder / "zip.pth")
        took.append(time.perf_counter() - start)
    yield "ours, first call with compilation", few / took[0]
    yield "ours, later calls with start", few / took[1]
    yield "ours, a batch after the other", (more - few) / (took[2] - took[1])
    network.features_list = ["2048"]
    batches = torch.from_numpy(np.load(folder / "speed.npy")).permute(0, 3, 1, 2).split(16)
    network(batches[0])
    start = time.perf_counter()
    for batch in batches[1:]:
        network(batch)
    yield f"torch-fidelity, {torch.get_num_threads()} threads", (more - 16) / (time.perf_counter() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="bin/noisebook", help="our command")
    parser.add_argument("--seed", type=int, default=1, help="of weights and images")
    parser.add_argument("--images", type=int, default=3, help="of each size")
    parser.add_argument("--time", action="store_true", help="measure images a second and nothing else")
    parser.add_argument("--out", help="CSV file for the differences")
    options = parser.parse_args()
    torch.set_grad_enabled(False)
    network = drawn.drawn_network(f"seed {options.seed} ")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        noisebook = Noisebook(options.program, folder)
        if options.time:
            torch.save(network.state_dict(), folder / "zip.pth")
            for who, speed in measure_speed(noisebook, folder, network):
                print(f"{speed:6.2f} images/s  {who}")
            return
        rows, worst = [], 0.0
        for preprocess, size, layer, saved, difference in compare(noisebook, folder, network, options):
            rows.append([preprocess, size, layer, saved, f"{difference:.2e}"])
            worst = max(worst, difference)
            print(f"{preprocess:15} {size:10} {layer:20} {saved:7} {difference:.2e}", flush=True)
        for what, difference in compare_statistics(noisebook, folder, options):
            rows.append([what, "", "FID", "", f"{difference:.2e}"])
            worst = max(worst, difference)
            print(f"{what:54} {difference:.2e}")
        if options.out:
            pathlib.Path(options.out).parent.mkdir(parents=True, exist_ok=True)
            with open(options.out, "w", newline="") as f:
                csv.writer(f, lineterminator="\n").writerows([["reference", "images", "layer", "weights", "relative_difference"], *rows])
        print(f"largest: {worst:.2e} (at most {TOLERANCE:.0e} passes)")
        if not worst <= TOLERANCE:
            sys.exit(1)


if __name__ == "__main__":
    main()
