"""Write resize.safetensors: pictures brought to 9×9 by torch-fidelity, PyTorch and clean-fid.

    python resize.py    # torch 2.15.0, torch-fidelity 0.4.0, clean-fid 0.1.35, Pillow 13.0.0, safetensors 0.8.0

Value k of a picture is (37·k² + 11·k) mod 256, as in the Go test.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from cleanfid.resize import make_resizer
from safetensors.numpy import save_file
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

SIZE = (9, 9)
out = {}
for height, width in [(5, 7), (23, 40), (9, 9), (1, 3)]:
    k = np.arange(height * width * 3, dtype=np.int64)
    picture = ((37 * k * k + 11 * k) % 256).astype(np.uint8).reshape(height, width, 3)
    tensor = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    for name, values in {
        "torch-fidelity": interpolate_bilinear_2d_like_tensorflow1x(tensor, size=SIZE, align_corners=False)[0].permute(1, 2, 0),
        "pytorch-fid": 255 * F.interpolate(tensor / 255, size=SIZE, mode="bilinear", align_corners=False)[0].permute(1, 2, 0),
        "clean-fid": torch.from_numpy(make_resizer("PIL", False, "bicubic", SIZE)(picture)),
    }.items():
        out[f"{height}x{width}.{name}"] = values.contiguous().numpy()
save_file(out, Path(__file__).with_suffix(".safetensors"))
