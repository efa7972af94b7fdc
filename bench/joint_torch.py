"""Time the UNet of KamilDeja/joint_diffusion in PyTorch on this machine.

One process takes one kind of step, so that its peak memory is that step's:

    python bench/joint_torch.py --checkout CLONE --measure train --channels 32 --batch 64

train     noise loss and 0.001 x cross-entropy, gradients, AdamW, moving average
no-ema    the same without the moving average
sample    one noise prediction
guided    one noise prediction of Algorithm 1, as the authors' script takes it
lean      the same without the gradients of the weights, which it does not need

Prints one JSON object.
"""

import argparse
import copy
import importlib
import json
import resource
import subprocess
import sys
import time
import types

import torch
import torch.nn.functional as F

MULTIPLIERS = {28: (1, 2, 2), 32: (1, 2, 2, 2), 64: (1, 2, 3, 4)}  # the paper's, by image size
CLASSES = 10
TIMESTEPS = 500
GUIDANCE = 100.0


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkout", required=True, help="clone of KamilDeja/joint_diffusion")
    parser.add_argument("--measure", required=True, choices=["train", "no-ema", "sample", "guided", "lean"])
    parser.add_argument("--channels", type=int, default=32)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=28, choices=sorted(MULTIPLIERS))
    parser.add_argument("--in-channels", type=int, default=1)
    parser.add_argument("--attention", default="2,4", help="downsampling factors, comma separated")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--channels-last", action="store_true", help="keep channels innermost in memory")
    parser.add_argument("--compile", action="store_true", help="torch.compile the network's passes")
    return parser.parse_args()


def import_authors(checkout):
    """The authors' modules. Kornia, which only their augmentations need, is left out."""
    for name in ("kornia", "kornia.augmentation"):
        sys.modules[name] = types.ModuleType(name)
    sys.path.insert(0, checkout)
    return importlib.import_module("guided_diffusion.unet"), importlib.import_module("guided_diffusion.nn")


class Steps:
    """The network, a random batch, and a method for each kind of step."""

    def __init__(self, args, unet, authors_nn):
        torch.manual_seed(1)
        self.update_ema = authors_nn.update_ema
        self.net = unet.UNetModel(
            image_size=args.size,
            in_channels=args.in_channels,
            out_channels=args.in_channels,
            model_channels=args.channels,
            channel_mult=MULTIPLIERS[args.size],
            num_res_blocks=3,
            attention_resolutions=tuple(int(a) for a in args.attention.split(",")),
            num_heads=4,
            dropout=0.3,
            use_scale_shift_norm=True,
            num_classes=CLASSES,
            train_with_classifier=True,
            classifier_augmentation=False,
        )
        image = (args.batch, args.in_channels, args.size, args.size)
        self.clean, self.noised, self.noise = (torch.randn(image) for _ in range(3))
        if args.channels_last:
            self.net = self.net.to(memory_format=torch.channels_last)
            self.clean, self.noised, self.noise = (
                x.to(memory_format=torch.channels_last) for x in (self.clean, self.noised, self.noise)
            )
        self.times = torch.randint(0, TIMESTEPS, (args.batch,))
        self.labels = torch.randint(0, CLASSES, (args.batch,))
        wrap = torch.compile if args.compile else lambda function: function
        self.predict, self.classify = wrap(self.net.forward), wrap(self.net.classify)
        self.encode, self.decode = wrap(self.net.partial_forward), wrap(self.net.finalise_forward)

    def prepare(self, measure):
        """The function to time."""
        training = measure in ("train", "no-ema")
        self.net.train(training)
        if training:
            self.weights = list(self.net.parameters())
            self.optimizer = torch.optim.AdamW(self.weights, lr=1e-4, weight_decay=0)
            self.average = copy.deepcopy(self.weights) if measure == "train" else None
            return self.train
        if measure == "lean":
            self.net.requires_grad_(False)
            self.noised.requires_grad_(True)
        return self.sample if measure == "sample" else self.guided

    def train(self):
        self.optimizer.zero_grad()
        error = self.predict(self.noised, self.times, self.labels) - self.noise
        loss = error.square().mean() + 1e-3 * F.cross_entropy(self.classify(self.clean), self.labels)
        loss.backward()
        self.optimizer.step()
        if self.average is not None:
            self.update_ema(self.average, self.weights, rate=0.999)
        return loss.item()

    @torch.no_grad()
    def sample(self):
        return self.predict(self.noised, self.times, self.labels)

    def guided(self):
        middle, skips = self.encode(self.noised, self.times)
        maps = [middle, *skips]
        for features in maps:
            features.retain_grad()
        # The decoder consumes a list of skips, and so gets one of its own.
        logits = self.net.clasifier(middle, skips, self.times.float())
        F.cross_entropy(logits, self.labels, reduction="sum").backward()
        with torch.no_grad():
            moved = [features + GUIDANCE * features.grad for features in maps]
            noise = self.decode(moved[0], moved[1:], self.times)
        self.net.zero_grad()
        self.noised.grad = None
        return noise


def matmul_speed(runs, side=2048, products=4):
    """Floating-point operations a second of products of square float32 matrices: the fastest run."""
    x = torch.randn(side, side) / side
    best = 0.0
    with torch.no_grad():
        for _ in range(runs + 1):
            y = x
            start = time.perf_counter()
            for _ in range(products):
                y = y @ x
            best = max(best, products * 2 * side**3 / (time.perf_counter() - start))
    return best


def commit_of(checkout):
    done = subprocess.run(["git", "-C", checkout, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def main():
    args = parse()
    steps = Steps(args, *import_authors(args.checkout))
    step = steps.prepare(args.measure)
    start = time.perf_counter()
    step()
    first = time.perf_counter() - start
    seconds = []
    for _ in range(args.runs):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    peak_memory = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    json.dump(
        {
            "config": {
                "channels": args.channels,
                "batch": args.batch,
                "size": args.size,
                "in_channels": args.in_channels,
                "attention": [int(a) for a in args.attention.split(",")],
            },
            "measure": args.measure,
            "first_seconds": first,
            "seconds": seconds,
            "peak_memory_bytes": peak_memory,
            "parameters": sum(p.numel() for p in steps.net.parameters()),
            "matmul_flops": matmul_speed(args.runs),
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "commit": commit_of(args.checkout),
        },
        sys.stdout,
    )
    print()


if __name__ == "__main__":
    main()
