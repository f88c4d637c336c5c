"""The plane's picture: X-ray as grey, silhouette as alpha. No bpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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


def _weights(source: int, wanted: int) -> NDArray[np.float32]:
    scale = source / wanted
    centre = (np.arange(wanted) + 0.5) * scale - 0.5
    weights = np.maximum(1.0 - np.abs(np.arange(source)[None, :] - centre[:, None]) / max(scale, 1.0), 0.0)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
