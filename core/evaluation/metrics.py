"""Elementary figures: how close a predicted layer is to the true one, inside the body."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.stats import rankdata

Map = NDArray[np.floating]
Inside = NDArray[np.bool_]

HIGH_PASS = 0.02
"""Standard deviation of the Gaussian that is taken away for `high_pass`, share of the longer side."""


def psnr(predicted: Map, truth: Map, inside: Inside, peak: float) -> float:
    """Peak signal-to-noise ratio in decibels over the pixels inside; inf for equal maps."""
    error = float(np.mean((predicted[inside] - truth[inside]) ** 2, dtype=np.float64))
    return float("inf") if error == 0 else 10 * float(np.log10(peak**2 / error))


def dice(predicted: Map, truth: Map, inside: Inside, threshold: float) -> float:
    """Dice coefficient of the pixels at or above a threshold; 1 when neither map has any. Source: Dice 1945."""
    a, b = predicted[inside] >= threshold, truth[inside] >= threshold
    both = int(a.sum()) + int(b.sum())
    return 1.0 if both == 0 else 2 * int((a & b).sum()) / both


def pearson(predicted: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """Correlation of two equally long arrays; 0 when one is constant."""
    a, b = predicted.astype(np.float64) - predicted.mean(), truth.astype(np.float64) - truth.mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return 0.0 if norm < 1e-12 else float((a * b).sum() / norm)


def spearman(predicted: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """Correlation of the ranks; ties share their mean rank. Source: Spearman 1904."""
    return pearson(rankdata(predicted), rankdata(truth))


def slopes(values: Map) -> tuple[Any, Any]:
    """Central differences along columns and rows, per pixel."""
    down, right = np.gradient(values.astype(np.float64))
    return right, down


def slopes_inside(values: Map, inside: Inside) -> NDArray[np.float64]:
    """The slope vectors of the pixels inside, (2, N)."""
    return np.stack([slope[inside] for slope in slopes(values)])


def slope_correlation(predicted: Map, truth: Map, inside: Inside) -> float:
    """Correlation of the slope vectors inside, about zero: their summed dot products over their norms."""
    return aligned(slopes_inside(predicted, inside), slopes_inside(truth, inside))


def aligned(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Cosine of two arrays of one shape; 0 when one is 0 throughout."""
    norms = float(np.square(a).sum()), float(np.square(b).sum())
    return 0.0 if min(norms) < 1e-12 else float((a * b).sum()) / float(np.sqrt(norms[0] * norms[1]))


def high_pass(values: Map, side: int | None = None) -> Map:
    """The map less its Gaussian blur of `HIGH_PASS` of the longer side; ``side`` names that of the picture it was cut from."""
    wide = values.astype(np.float64)
    return wide - gaussian_filter(wide, HIGH_PASS * (side or max(values.shape)), mode="nearest")


def crispness(values: Map, inside: Inside) -> float:
    """Root mean square slope over the standard deviation, inside; 0 for a constant map."""
    return steepness(slopes_inside(values, inside), values[inside])


def steepness(slope: NDArray[np.floating], values: NDArray[np.floating]) -> float:
    """`crispness` of slope vectors (2, N) and values (N,)."""
    spread = float(values.std())
    return 0.0 if spread < 1e-12 else float(np.sqrt(np.square(slope).sum(axis=0).mean())) / spread


def outside_share(predicted: Map, mask: NDArray[np.uint8]) -> float:
    """Share of the map's sum that lies where the mask is 0."""
    total = float(np.abs(predicted).sum(dtype=np.float64))
    return 0.0 if total == 0 else float(np.abs(predicted[mask == 0]).sum(dtype=np.float64)) / total
