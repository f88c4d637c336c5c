"""How close a predicted layer is to the true one, inside the body."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from maskel_core.anatomy.joints import MIRRORED
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.stats import rankdata
from skimage.metrics import structural_similarity

Map = NDArray[np.floating]
Inside = NDArray[np.bool_]

BONE_THRESHOLD = 0.12
"""Share of the dense bone integral from which a pixel counts as bone."""

MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, fine to coarse. Source: Wang, Simoncelli and Bovik 2003, table 1."""

HIGH_PASS = 0.02
"""Standard deviation of the Gaussian that is taken away for `high_pass`, share of the longer side."""


def psnr(predicted: Map, truth: Map, inside: Inside, peak: float) -> float:
    """Peak signal-to-noise ratio in decibels over the pixels inside; inf for equal maps."""
    error = float(np.mean((predicted[inside] - truth[inside]) ** 2, dtype=np.float64))
    return float("inf") if error == 0 else 10 * float(np.log10(peak**2 / error))


def ssim(predicted: Map, truth: Map, inside: Inside, peak: float) -> float:
    """Mean structural similarity over the pixels inside, 7 x 7 window. Source: Wang et al. 2004 (scikit-image)."""
    _, whole = structural_similarity(truth, predicted, data_range=peak, full=True)
    return float(whole[inside].mean())


def ms_ssim(predicted: Map, truth: Map, inside: Inside, peak: float) -> float:
    """Multi-scale structural similarity over the pixels inside, Gaussian window of 1.5 pixels.

    Contrast and structure at five scales, each half the last, luminance at the coarsest; scales at which the map is
    under 11 pixels wide, or no pixel lies inside, are left out and the exponents of the others scaled to the same sum.
    A negative mean counts as 0. Source: Wang, Simoncelli and Bovik 2003.
    """
    a: Map = predicted.astype(np.float64)
    b: Map = truth.astype(np.float64)
    where: Map = inside.astype(np.float64)
    steady, noise = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    terms: list[float] = []
    light = 1.0
    for _ in MS_SSIM_WEIGHTS:
        body = where >= 0.5
        if min(a.shape) < 11 or not body.any():
            break
        mean_a, mean_b, square_a, square_b, product = (
            gaussian_filter(values, 1.5, truncate=3.5) for values in (a, b, a * a, b * b, a * b)
        )
        both = mean_a * mean_b
        squares = mean_a**2 + mean_b**2
        structure = (2 * (product - both) + noise) / (square_a + square_b - squares + noise)
        terms.append(max(float(structure[body].mean()), 0.0))
        # The luminance of each scale is overwritten by the next: the coarsest one's counts.
        light = float(((2 * both + steady) / (squares + steady) * structure)[body].mean())
        a, b, where = (_halve(values) for values in (a, b, where))
    if not terms:
        return 1.0 if np.array_equal(predicted[inside], truth[inside]) else 0.0
    terms[-1] = max(light, 0.0)
    weights = np.array(MS_SSIM_WEIGHTS[: len(terms)]) * (
        sum(MS_SSIM_WEIGHTS) / sum(MS_SSIM_WEIGHTS[: len(terms)])
    )
    return float(np.prod(np.power(terms, weights)))


def _halve(values: Map) -> Map:
    """Means of 2 x 2 pixels; an odd last row or column is left out."""
    rows, columns = values.shape[0] // 2 * 2, values.shape[1] // 2 * 2
    cut = values[:rows, :columns]
    halved: Map = cut.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3))
    return halved


def dice(predicted: Map, truth: Map, inside: Inside, threshold: float) -> float:
    """Dice coefficient of the pixels at or above a threshold; 1 when neither map has any."""
    a, b = predicted[inside] >= threshold, truth[inside] >= threshold
    both = int(a.sum()) + int(b.sum())
    return 1.0 if both == 0 else 2 * int((a & b).sum()) / both


