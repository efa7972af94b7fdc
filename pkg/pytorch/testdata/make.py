"""Write the files of this folder: python make.py (PyTorch 2.15).

The values are small formulas that the Go test repeats.
"""

import argparse
from collections import OrderedDict
from pathlib import Path

import torch

here = Path(__file__).parent
base = torch.arange(8, dtype=torch.float32) / 4
weights = OrderedDict()
weights["conv.weight"] = torch.arange(12, dtype=torch.float32).reshape(2, 3, 1, 2) - 5.5
weights["conv.bias"] = torch.nn.Parameter(torch.tensor([0.25, -3.0]))
weights["transposed"] = torch.arange(6, dtype=torch.float32).reshape(2, 3).t()
weights["base"] = base
weights["view"] = base[2:7:2]
weights["half"] = torch.tensor([1.5, -0.125, 65504.0], dtype=torch.float16)
weights["bfloat16"] = torch.tensor([1.5, -2.0], dtype=torch.bfloat16)
weights["double"] = torch.tensor([[1 / 3]], dtype=torch.float64)
weights["count"] = torch.tensor(7)
weights["int"] = torch.tensor([-2, 300000], dtype=torch.int32)
weights["byte"] = torch.tensor([0, 255], dtype=torch.uint8)
weights["empty"] = torch.zeros(0, 3)
weights._metadata = {"": {"version": 1}}

checkpoint = {
    "epoch": 3,
    "arguments": argparse.Namespace(lr=0.1, name="run"),
    "state_dict": {"linear.weight": torch.tensor([[1.0, 2.0], [3.0, 4.0]])},
    "optimizer": {"state": {0: {"step": 5, "mean": torch.tensor([9.0])}}, "groups": [{"lr": 1e-3}]},
}

torch.save(weights, here / "weights.pth")
torch.save(weights, here / "legacy.pth", _use_new_zipfile_serialization=False)
torch.save(checkpoint, here / "checkpoint.pth")
torch.save(checkpoint, here / "protocol4.pth", pickle_protocol=4)
torch.save(torch.nn.Linear(2, 1), here / "module.pth")
torch.save(torch.ones(2), here / "tensor.pth")
torch.save({"x": torch.ones(1).expand(4)}, here / "expanded.pth")
torch.jit.script(torch.nn.Linear(2, 1)).save(here / "script.pth")
