"""How far predicted joints are off, as shares of the body's height."""

from __future__ import annotations

import numpy as np
from maskel_core.anatomy.joints import MIRRORED
from maskel_core.pipeline.letterbox import body_box
from numpy.typing import NDArray


def body_length(soft: NDArray[np.floating], mask: NDArray[np.uint8]) -> int:
    """Pixels of the longer side of the body's box: its height where it stands, its length where it lies.

    Hats, swords and wings of the mask do not count: the body is where the true soft tissue is.

    Args:
        soft: (H, W), true soft-tissue line integral.
        mask: uint8 (H, W), taken instead where there is no soft tissue at all.
    """
    body = (soft > 0).astype(np.uint8) * 255
    rows, columns = body_box(body if body.any() else mask)
    return max(rows[1] - rows[0], columns[1] - columns[0])


def seen_joints(points: NDArray[np.floating], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Joints (J, 2) x, y in pixels with NaN for those beyond the picture's edge."""
    known = points.astype(np.float64)
    edge = np.array([shape[1] - 1, shape[0] - 1])
    known[((known < 0) | (known > edge)).any(axis=1)] = np.nan
    return known


def joint_errors(
    predicted: NDArray[np.floating], truth: NDArray[np.floating], height: float
) -> NDArray[np.float64]:
    """Distances of joints (J, 2) in pixels as shares of the body's height in pixels; NaN where a joint is unknown."""
    return np.linalg.norm(predicted - truth, axis=-1).astype(np.float64) / height


def sides_open(
    predicted: NDArray[np.floating], truth: NDArray[np.floating], height: float
) -> NDArray[np.float64]:
    """`joint_errors` under the better of the two namings of the whole body's sides.

    A silhouette does not say whether a body is seen from the front or the back; this is what is left when that is told.
    """
    as_named = joint_errors(predicted, truth, height)
    renamed = joint_errors(predicted[list(MIRRORED)], truth, height)
    known = np.isfinite(as_named)
    return renamed if renamed[known].sum() < as_named[known].sum() else as_named


def joint_summary(errors: NDArray[np.floating]) -> dict[str, float]:
    """Median, 95th percentile, and shares of joints within 2 % and 5 % of the body's height; NaNs are left out.

    Source of the shares (PCK, relative to the body): Yang and Ramanan 2013.
    """
    known = errors[np.isfinite(errors)]
    if not len(known):
        return {}
    return {
        "joint_median": float(np.median(known)),
        "joint_p95": float(np.percentile(known, 95)),
        "joint_pck2": float((known <= 0.02).mean()),
        "joint_pck5": float((known <= 0.05).mean()),
    }
