"""Bodies alone: the layers of a set, letterboxed round what the soft-tissue layer shows, whatever the masks wear."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from maskel_core.anatomy.joints import JOINT_NAMES
from maskel_core.data.dataset import Augmentation, Batch, SampleStore
from maskel_core.pipeline.letterbox import Letterbox
from torch import Tensor

KEPT_SIZE = 128
"""Frames up to this size are kept in memory once made: float16, 64 KiB each at 128 pixels."""


class BodyStore(SampleStore):
    """A store whose batches show whole bodies: those that are empty or reach the picture's border are left out."""

    @classmethod
    def of(cls, store: SampleStore) -> BodyStore:
        """The same samples."""
        return cls(store.masks, store.layers, store.joints, store.metas)

    def __init__(self, *arrays: Any) -> None:
        super().__init__(*arrays)
        self._kept: dict[tuple[int, int, float], Tensor | None] = {}

    def frame(self, index: int, size: int, margin: float) -> Tensor | None:
        """float16 (2, size, size), bone and soft-tissue line integrals; None for a body that is empty, cut or half known.

        Args:
            index: Which sample.
            size: Pixels per side.
            margin: Free border round the body's box, share of its longer side.
        """
        key = index, size, margin
        if key in self._kept:
            return self._kept[key]
        found = self._make(*key)
        if size <= KEPT_SIZE:
            self._kept[key] = found
        return found

    def _make(self, index: int, size: int, margin: float) -> Tensor | None:
        layers = np.asarray(self.layers[index])
        # A layer that is not known is NaN throughout.
        if np.isnan(layers[:, 0, 0]).any():
            return None
        body = (layers[1] > 0).astype(np.uint8) * np.uint8(255)
        border = (body[0], body[-1], body[:, 0], body[:, -1])
        if not body.any() or any(line.any() for line in border):
            return None
        box = Letterbox.around(body, size, margin)
        return box.forward(torch.from_numpy(layers.astype(np.float32))).half()

    def whole(self, index: int, size: int, margin: float) -> Tensor:
        """The frame of the first whole body from ``index`` on, round to the beginning.

        Raises:
            ValueError: No body of the set is whole.
        """
        for step in range(len(self)):
            found = self.frame((index + step) % len(self), size, margin)
            if found is not None:
                return found
        raise ValueError("every body is cut")

    def batch(
        self,
        indices: np.ndarray | list[int] | range,
        size: int,
        margin: float,
        augmentation: Augmentation | None = None,
        random: np.random.Generator | None = None,
    ) -> Batch:
        """Frames; of the random changes mirror images alone are made.

        The mask is 1 where there is soft tissue; joints and views are unknown. The next whole body stands in for a cut one.
        """
        frames = torch.stack([self.whole(int(index), size, margin) for index in indices]).float()
        count = len(frames)
        if augmentation is not None and random is not None:
            turned = torch.from_numpy(random.random(count) < augmentation.flip)
            frames = torch.where(turned.view(-1, 1, 1, 1), frames.flip(3), frames)
        joints = torch.full((count, len(JOINT_NAMES), 2), 0.5)
        known = torch.zeros(joints.shape[:2], dtype=torch.bool)
        mask = (frames[:, 1:] > 0).float()
        views, layers = torch.zeros(count, dtype=torch.int64), torch.ones((count, 2), dtype=torch.bool)
        return Batch(mask, frames, joints, known, views, layers)
