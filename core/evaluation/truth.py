"""The truth of one sample, prepared once for every answer that is compared with it."""

from __future__ import annotations

import math

import numpy as np
from maskel_core.evaluation import metrics
from maskel_core.evaluation.metrics import Map
from maskel_core.evaluation.similarity import TrueScales, TrueWindows
from numpy.typing import NDArray
from scipy.stats import rankdata

BONE_THRESHOLD = 0.12
"""Share of the dense bone integral from which a pixel counts as bone."""


class Truth:
    """True layers of a sample, cut to the mask as what is made is: nothing is asked of what a crop or an obstacle hides.

    Args:
        bone: (H, W), bone line integral.
        soft: (H, W), soft-tissue line integral.
        mask: uint8 (H, W); a pixel counts from 128 on.
        scales: Dense line integrals of bone and soft tissue: peaks of PSNR and SSIM, base of the bone threshold.
    """

    def __init__(self, bone: Map, soft: Map, mask: NDArray[np.uint8], scales: tuple[float, float]) -> None:
        self.mask, self.scales, self.side = mask, scales, max(mask.shape)
        # Far from the body nothing counts; the border is as wide as the widest blur reaches.
        self.window = _window(mask, math.ceil(4 * metrics.HIGH_PASS * self.side) + 1)
        shown = (mask > 0)[self.window]
        self.inside = mask[self.window] >= 128
        self.layers = bone[self.window] * shown, soft[self.window] * shown
        self.true_bone, self.true_soft = (layer[self.inside] for layer in self.layers)
        self.ranks = rankdata(self.true_bone)
        self.fine = metrics.high_pass(self.layers[0], self.side)[self.inside]
        self.slope = metrics.slopes_inside(self.layers[0], self.inside)
        self.steepness = metrics.steepness(self.slope, self.true_bone)
        pairs = list(zip(self.layers, scales, strict=True))
        self.windows = [TrueWindows(layer, self.inside, peak) for layer, peak in pairs]
        self.coarser = [TrueScales(layer, self.inside, peak) for layer, peak in pairs]

    def compare(self, bone: Map, soft: Map) -> dict[str, float]:
        """All figures of predicted layers (H, W); ``crispness`` is NaN where the truth has no bone to be crisp."""
        outside = metrics.outside_share(bone + soft, self.mask)
        inside, (peak, soft_peak) = self.inside, self.scales
        true_bone, true_soft = self.layers
        bone, soft = bone[self.window], soft[self.window]
        ours, slope = bone[inside], metrics.slopes_inside(bone, inside)
        return {
            "bone_psnr": metrics.psnr(bone, true_bone, inside, peak),
            "soft_psnr": metrics.psnr(soft, true_soft, inside, soft_peak),
            "bone_ssim": self.windows[0].similarity(bone),
            "soft_ssim": self.windows[1].similarity(soft),
            "bone_ms_ssim": self.coarser[0].similarity(bone),
            "soft_ms_ssim": self.coarser[1].similarity(soft),
            "bone_dice": metrics.dice(bone, true_bone, inside, BONE_THRESHOLD * peak),
            "bone_pearson": metrics.pearson(ours, self.true_bone),
            "bone_spearman": metrics.pearson(rankdata(ours), self.ranks),
            "soft_pearson": metrics.pearson(soft[inside], self.true_soft),
            "slope_correlation": metrics.aligned(slope, self.slope),
            "high_pass_correlation": metrics.pearson(metrics.high_pass(bone, self.side)[inside], self.fine),
            "crispness": metrics.steepness(slope, ours) / self.steepness
            if self.steepness > 0
            else float("nan"),
            "outside": outside,
        }


def _window(mask: NDArray[np.uint8], border: int) -> tuple[slice, slice]:
    """Rows and columns of the pixels above 0 with a border; everything where there are none."""
    found = [np.flatnonzero((mask > 0).any(axis=axis)) for axis in (1, 0)]
    if not len(found[0]):
        return slice(None), slice(None)
    rows, columns = (slice(max(int(f[0]) - border, 0), int(f[-1]) + 1 + border) for f in found)
    return rows, columns
