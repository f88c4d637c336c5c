"""Structural similarity of a predicted layer and the true one, on one scale and on five."""

from __future__ import annotations

import numpy as np
from maskel_core.evaluation.metrics import Inside, Map
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter

MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, fine to coarse. Source: Wang, Simoncelli and Bovik 2003, table 1."""

_WINDOW = 11
"""Pixels per side of the Gaussian window; a scale under it is left out."""


class TrueWindows:
    """The truth's local means and variances, taken once for all that is compared with it.

    Source: Wang et al. 2004, equation 13, with a uniform window of 7 x 7 pixels and sample covariances, as
    `skimage.metrics.structural_similarity` computes it.

    Args:
        truth: (H, W).
        inside: bool (H, W), pixels that count; some must.
        peak: Dynamic range of the values.
    """

    def __init__(self, truth: Map, inside: Inside, peak: float) -> None:
        self.steady, self.noise = (0.01 * peak) ** 2, (0.03 * peak) ** 2
        # Beyond the window's reach nothing counts.
        rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
        self.crop = tuple(slice(max(int(f[0]) - 4, 0), int(f[-1]) + 5) for f in (rows, columns))
        self.inside = inside[self.crop]
        self.truth = truth[self.crop].astype(np.float64)
        self.mean = self._local(self.truth)
        self.variance = self._local(self.truth * self.truth) - self.mean**2

    def _local(self, values: Map) -> NDArray[np.float64]:
        """Means of 7 x 7 pixels at the pixels inside, (N,)."""
        means: NDArray[np.float64] = uniform_filter(values, 7)[self.inside]
        return means

    def similarity(self, predicted: Map) -> float:
        """Mean SSIM of (H, W) to the truth over the pixels inside."""
        made = predicted[self.crop].astype(np.float64)
        mean = self._local(made)
        spread, shared = self._local(made * made) - mean**2, self._local(made * self.truth) - mean * self.mean
        sample = 49 / 48
        light = (2 * mean * self.mean + self.steady) / (mean**2 + self.mean**2 + self.steady)
        structure = (2 * sample * shared + self.noise) / (sample * (spread + self.variance) + self.noise)
        return float((light * structure).mean())


def ssim(predicted: Map, truth: Map, inside: Inside, peak: float) -> float:
    """Mean structural similarity over the pixels inside; see `TrueWindows`."""
    return TrueWindows(truth, inside, peak).similarity(predicted)


class TrueScales:
    """The truth at five scales, made once for all that is compared with it.

    Contrast and structure at every scale, each half the last, luminance at the coarsest; scales at which the map is under
    11 pixels wide, or no pixel lies inside, are left out and the exponents of the others scaled to the same sum.
    Source: Wang, Simoncelli and Bovik 2003, equation 7; Gaussian window of 1.5 pixels.

    Args:
        truth: (H, W).
        inside: bool (H, W), pixels that count.
        peak: Dynamic range of the values.
    """

    def __init__(self, truth: Map, inside: Inside, peak: float) -> None:
        self.steady, self.noise = (0.01 * peak) ** 2, (0.03 * peak) ** 2
        self.shown: Map = truth[inside]
        self.inside = inside
        self.levels: list[tuple[Map, Inside, NDArray, NDArray]] = []
        values: Map = truth.astype(np.float64)
        where: Map = inside.astype(np.float64)
        for _ in MS_SSIM_WEIGHTS:
            body = where >= 0.5
            if min(values.shape) < _WINDOW or not body.any():
                break
            mean = _blurred(values)[body]
            self.levels.append((values, body, mean, _blurred(values * values)[body] - mean**2))
            values, where = _halve(values), _halve(where)

    def similarity(self, predicted: Map) -> float:
        """MS-SSIM of (H, W) to the truth; a negative mean of a scale counts as 0."""
        if not self.levels:
            return 1.0 if np.array_equal(predicted[self.inside], self.shown) else 0.0
        made: Map = predicted.astype(np.float64)
        terms: list[float] = []
        for truth, body, mean, variance in self.levels:
            ours = _blurred(made)[body]
            spread = _blurred(made * made)[body] - ours**2
            shared = _blurred(made * truth)[body] - ours * mean
            structure = (2 * shared + self.noise) / (spread + variance + self.noise)
            terms.append(max(float(structure.mean()), 0.0))
            made = _halve(made)
        light = (2 * ours * mean + self.steady) / (ours**2 + mean**2 + self.steady)
        terms[-1] = max(float((light * structure).mean()), 0.0)
        weights = np.array(MS_SSIM_WEIGHTS[: len(terms)])
        return float(np.prod(np.power(terms, weights * (sum(MS_SSIM_WEIGHTS) / weights.sum()))))


def ms_ssim(predicted: Map, truth: Map, inside: Inside, peak: float) -> float:
    """Multi-scale structural similarity over the pixels inside; see `TrueScales`."""
    return TrueScales(truth, inside, peak).similarity(predicted)


def _blurred(values: Map) -> Map:
    """Local means under a Gaussian of 1.5 pixels, 11 pixels wide."""
    return gaussian_filter(values, 1.5, truncate=3.5)


def _halve(values: Map) -> Map:
    """Means of 2 x 2 pixels; an odd last row or column is left out."""
    rows, columns = values.shape[0] // 2 * 2, values.shape[1] // 2 * 2
    cut = values[:rows, :columns]
    halved: Map = cut.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3))
    return halved
