"""Plain ways to make an X-ray of a mask, to say what a model is worth."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from maskel_core.data.dataset import SampleStore, layers_known
from maskel_core.models.views import VIEWS, view_number
from maskel_core.pipeline import MaskelPipeline
from maskel_core.pipeline.letterbox import Letterbox
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

THUMBNAIL = 64
"""Pixels per side of the masks that the nearest neighbour compares."""


class Answer(Protocol):
    """Anything that makes layers and perhaps joints of a mask."""

    def predict(self, mask: NDArray[np.uint8]) -> tuple[NDArray, NDArray, NDArray | None]:
        """Mask uint8 (H, W) to bone (H, W), soft (H, W), joints (J, 2) in pixels or None."""
        ...


class PipelineAnswer:
    """A pipeline as an `Answer`.

    Args:
        pipeline: What is asked.
        told: Whether it is told the view; else it sees the mask alone.
    """

    def __init__(self, pipeline: MaskelPipeline, told: bool = False) -> None:
        self.pipeline, self.told, self.view = pipeline, told, "unknown"

    def tell(self, yaw: float | None) -> None:
        """Say from where the next mask is seen: the camera's yaw in radians."""
        self.view = VIEWS[view_number(yaw)] if self.told and yaw is not None else "unknown"

    def predict(self, mask: NDArray[np.uint8]) -> tuple[NDArray, NDArray, NDArray | None]:
        """What the pipeline says."""
        out = self.pipeline(mask, joints=True, view=self.view)
        points = np.array([(joint.x, joint.y) for joint in out.joints.values()]) if out.joints else None
        return out.bone, out.soft, points


class DistanceAnswer:
    """Distance to the outline, scaled by least squares on training samples.

    Args:
        store: Training samples.
        samples: How many of them, evenly spaced.
    """

    def __init__(self, store: SampleStore, samples: int = 200) -> None:
        picks = np.linspace(0, len(store) - 1, min(samples, len(store))).astype(int)
        above, below = np.zeros(2), np.zeros(2)
        for index in picks:
            distance = self._distance(store.masks[index])
            product = (store.layers[index].astype(np.float64) * distance).sum(axis=(1, 2))
            known = np.array(layers_known(store.metas[index]))
            above += np.where(known, product, 0)
            below += known * float((distance**2).sum())
        self.factors = above / np.maximum(below, 1e-12)

    @staticmethod
    def _distance(mask: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Pixels to the outline as a share of the body's height, 0 outside."""
        body = mask >= 128
        rows = np.flatnonzero(body.any(axis=1))
        return distance_transform_edt(body) / max(len(rows), 1)

    def predict(self, mask: NDArray[np.uint8]) -> tuple[NDArray, NDArray, NDArray | None]:
        """Scaled distances; no joints."""
        distance = self._distance(mask) * (mask.astype(np.float64) / 255)
        return distance * self.factors[0], distance * self.factors[1], None


class NeighbourAnswer:
    """The X-ray of the training sample whose letterboxed mask is nearest, moved into the mask's box.

    Args:
        store: Training samples.
        margin: Margin of the letterbox.
    """

    def __init__(self, store: SampleStore, margin: float = 0.04) -> None:
        self.store, self.margin = store, margin
        self.thumbnails = torch.stack([self._thumbnail(mask).flatten() for mask in store.masks])
        self.squares = self.thumbnails.square().sum(dim=1)

    def _thumbnail(self, mask: NDArray[np.uint8]) -> torch.Tensor:
        box = Letterbox.around(mask, THUMBNAIL, self.margin)
        return box.forward(torch.from_numpy(np.array(mask))[None])[0]

    def nearest(self, mask: NDArray[np.uint8]) -> int:
        """Index of the training sample with the least squared difference of masks."""
        seen = self._thumbnail(mask).flatten()
        return int((self.squares - 2 * self.thumbnails @ seen).argmin())

    def predict(self, mask: NDArray[np.uint8]) -> tuple[NDArray, NDArray, NDArray | None]:
        """The neighbour's layers and joints, cut to the mask."""
        index = self.nearest(mask)
        here = Letterbox.around(mask, THUMBNAIL, self.margin)
        there = Letterbox.around(self.store.masks[index], here.side, self.margin)
        here = Letterbox(here.height, here.width, here.left, here.top, here.side, here.side)
        layers = there.forward(torch.from_numpy(self.store.layers[index].astype(np.float32)))
        placed = here.backward(layers).numpy() * (mask.astype(np.float32) / 255)
        points = here.points_backward(there.points_forward(self.store.joints[index]))
        return placed[0], placed[1], points
