"""Write resize.npz: pictures resized by Pillow.

    python resize.py    # Pillow 13.0.0, NumPy 2.4.6

Value k of a picture is (37·k² + 11·k) mod 256, as in the Go test.
"""

from pathlib import Path

import numpy as np
from PIL import Image

FILTERS = {"box": Image.Resampling.BOX, "bilinear": Image.Resampling.BILINEAR, "cubic": Image.Resampling.BICUBIC}
out = {}
for channels in (1, 3):
    for height, width, to_height, to_width in [(5, 7, 9, 9), (23, 40, 11, 20), (16, 16, 28, 28), (41, 33, 16, 12), (9, 4, 9, 2), (4, 9, 2, 9), (1, 3, 4, 4)]:
        k = np.arange(height * width * channels, dtype=np.int64)
        shape = (height, width, channels) if channels > 1 else (height, width)
        picture = Image.fromarray(((37 * k * k + 11 * k) % 256).astype(np.uint8).reshape(shape))
        for name, kernel in FILTERS.items():
            out[f"{name}-{height}-{width}-{channels}-{to_height}-{to_width}"] = np.asarray(picture.resize((to_width, to_height), kernel))
np.savez_compressed(Path(__file__).with_suffix(".npz"), **out)
