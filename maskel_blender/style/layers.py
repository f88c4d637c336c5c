"""The two layers and their silhouette in one 16-bit PNG: what is kept of a result to tone it anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..client.answer import LAYERS, Layer
from ..client.png import decode_png48, encode_png, read_text
from ..errors import ClientError
from ..placement.picture import resize

_SCALES = "MaSkel scales"


@dataclass(frozen=True)
class Layers:
    """Line integrals as they travel, with the silhouette that cuts them.

    Args:
        bone: (H, W) uint16.
        soft: (H, W) uint16.
        mask: (H, W) uint8, 255 = body.
        bone_scale: Line integral = pixel * scale.
        soft_scale: The same of soft tissue.
    """

    bone: NDArray[np.uint16]
    soft: NDArray[np.uint16]
    mask: NDArray[np.uint8]
    bone_scale: float
    soft_scale: float

    def integrals(self, rows: slice) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Bone and soft tissue of some rows as a full pixel would hold them: float32 (h, W) each."""
        whole = np.maximum(self.mask[rows].astype(np.float32), 1) / 255
        bone, soft = (
            (layer[rows].astype(np.float32) * scale / whole).astype(np.float32)
            for layer, scale in ((self.bone, self.bone_scale), (self.soft, self.soft_scale))
        )
        return bone, soft


def from_answer(layers: Mapping[str, Layer], mask: NDArray[np.uint8]) -> Layers | None:
    """Layers of an answer, with the mask brought to their size.

    Returns:
        None if the answer brought none.

    Raises:
        ClientError: ``bad_picture``.

    """
    if not all(name in layers for name in LAYERS):
        return None
    bone, soft = (layers[name] for name in LAYERS)
    height, width = bone.pixels.shape
    if soft.pixels.shape != (height, width):
        raise _damaged()
    cut = mask if mask.shape == (height, width) else resize(mask, height, width)
    return Layers(bone.pixels, soft.pixels, cut, bone.scale, soft.scale)


def encode(layers: Layers) -> bytes:
    """One PNG: red bone, green soft tissue, blue the silhouette; the scales as text."""
    pixels = np.dstack([layers.bone, layers.soft, layers.mask.astype(np.uint16) * 257])
    return encode_png(pixels, level=1, text={_SCALES: f"{layers.bone_scale!r} {layers.soft_scale!r}"})


def decode(data: bytes) -> Layers:
    """Inverse of `encode`, exactly.

    Raises:
        ClientError: ``bad_picture``.

    """
    pixels = decode_png48(data)
    try:
        bone_scale, soft_scale = (float(value) for value in read_text(data)[_SCALES].split())
    except (KeyError, ValueError):
        raise _damaged() from None
    return Layers(
        pixels[..., 0], pixels[..., 1], (pixels[..., 2] >> 8).astype(np.uint8), bone_scale, soft_scale
    )


def _damaged() -> ClientError:
    return ClientError("bad_picture", "The layers of the X-ray are damaged.", "Generate the X-ray again.")