def pearson(predicted: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """Correlation of two equally long arrays; 0 when one is constant."""
    a, b = predicted.astype(np.float64) - predicted.mean(), truth.astype(np.float64) - truth.mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return 0.0 if norm < 1e-12 else float((a * b).sum() / norm)


def spearman(predicted: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """Correlation of the ranks; ties share their mean rank."""
    return pearson(rankdata(predicted), rankdata(truth))


def slopes(values: Map) -> tuple[Any, Any]:
    """Central differences along columns and rows, per pixel."""
    down, right = np.gradient(values.astype(np.float64))
    return right, down


def slope_correlation(predicted: Map, truth: Map, inside: Inside) -> float:
    """Correlation of the slope vectors inside, about zero: their summed dot products over their norms."""
    ours, theirs = slopes(predicted), slopes(truth)
    dot = sum(float((a[inside] * b[inside]).sum()) for a, b in zip(ours, theirs, strict=True))
    norms = [sum(float(np.square(a[inside]).sum()) for a in pair) for pair in (ours, theirs)]
    return 0.0 if min(norms) < 1e-12 else dot / float(np.sqrt(norms[0] * norms[1]))


def high_pass(values: Map, side: int | None = None) -> Map:
    """The map less its Gaussian blur of `HIGH_PASS` of the longer side; ``side`` names that of the picture it was cut from."""
    wide = values.astype(np.float64)
    return wide - gaussian_filter(wide, HIGH_PASS * (side or max(values.shape)), mode="nearest")


def crispness(values: Map, inside: Inside) -> float:
    """Root mean square slope over the standard deviation, inside; 0 for a constant map."""
    right, down = slopes(values)
    spread = float(values[inside].std())
    return 0.0 if spread < 1e-12 else float(np.sqrt(np.mean((right**2 + down**2)[inside]))) / spread


def outside_share(predicted: Map, mask: NDArray[np.uint8]) -> float:
    """Share of the map's sum that lies where the mask is 0."""
    total = float(np.abs(predicted).sum(dtype=np.float64))
    return 0.0 if total == 0 else float(np.abs(predicted[mask == 0]).sum(dtype=np.float64)) / total


def layer_metrics(
    bone: Map, soft: Map, true_bone: Map, true_soft: Map, mask: NDArray[np.uint8], scales: tuple[float, float]
) -> dict[str, float]:
    """All figures of one sample.

    Args:
        bone: (H, W), predicted bone line integral.
        soft: (H, W), predicted soft-tissue line integral.
        true_bone: (H, W).
        true_soft: (H, W).
        mask: uint8 (H, W).
        scales: Dense line integrals of bone and soft tissue: peaks of PSNR and SSIM, base of the bone threshold.

    The truth is cut to the mask, as what is made is: nothing is asked of what a crop or an obstacle hides.
    """
    side = max(mask.shape)
    outside = outside_share(bone + soft, mask)
    # Far from the body nothing counts; the border is as wide as the widest blur reaches.
    window = _window(mask, math.ceil(4 * HIGH_PASS * side) + 1)
    shown = (mask > 0)[window]
    bone, soft, mask = bone[window], soft[window], mask[window]
    true_bone, true_soft = true_bone[window] * shown, true_soft[window] * shown
    inside = mask >= 128
    ours, theirs = bone[inside], true_bone[inside]
    truly_crisp = crispness(true_bone, inside)
    return {
        "bone_psnr": psnr(bone, true_bone, inside, scales[0]),
        "soft_psnr": psnr(soft, true_soft, inside, scales[1]),
        "bone_ssim": ssim(bone, true_bone, inside, scales[0]),
        "soft_ssim": ssim(soft, true_soft, inside, scales[1]),
        "bone_ms_ssim": ms_ssim(bone, true_bone, inside, scales[0]),
        "soft_ms_ssim": ms_ssim(soft, true_soft, inside, scales[1]),
        "bone_dice": dice(bone, true_bone, inside, BONE_THRESHOLD * scales[0]),
        "bone_pearson": pearson(ours, theirs),
        "bone_spearman": spearman(ours, theirs),
        "soft_pearson": pearson(soft[inside], true_soft[inside]),
        "slope_correlation": slope_correlation(bone, true_bone, inside),
        "high_pass_correlation": pearson(high_pass(bone, side)[inside], high_pass(true_bone, side)[inside]),
        "crispness": crispness(bone, inside) / truly_crisp if truly_crisp > 0 else 0.0,
        "outside": outside,
    }


def _window(mask: NDArray[np.uint8], border: int) -> tuple[slice, slice]:
    """Rows and columns of the pixels above 0 with a border; everything where there are none."""
    found = [np.flatnonzero((mask > 0).any(axis=axis)) for axis in (1, 0)]
    if not len(found[0]):
        return slice(None), slice(None)
    rows, columns = (slice(max(int(f[0]) - border, 0), int(f[-1]) + 1 + border) for f in found)
    return rows, columns


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
    """Median, 95th percentile, and shares of joints within 2 % and 5 % of the body's height; NaNs are left out."""
    known = errors[np.isfinite(errors)]
    if not len(known):
        return {}
    return {
        "joint_median": float(np.median(known)),
        "joint_p95": float(np.percentile(known, 95)),
        "joint_pck2": float((known <= 0.02).mean()),
        "joint_pck5": float((known <= 0.05).mean()),
    }
