"""Write inception.safetensors: what torch-fidelity's Inception-v3 makes of drawn weights and images.

    python inception.py       # torch 2.15.0, torch-fidelity 0.4.0, safetensors 0.8.0

The published weights are 95 MB, so the weights here are drawn: number i of what is called NAME is
mix(fnv1a(NAME) + (i+1)·0x9e3779b97f4a7c15) >> 40, over 2^24, with SplitMix64's mixing function. The Go
test draws the same ones. bench/inception/compare.py shares this file's functions.
"""

from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

MASK = (1 << 64) - 1
TAPS = ("64", "192", "768", "2048", "logits_unbiased", "logits")


def uniform(name, count):
    """count numbers in [0, 1) that belong to the name."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 & MASK
    with np.errstate(over="ignore"):
        z = np.uint64(state) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(40)).astype(np.float32) / np.float32(1 << 24)


def draw(name, shape, prefix=""):
    """The weights called name: of a size that keeps the activations near 1."""
    u = uniform(prefix + name, int(np.prod(shape))).reshape(shape)
    kind = name.rsplit(".", 1)[1]
    if kind == "running_var":
        u = u + np.float32(0.5)
    elif kind == "weight" and ".bn." in name:
        u = u * np.float32(0.5) + np.float32(0.75)
    elif kind == "weight":  # He's variance, 2 / inputs
        u = (2 * u - 1) * np.float32((6 / np.prod(shape[1:])) ** 0.5)
    elif kind in ("bias", "running_mean"):
        u = (2 * u - 1) * np.float32(0.25)
    return torch.from_numpy(u)


def drawn_network(prefix=""):
    """torch-fidelity's extractor with drawn weights, without a download."""
    patched, FeatureExtractorInceptionV3.load_state_dict = FeatureExtractorInceptionV3.load_state_dict, lambda *a, **k: None
    from torch_fidelity import feature_extractor_inceptionv3 as module

    load, module.load_state_dict_from_url = module.load_state_dict_from_url, lambda *a, **k: {}
    network = FeatureExtractorInceptionV3("drawn", list(TAPS))
    FeatureExtractorInceptionV3.load_state_dict, module.load_state_dict_from_url = patched, load
    network.load_state_dict(
        {
            name: value if name.endswith("num_batches_tracked") else draw(name, tuple(value.shape), prefix)
            for name, value in network.state_dict().items()
        }
    )
    return network.eval()


def taps(network, x):
    """All features of images [B, 3, H, W] that are already resized and scaled: pooled ones, sFID's, logits."""
    kept = {}
    hooks = [network.Mixed_6d.branch1x1.register_forward_hook(lambda m, i, o: kept.update(spatial=o))]
    resize = network.forward.__globals__["interpolate_bilinear_2d_like_tensorflow1x"]
    network.forward.__globals__["interpolate_bilinear_2d_like_tensorflow1x"] = lambda image, **_: x * 128 + 128
    features = network(torch.zeros(1, 3, 1, 1, dtype=torch.uint8))
    network.forward.__globals__["interpolate_bilinear_2d_like_tensorflow1x"] = resize
    for hook in hooks:
        hook.remove()
    features = dict(zip(TAPS, features))
    features["spatial"] = kept["spatial"][:, :7].permute(0, 2, 3, 1).flatten(1)
    return features


def main():
    torch.set_grad_enabled(False)
    network = drawn_network()
    out = {}
    for name, shape in {"small": (1, 75, 83, 3), "full": (1, 299, 299, 3)}.items():
        images = torch.from_numpy(2 * uniform(name, int(np.prod(shape))).reshape(shape) - 1)
        for tap, values in taps(network, images.permute(0, 3, 1, 2).contiguous()).items():
            out[f"{name}.{tap}"] = values.numpy().copy()
    save_file(out, Path(__file__).with_suffix(".safetensors"))
    for name, values in out.items():
        print(f"{name:24} {values.shape} mean {values.mean():.3g} sd {values.std():.3g} max {np.abs(values).max():.3g}")


if __name__ == "__main__":
    main()
