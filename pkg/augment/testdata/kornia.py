"""Write kornia.json: what Kornia makes of two small images in [-1, 1].

    python kornia.py > kornia.json    # Kornia 0.6.11, PyTorch 2.15.0

Value k of an image is pixel (97*k + 13*k*k) mod 256, as in the Go test.
"""

import json

import torch
from kornia.augmentation import RandomResizedCrop, RandomRotation, RandomHorizontalFlip
from kornia.augmentation import ColorJitter, RandomBrightness, RandomContrast, RandomMixUpV2, RandomSharpness

HEIGHT, WIDTH = 6, 5


def image(channels):
    values = torch.arange(HEIGHT * WIDTH * channels)
    pixels = (values * 97 + values * values * 13) % 256
    return (pixels / 127.5 - 1).reshape(1, HEIGHT, WIDTH, channels).permute(0, 3, 1, 2)


def apply(transform, images, **params):
    given = {name: torch.as_tensor(value) for name, value in params.items()}
    given["batch_prob"] = torch.ones(len(images))
    given["forward_input_shape"] = torch.tensor(images.shape)
    out = transform(images, params=given)
    return [round(v, 7) for v in out.permute(0, 2, 3, 1).flatten().tolist()]


def box(x, y, width, height):
    right, bottom = x + width - 1, y + height - 1
    return torch.tensor([[[x, y], [right, y], [right, bottom], [x, bottom]]], dtype=torch.float32)


def main():
    out = {}
    for name, channels in ("grey", 1), ("colour", 3):
        x = image(channels)
        whole = box(0, 0, WIDTH, HEIGHT)
        cases = {
            "flip": apply(RandomHorizontalFlip(p=1.0), x),
            "contrast": apply(RandomContrast((0.6, 1.8), p=1.0), x, contrast_factor=[1.7]),
            "brightness": apply(RandomBrightness((0.6, 1.8), p=1.0), x, brightness_factor=[0.65]),
            "smoothed": apply(RandomSharpness((0.4, 2.0), p=1.0), x, sharpness=[0.45]),
            "sharpened": apply(RandomSharpness((0.4, 2.0), p=1.0), x, sharpness=[1.8]),
            "rotation": apply(RandomRotation((-30, 30), p=1.0), x, degrees=[25.0]),
            "crop": apply(RandomResizedCrop((HEIGHT, WIDTH), p=1.0), x, src=box(1, 2, 3, 4), dst=whole),
            "mixup": apply(
                RandomMixUpV2(p=1.0), torch.cat([x, x.flip(-1)]), mixup_pairs=[1, 0], mixup_lambdas=[0.3, 0.0]
            ),
        }
        if channels == 3:
            for order in [0, 1, 2, 3], [3, 2, 1, 0]:
                jitter = ColorJitter(0.1, 0.1, 0.1, 0.1, p=1.0)
                cases["jitter" + "".join(map(str, order))] = apply(
                    jitter, x, brightness_factor=[1.08], contrast_factor=[0.93], saturation_factor=[1.09],
                    hue_factor=[-0.07], order=order,
                )
        out[name] = cases
    lines = (f'"{name} {case}": {json.dumps(values)}' for name, cases in out.items() for case, values in cases.items())
    print("{\n" + ",\n".join(lines) + "\n}")


if __name__ == "__main__":
    main()
