"""Letterboxing and augmentation of whole batches where a model learns: what `SampleStore.batch` does sample by sample."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from maskel_core.anatomy.joints import MIRRORED
from maskel_core.data.augment import disturb_edges
from maskel_core.data.dataset import Augmentation, Batch
from maskel_core.devices import constant, send
from maskel_core.models.views import MIRRORED_VIEWS
from torch import Tensor


@dataclass
class RawBatch:
    """Samples as they were made, on one device.

    Attributes:
        mask: uint8 (B, H, W), 255 = character.
        layers: float16 (B, 2, H, W), bone and soft-tissue line integrals.
        joints: float32 (B, J, 2), x, y in pixels, NaN where unknown.
        view: int64 (B,), numbers of `maskel_core.models.views.VIEWS`.
        box: float32 (B, 3), left, top and side of each letterbox in pixels.
    """

    mask: Tensor
    layers: Tensor
    joints: Tensor
    view: Tensor
    box: Tensor


def frame_batch(
    raw: RawBatch, size: int, augmentation: Augmentation | None, random: np.random.Generator
) -> Batch:
    """Letterboxed samples, each changed by chance, on the device of the samples.

    Frames are made bilinearly at a multiple of ``size`` that comes near the samples' own pixels and averaged down, as a
    model of two sizes averages its mask: within a few per cent of `Letterbox.forward` at edges, and alike elsewhere.

    Args:
        raw: The samples, all of whose layers are known.
        size: Pixels per side of the frames.
        augmentation: Ranges of the random changes; None changes nothing.
        random: Their source.
    """
    count, device = len(raw.mask), raw.mask.device
    box, flip = raw.box, torch.zeros(count, dtype=torch.bool, device=device)
    if augmentation is not None:
        box, flip = _changed(box, augmentation, random)
    factor = max(1, round(raw.mask.shape[-1] / size))
    stack = torch.cat([raw.mask[:, None].float() / 255, raw.layers.float()], dim=1)
    frame = F.avg_pool2d(_crops(stack, box, flip, size * factor), factor)
    points = (raw.joints + 0.5 - box[:, None, :2]) / box[:, None, 2:]
    swapped = points.index_select(1, constant(MIRRORED, device))
    mirrored = swapped * constant((-1.0, 1.0), device) + constant((1.0, 0.0), device)
    points = torch.where(flip[:, None, None], mirrored, points)
    view = torch.where(flip, constant(MIRRORED_VIEWS, device)[raw.view], raw.view)
    mask = frame[:, :1].clamp(0, 1)
    if augmentation is not None and augmentation.edge_noise > 0:
        mask = disturb_edges(mask, augmentation.edge_noise, random)
    known = ((points > 0) & (points < 1)).all(dim=2)
    told = torch.ones(count, 2, dtype=torch.bool, device=device)
    return Batch(mask, frame[:, 1:].contiguous(), points.nan_to_num(0.5), known, view, told)


def pick(raw: RawBatch, rows: Tensor) -> RawBatch:
    """Samples with these numbers, int64 (N,)."""
    names = ("mask", "layers", "joints", "view", "box")
    return replace(raw, **{name: getattr(raw, name).index_select(0, rows) for name in names})


def _changed(box: Tensor, ranges: Augmentation, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Boxes shifted and zoomed about their middle as by `Letterbox.moved`, and who is mirrored, bool (B,)."""
    count = len(box)
    shift = random.uniform(-ranges.shift, ranges.shift, (count, 2))
    zoom = 1 + random.uniform(-ranges.zoom, ranges.zoom, (count, 1))
    flip = random.random(count) < ranges.flip
    if ranges.whole > 0:
        zoom[random.random(count) < ranges.whole] = 1
    drawn = send(torch.from_numpy(np.concatenate([shift, zoom], axis=1)).to(box.dtype), box.device)
    side = (box[:, 2:] * drawn[:, 2:]).round()
    corner = (box[:, :2] + (box[:, 2:] - side) / 2 + drawn[:, :2] * box[:, 2:]).round()
    return torch.cat([corner, side], dim=1), send(torch.from_numpy(flip), box.device)


def _crops(maps: Tensor, box: Tensor, flip: Tensor, size: int) -> Tensor:
    """Squares of (B, C, H, W), resampled to (B, C, size, size); 0 beyond the picture."""
    height, width = maps.shape[2:]
    steps = (torch.arange(size, device=maps.device, dtype=torch.float32) + 0.5) / size
    across = torch.where(flip[:, None], 1 - steps, steps) * box[:, 2:] + box[:, :1]
    down = steps * box[:, 2:] + box[:, 1:2]
    columns = (across * (2 / width) - 1)[:, None, :].expand(-1, size, -1)
    rows = (down * (2 / height) - 1)[:, :, None].expand(-1, -1, size)
    grid = torch.stack([columns, rows], dim=-1)
    return F.grid_sample(maps, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
