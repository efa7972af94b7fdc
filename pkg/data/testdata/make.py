"""Write small files in formats that Go has no writer for, and those of SciPy, the reference for MAT files.

    python make.py    # SciPy 1.17.1, NumPy 2.4.6

Value k of X is (7·k + 3) mod 256 in C order of its shape 32×32×3×4, as in the Go test.
"""

import bz2
import struct
from pathlib import Path

import numpy as np
from scipy.io import savemat

here = Path(__file__).parent
x = ((7 * np.arange(32 * 32 * 3 * 4) + 3) % 256).astype(np.uint8).reshape(32, 32, 3, 4)
y = np.array([[1], [10], [9], [2]], dtype=np.uint8)
savemat(here / "svhn.mat", {"X": x, "y": y}, do_compression=True)
savemat(here / "svhn-plain.mat", {"X": x[:, :, :, :1], "y": y[:1].astype(float), "note": "text is passed over"}, do_compression=False)

# Row i has label i + 1 and the values −1 + (i + p) mod 3.
lines = [f"{i + 1} " + " ".join(f"{p + 1}:{-1 + (i + p) % 3:.6f}" for p in range(256)) + " \n" for i in range(10)]
(here / "usps.bz2").write_bytes(bz2.compress("".join(lines).encode()))

# The workspace of TestUSPSWorkspace: 3 rows of a label and 256 values −1, 0 or 1 by row, column-major.


def ints(*values: int) -> bytes:
    return struct.pack(f">{len(values)}i", *values)


def symbol(name: str) -> bytes:
    return ints(1, 0x1009, len(name)) + name.encode()


values = [6.0, 5.0, 4.0] + [-1.0, 0.0, 1.0] * 256
workspace = b"RDX2\nX\n" + ints(2, 0x20F00, 0x20300, 0x402) + symbol("zip.train")
workspace += ints(0x20E, len(values)) + struct.pack(f">{len(values)}d", *values)
workspace += ints(0x402) + symbol("dim") + ints(13, 2, 3, 257, 254, 254)
(here / "usps-esl.bz2").write_bytes(bz2.compress(workspace))
