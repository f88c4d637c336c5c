"""A second look: at the mask less what the first answer takes for hair, clothes and things, in a frame of its own.

Two answers of one model err in different places, so that their mean is nearer to the truth than either; and a body whose
outline is freed of what it wears is what the model knows best. How much both are worth is in docs/model.md.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from maskel_core.anatomy.joints import MIRRORED
from maskel_core.pipeline.letterbox import Box, Letterbox
from numpy.typing import NDArray
from torch import Tensor

COVER = 0.01
"""Share of the dense soft-tissue integral under which a pixel of the mask shows no body."""

THINNEST = 5
"""Pixels of the frame across which something must be to be cut off: thinner are a body's own rim, and fingers."""

LEAST_LEFT = 0.2
"""Share of the mask that must remain as body; where less would, the first answer is no ground to cut anything off."""

MOVE = (-0.02, 0.02, 0.98)
"""Where the second frame looks (`Letterbox.moved`): of eight that were tried, the one whose mean with the first is best."""

MEAN_GAIN = 1.6
"""Detail to lift (`maskel_core.pipeline.edges.lift_detail`) in both of two answers over that in one: their mean is blurrier."""

AGREE = 0.03
"""Share of the second frame within which two looks mean the same place for a joint."""


def second_look(
    first: Letterbox, mask: NDArray[np.uint8], frame: Tensor, soft: Tensor, margin: float
) -> tuple[Letterbox, Tensor]:
    """What the model is to see once more.

    Args:
        first: Where the first frame lies.
        mask: uint8 (h, w), the picture's mask.
        frame: float32 (1, S, S), the mask in the first frame, 0 to 1.
        soft: float (S, S), soft-tissue line integral of the first answer, share of the dense one.
        margin: Free border, see `Letterbox.around`.

    Returns:
        The second frame's place and its mask, float32 (1, S, S), 0 to 1.
    """
    kept = 1 - cover(frame, soft)
    body = frame * kept
    if float(body.sum()) < LEAST_LEFT * float(frame.sum()) or not bool((body >= 0.5).any()):
        kept, body = torch.ones_like(kept), frame
    box = Letterbox.around_box(_in_picture(body[0], first), mask.shape, first.size, margin).moved(*MOVE)
    again = box.forward(torch.from_numpy(mask)[None]).clamp(0, 1)
    if bool((kept == 0).any()):
        again = again * _from_frame(kept, first, box)
    return box, again


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


def cover(frame: Tensor, soft: Tensor) -> Tensor:
    """float32 (1, S, S), 1 where the mask (1, S, S) shows no body by the soft tissue (S, S), at least `THINNEST` across."""
    bare = ((frame > 0) & (soft < COVER)).float()
    reach = THINNEST // 2
    # Opening: what is thinner goes; one pixel more on the way back rounds no corners off.
    core = -F.max_pool2d(-F.pad(bare, (reach,) * 4), THINNEST, 1)
    return F.max_pool2d(core, THINNEST + 2, 1, reach + 1) * bare


def _in_picture(body: Tensor, box: Letterbox) -> Box:
    """Rows and columns of the picture that hold the pixels >= 0.5 of (S, S) in a frame."""
    seen, step = body >= 0.5, box.side / box.size
    spans = []
    for axis, start in ((1, box.top), (0, box.left)):
        places = seen.any(dim=axis).nonzero()
        low, high = int(places[0]), int(places[-1]) + 1
        spans.append((start + int(np.floor(low * step)), start + int(np.ceil(high * step))))
    return spans[0], spans[1]


def _from_frame(maps: Tensor, source: Letterbox, target: Letterbox) -> Tensor:
    """Float (1, S, S) of one frame as another of the same picture and size has it; 0 where the first frame ends."""
    share = target.side / source.side
    # In grid_sample's coordinates a frame reaches from -1 to 1.
    right, down = (
        2 * (mine - theirs) / source.side + share - 1
        for mine, theirs in ((target.left, source.left), (target.top, source.top))
    )
    way = torch.tensor([[[share, 0.0, right], [0.0, share, down]]])
    grid = F.affine_grid(way, [1, 1, target.size, target.size], align_corners=False)
    return F.grid_sample(maps[None], grid, align_corners=False)[0]
