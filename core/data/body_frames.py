"""Frames of bodies alone: the layers of a set, letterboxed round what the soft-tissue layer shows, whatever the masks wear."""

from __future__ import annotations

import numpy as np
import torch
from maskel_core.anatomy.joints import JOINT_NAMES
from maskel_core.data.dataset import Batch, SampleStore
from maskel_core.pipeline.letterbox import Letterbox
from torch import Tensor

KEPT_SIZE = 128
"""Frames up to this size are kept in memory once made: float16, 64 KiB each at 128 pixels."""


class BodyFrames:
    """Line integrals of whole bodies, one frame a sample.

    Args:
        store: The samples; those whose body reaches the picture's border count as cut.
        margin: Free border round the body's box, share of its longer side.
    """

    def __init__(self, store: SampleStore, margin: float) -> None:
        self.store, self.margin = store, margin
        self._kept: dict[tuple[int, int], Tensor | None] = {}

    def __len__(self) -> int:
        return len(self.store)

    def frame(self, index: int, size: int) -> Tensor | None:
        """float16 (2, size, size), bone and soft-tissue line integrals; None for a body that is empty or cut."""
        if (index, size) in self._kept:
            return self._kept[index, size]
        found = self._make(index, size)
        if size <= KEPT_SIZE:
            self._kept[index, size] = found
        return found

    def _make(self, index: int, size: int) -> Tensor | None:
        layers = np.asarray(self.store.layers[index])
        body = (layers[1] > 0).astype(np.uint8) * np.uint8(255)
        border = (body[0], body[-1], body[:, 0], body[:, -1])
        if not body.any() or any(line.any() for line in border):
            return None
        box = Letterbox.around(body, size, self.margin)
        return box.forward(torch.from_numpy(layers.astype(np.float32))).half()

    def whole(self, index: int, size: int) -> Tensor:
        """The frame of the first whole body from ``index`` on, round to the beginning.

        Raises:
            ValueError: No body of the set is whole.
        """
        for step in range(len(self)):
            found = self.frame((index + step) % len(self), size)
            if found is not None:
                return found
        raise ValueError("every body is cut")

    def all(self, size: int, indices: range | None = None) -> Tensor:
        """float16 (N, 2, size, size): frames of all whole bodies among ``indices``."""
        found = [self.frame(index, size) for index in indices or range(len(self))]
        return torch.stack([frame for frame in found if frame is not None])

    def batch(self, indices: list[int], size: int, flips: np.ndarray | None = None) -> Batch:
        """Frames as a batch; the mask is 1 where there is soft tissue, joints and views are unknown.

        Args:
            indices: Which samples; the next whole body stands in for a cut one.
            size: Pixels per side.
            flips: bool (N,), which are mirrored; None mirrors none.
        """
        frames = torch.stack([self.whole(index, size) for index in indices]).float()
        if flips is not None:
            turned = torch.from_numpy(flips).view(-1, 1, 1, 1)
            frames = torch.where(turned, frames.flip(3), frames)
        count = len(frames)
        joints = torch.full((count, len(JOINT_NAMES), 2), 0.5)
        known = torch.zeros(joints.shape[:2], dtype=torch.bool)
        mask = (frames[:, 1:] > 0).float()
        return Batch(mask, frames, joints, known, torch.zeros(count, dtype=torch.int64))
