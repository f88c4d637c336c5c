"""Sums along the rays of a camera through a volume of voxels.

Values between voxel centres are trilinear and fall to 0 within one voxel of the border, so that a picture is linear in the
voxels: the pictures of a volume's slabs add up to that of the whole, whatever lies in memory at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from maskel_core.projection.camera import Camera
from numpy.typing import NDArray

STEP = 0.5
"""Distance of samples on a ray, share of the smallest edge of a voxel."""

_SAMPLES = 1 << 21
"""Samples that are taken together."""


@dataclass
class Slab:
    """Some slices of a volume.

    Args:
        values: float32 (C, I, J, K): channels to add up, per metre, and last one to take the largest of. Slices along i that
            the next slab has as well are 0 in the first channels, and there in the last.
        first: Number of its first slice along i.
    """

    values: torch.Tensor
    first: int


@dataclass
class Rays:
    """Rays of a picture in voxel coordinates: ``start + depth * along``.

    Args:
        start: float64 (P, 3).
        along: float64 (P, 3), voxels per metre of depth.
        stretch: float64 (P,), metres of path per metre of depth.
        nearest: Least depth that counts, metres; the source's own for a perspective camera.
    """

    start: torch.Tensor
    along: torch.Tensor
    stretch: torch.Tensor
    nearest: float


def camera_rays(camera: Camera, size: int, to_voxel: NDArray[np.float64]) -> Rays:
    """The rays through the pixel centres of a square picture, row by row.

    Args:
        camera: The view.
        size: Edge of the picture, pixels.
        to_voxel: float64 (4, 4), world in metres to voxel coordinates.
    """
    right, down, forward = camera.axes()
    place = (torch.arange(size, dtype=torch.float64) - (size - 1) / 2) * (camera.height / size)
    across, below = place.repeat(size)[:, None], place.repeat_interleave(size)[:, None]
    offset = across * right + below * down
    target = torch.tensor(camera.target, dtype=torch.float64)
    if camera.distance is None:
        start, along = target + offset, forward.expand(size * size, 3)
        nearest = -math.inf
    else:
        start = (target - camera.distance * forward).expand(size * size, 3)
        along = forward + offset / camera.distance
        nearest = 0.0
    turn = torch.from_numpy(to_voxel[:3, :3])
    shift = torch.from_numpy(to_voxel[:3, 3])
    return Rays(start @ turn.T + shift, along @ turn.T, along.norm(dim=1), nearest)


def add_slab(
    picture: torch.Tensor, rays: Rays, slab: Slab, spacing: NDArray[np.float64], step: float = STEP
) -> None:
    """Add a slab's line integrals to a picture, in place.

    Args:
        picture: float32 (C, P), the last channel the largest value met, the others sums of value times path.
        rays: Of the picture's P pixels.
        slab: What they pass.
        spacing: float64 (3,), edges of a voxel, metres.
        step: Distance of samples, share of the smallest edge.
    """
    shape = torch.tensor(slab.values.shape[1:], dtype=torch.float64)
    low = torch.tensor([slab.first, 0.0, 0.0], dtype=torch.float64) - 1
    begin, end = _within(rays, low, low + shape + 1)
    hit = (end > begin).nonzero()[:, 0]
    pace = step * float(spacing.min()) / float(rays.stretch.max())
    volume = slab.values[None]
    scale = 2 / (shape - 1)
    centre = torch.tensor([slab.first, 0.0, 0.0], dtype=torch.float64)
    # Samples lie at the same depths in every slab, so that slabs add up exactly.
    begin, end = (begin / pace).floor(), (end / pace).ceil()
    for part in _portions(hit, end - begin):
        steps = torch.arange(int((end[part] - begin[part]).max()), dtype=torch.float32)
        depth = (begin[part, None] + 0.5) * pace
        start = rays.start[part] + depth * rays.along[part]
        first = ((start - centre) * scale - 1).flip(-1).float()
        each = (rays.along[part] * scale * pace).flip(-1).float()
        grid = torch.addcmul(first[:, None], steps[:, None], each[:, None])[None, None]
        sampled = F.grid_sample(volume, grid, mode="bilinear", padding_mode="zeros", align_corners=True)
        found = sampled[0, :, 0]
        path = (pace * rays.stretch[part]).float()
        picture[:-1, part] += found[:-1].sum(-1) * path
        picture[-1, part] = torch.maximum(picture[-1, part], found[-1].amax(-1))


def _within(rays: Rays, low: torch.Tensor, high: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Depths (P,) at which rays enter and leave a box, by slabs (Kay and Kajiya 1986)."""
    along = torch.where(rays.along.abs() < 1e-12, torch.full_like(rays.along, 1e-12), rays.along)
    a, b = (low - rays.start) / along, (high - rays.start) / along
    begin = torch.minimum(a, b).amax(1).clamp(min=rays.nearest)
    return begin, torch.maximum(a, b).amin(1)


def _portions(hit: torch.Tensor, length: torch.Tensor) -> Iterator[torch.Tensor]:
    """The rays' numbers in portions of at most about `_SAMPLES` samples, rays of like length together."""
    order = hit[length[hit].argsort(descending=True)]
    first = 0
    while first < len(order):
        count = max(1, _SAMPLES // max(1, int(length[order[first]])))
        yield order[first : first + count].sort().values
        first += count
