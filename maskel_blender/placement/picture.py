"""Pictures as arrays: X-ray as grey, silhouette as alpha; resampling. No bpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..silhouette.raster import Region

_MOST_PIXELS = 8192


def compose(xray: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGBA picture with straight alpha.

    Args:
        xray: (h, w) uint8.
        mask: (H, W) uint8, brought to the X-ray's size if it differs.

    Returns:
        (h, w, 4) uint8.

    """
    alpha = mask if mask.shape == xray.shape else resize(mask, xray.shape[0], xray.shape[1])
    return np.dstack([xray, xray, xray, alpha])


def resize(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Resample with a triangle filter, widened to the pixel's own size when shrinking.

    Args:
        image: (H, W) uint8.
        height: Rows wanted.
        width: Columns wanted.

    Returns:
        (height, width) uint8.

    """
    rows, columns = _weights(image.shape[0], height), _weights(image.shape[1], width)
    return np.clip(np.rint(rows @ image.astype(np.float32) @ columns.T), 0, 255).astype(np.uint8)


def in_full_frame(picture: NDArray[np.uint8], region: Region, width: int, height: int) -> NDArray[np.uint8]:
    """A picture of a part of the frame, laid into the whole of it.

    Args:
        picture: (h, w, 4) uint8 that fills `region`.
        region: In pixels of the frame.
        width: Of the frame, in pixels.
        height: Of the frame, in pixels.

    Returns:
        (k * height, k * width, 4) uint8, clear outside the region; k is as large as keeps the picture's detail.

    """
    detail = -(-picture.shape[1] // region.width)
    k = max(1, min(detail, _MOST_PIXELS // max(width, height)))
    rows, columns = region.height * k, region.width * k
    part = np.dstack([resize(picture[..., channel], rows, columns) for channel in range(4)])
    whole = np.zeros((height * k, width * k, 4), np.uint8)
    whole[region.top * k : region.bottom * k, region.left * k : region.right * k] = part
    return whole


def _weights(source: int, wanted: int) -> NDArray[np.float32]:
    scale = source / wanted
    centre = (np.arange(wanted) + 0.5) * scale - 0.5
    weights = np.maximum(1.0 - np.abs(np.arange(source)[None, :] - centre[:, None]) / max(scale, 1.0), 0.0)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
