"""Pictures larger than the model's own: ways to enlarge a true X-ray of 512 pixels beside the true one of 1024.

    maskel data build --size 1024 --count 12 --seed 77 --out data/1024
    maskel data build --size 512 --count 12 --seed 77 --out data/512
    python benchmarks/enlarging.py data/512 data/1024

The same seed gives the same scenes. Writes docs/measurements/enlarging.json.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import report
import torch
import torch.nn.functional as F
from maskel_core.data.dataset import SampleStore
from maskel_core.models import LayerScaling
from maskel_core.pipeline import render_style
from maskel_core.pipeline.edges import extend_beyond
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import Tensor

SHIPS = "bicubic, normalised"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("small", type=Path)
    parser.add_argument("large", type=Path)
    parser.add_argument("--out", type=Path, default=report.FOLDER)
    options = parser.parse_args()
    stores = [SampleStore.open(folder, "train", cache=False) for folder in (options.small, options.large)]
    scaling = LayerScaling(*stores[1].scales(), gamma=0.5)
    rows: dict[str, list[dict[str, float]]] = {}
    for index in range(len(stores[0])):
        small, large = (store.layers[index].astype(np.float32) for store in stores)
        masks = [store.masks[index] for store in stores]
        truth = render_style("dxa", large[0], large[1], masks[1])
        for name, layers in enlarged(small, masks[0], masks[1], scaling).items():
            picture = render_style("dxa", layers[0], layers[1], masks[1])
            rows.setdefault(name, []).append(score(picture, truth, masks[1]))
    result = {
        "what": f"{len(stores[0])} true X-rays of {len(stores[0].masks[0])} pixels, enlarged, beside true ones of "
        f"{len(stores[1].masks[0])} pixels, style dxa, grey levels inside the mask",
        "command": "python benchmarks/enlarging.py data/512 data/1024",
        "ships": SHIPS,
        "ways": {
            name: {key: round(float(np.mean([row[key] for row in found])), 3) for key in found[0]}
            for name, found in rows.items()
        },
        "machine": report.machine(),
    }
    report.keep("enlarging", result, options.out)
    return 0


def enlarged(
    small: np.ndarray, mask: np.ndarray, large_mask: np.ndarray, scaling: LayerScaling
) -> dict[str, np.ndarray]:
    """Layers (2, H, W) at the large mask's size, by way; the outline is always the large mask's."""
    cover = torch.from_numpy(mask)[None].float() / 255
    whole = torch.from_numpy(small) / cover.clamp_min(1 / 255) * (cover > 0.02)
    integrals = extend_beyond(whole, cover)
    normalised = scaling.normalise(integrals[None])[0]
    edge = torch.from_numpy(large_mask).float() / 255
    size = len(large_mask)
    found = {}
    for name, resize in {
        "nearest": lambda x: F.interpolate(x[None], size=(size, size), mode="nearest")[0],
        "bilinear": lambda x: torch_resize(x, size, "bilinear"),
        "bicubic": lambda x: torch_resize(x, size, "bicubic"),
        "Lanczos": lambda x: lanczos(x, size),
    }.items():
        found[f"{name}, integrals"] = (resize(integrals).clamp_min(0) * edge).numpy()
        found[f"{name}, normalised"] = (scaling.restore(resize(normalised)[None])[0] * edge).numpy()
    sharp = normalised * 1.5 - torch.from_numpy(gaussian_filter(normalised.numpy(), (0, 1, 1))) * 0.5
    resized = torch_resize(sharp, size, "bicubic")
    found["bicubic, normalised, sharpened"] = (scaling.restore(resized[None])[0] * edge).numpy()
    return found


def torch_resize(maps: Tensor, size: int, mode: str) -> Tensor:
    """As `Letterbox.backward` does it."""
    return F.interpolate(maps[None], size=(size, size), mode=mode, align_corners=False, antialias=True)[0]


def lanczos(maps: Tensor, size: int) -> Tensor:
    """By Pillow, three lobes."""
    pictures = [
        Image.fromarray(layer.numpy()).resize((size, size), Image.Resampling.LANCZOS) for layer in maps
    ]
    return torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures]))


def score(picture: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """PSNR in dB, mean absolute difference in grey levels, correlation of gradients, and their strength over the truth's."""
    ours, theirs, inside = picture.astype(np.float64), truth.astype(np.float64), mask == 255
    whole = inside[:-1, :-1] & inside[1:, :-1] & inside[:-1, 1:]
    slopes = [
        np.concatenate([np.diff(x, axis=0)[:, :-1][whole], np.diff(x, axis=1)[:-1][whole]])
        for x in (ours, theirs)
    ]
    return {
        "psnr": 10 * np.log10(255**2 / np.square(ours - theirs)[inside].mean()),
        "mean_difference": np.abs(ours - theirs)[inside].mean(),
        "gradient_correlation": np.corrcoef(*slopes)[0, 1],
        "crispness": np.sqrt(np.square(slopes[0]).mean() / np.square(slopes[1]).mean()),
    }


if __name__ == "__main__":
    sys.exit(main())
