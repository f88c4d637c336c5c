"""Whether the X-ray of the mirrored mask is the mirrored X-ray."""

from __future__ import annotations

import numpy as np
from maskel_core.anatomy.joints import MIRRORED
from maskel_core.evaluation.aims import MIRROR_TOLERANCE
from maskel_core.evaluation.references import Answer
from numpy.typing import NDArray

_EDGES = np.concatenate([[0.0], np.geomspace(1e-9, 10.0, 2001)])


class MirrorCheck:
    """Differences |X(mirror(m)) - mirror(X(m))| over many masks.

    Args:
        answer: What is asked about the mirrored masks.
        scales: Dense line integrals of bone and soft tissue.
    """

    def __init__(self, answer: Answer, scales: tuple[float, float]) -> None:
        self.answer, self.scales = answer, scales
        self.counts = np.zeros(len(_EDGES) - 1, dtype=np.int64)
        self.largest, self.farthest, self.masks = 0.0, 0.0, 0

    def add(
        self,
        mask: NDArray[np.uint8],
        bone: NDArray[np.floating],
        soft: NDArray[np.floating],
        points: NDArray | None,
    ) -> None:
        """Compare the answer to a mask, uint8 (H, W), with that to its mirror image."""
        turned = self.answer.predict(np.ascontiguousarray(mask[:, ::-1]))
        inside = mask > 0
        for ours, theirs, scale in zip((bone, soft), turned[:2], self.scales, strict=True):
            apart = np.abs(ours - theirs[:, ::-1])[inside] / scale
            self.largest = max(self.largest, float(apart.max()))
            self.counts += np.histogram(apart.clip(0, 10), _EDGES)[0]
        if points is not None and turned[2] is not None:
            back = turned[2][list(MIRRORED)] * [-1, 1] + [mask.shape[1] - 1, 0]
            self.farthest = max(self.farthest, float(np.linalg.norm(back - points, axis=1).max()))
        self.masks += 1

    def figures(self) -> dict[str, float | bool]:
        """``largest`` and ``p999`` (99.9th percentile, to 1.2 %) over pixels, 1 = dense; ``joint_pixels``; ``passed``."""
        total = self.counts.cumsum()
        place = int(np.searchsorted(total, 0.999 * total[-1]))
        return {
            "largest": self.largest,
            "p999": float(min(_EDGES[place + 1], self.largest)),
            "joint_pixels": self.farthest,
            "samples": self.masks,
            "tolerance": MIRROR_TOLERANCE,
            "passed": self.largest <= MIRROR_TOLERANCE,
        }
