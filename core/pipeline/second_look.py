"""A second look: the same mask in another frame. Two answers err in different places; their mean is nearer to the truth.

Averaging answers to moved inputs is test-time augmentation (Krizhevsky et al. 2012). What it is worth is in docs/model.md.
"""

from __future__ import annotations

import numpy as np
from maskel_core.anatomy.joints import MIRRORED
from numpy.typing import NDArray

MOVE = (-0.02, 0.02, 0.98)
"""Where the second frame looks (`Letterbox.moved`): of eight that were tried, the one whose mean with the first is best."""

MEAN_GAIN = 1.6
"""Detail to lift (`maskel_core.pipeline.edges.lift_detail`) in both of two answers over that in one: their mean is blurrier."""

AGREE = 0.03
"""Share of the second frame within which two looks mean the same place for a joint."""


def settle_joints(
    first: NDArray[np.float64], second: NDArray[np.float64], side: float
) -> NDArray[np.float64]:
    """Joints by two looks: halfway where they agree, else the surer one's with the confidence of the less sure.

    Args:
        first: (J, 3), x and y in pixels and a confidence in [0, 1]; left and right are named as here.
        second: (J, 3), by the second look.
        side: Pixels of the picture across the second frame.

    Returns:
        (J, 3).
    """
    renamed = second[list(MIRRORED)] if len(second) == len(MIRRORED) else second
    # A silhouette leaves the sides open: halfway between a left and a right knee is no knee.
    second = min(second, renamed, key=lambda it: float(_apart(first, it).sum()))
    both = (first + second) / 2
    surer = np.where((second[:, 2] > first[:, 2])[:, None], second, first)
    surer[:, 2] = np.minimum(first[:, 2], second[:, 2])
    settled: NDArray[np.float64] = np.where((_apart(first, second) < AGREE * side)[:, None], both, surer)
    return settled


def _apart(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pixels between joints (J, 3)."""
    return np.linalg.norm(a[:, :2] - b[:, :2], axis=1).astype(np.float64)
