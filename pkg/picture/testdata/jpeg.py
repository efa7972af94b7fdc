"""Write colours of three chroma resolutions as JPEG and, in jpeg.safetensors, what Pillow decodes them to.

    python jpeg.py    # Pillow 13.0.0, safetensors 0.8.0
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

here = Path(__file__).parent
y, x = np.mgrid[0:13, 0:21]
picture = np.stack([127 + 120 * np.sin(x / 2), 127 + 120 * np.cos(y / 2 + x), 127 + 120 * np.sin(y)], axis=2).astype(np.uint8)
out = {}
for name, subsampling in {"420": "4:2:0", "422": "4:2:2", "444": "4:4:4"}.items():
    path = here / f"colours{name}.jpg"
    Image.fromarray(picture).save(path, quality=95, subsampling=subsampling)
    out[name] = np.asarray(Image.open(path).convert("RGB"))
save_file(out, here / "jpeg.safetensors")
