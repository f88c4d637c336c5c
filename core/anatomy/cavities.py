"""Air inside the body: the airway in front of the spine and gas in stomach and colon, as closed surfaces in the posed body.

Their places come from the front edges of the posed vertebrae, so that they follow every body and pose. Sizes: Gray's Anatomy
(trachea 18 mm wide, from C6 to its fork at T4/T5, right bronchus 25 degrees off the midline, left 45) and, for gas, Bendezu et
al., "Colonic content in health", Neurogastroenterol Motil 28, 2016 (about 100 ml).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from maskel_core.anatomy.asset import Anatomy

_RING = 14
_SPINE_LENGTH = 0.118
"""From the front of C7 to that of T6 in the adult that all sizes are stated for, metres."""

_AIRWAY = (
    # Vertebra, distance of the middle from the vertebra's front, half width, half depth: metres in an adult.
    ("c2", 0.013, 0.010, 0.006),
    ("c3", 0.013, 0.012, 0.007),
    ("c4", 0.014, 0.011, 0.008),
    ("c5", 0.017, 0.005, 0.008),
    ("c6", 0.021, 0.008, 0.008),
    ("c7", 0.021, 0.009, 0.008),
    ("t1", 0.021, 0.009, 0.008),
    ("t2", 0.022, 0.009, 0.008),
    ("t3", 0.023, 0.009, 0.008),
    ("t4", 0.024, 0.010, 0.008),
)
_BRONCHI = ((-1.0, 25.0, 0.030, 0.0070), (1.0, 45.0, 0.030, 0.0060))
"""Side (left positive), angle to the midline, length and half width."""

_COLON = {
    "ascending": ((-0.80, 0.45, "l5"), (-0.82, 0.40, "l2")),
    "transverse": ((-0.55, 0.72, "l2"), (0.0, 0.80, "l3"), (0.55, 0.70, "l2")),
    "descending": ((0.84, 0.35, "l1"), (0.82, 0.38, "l4")),
    "sigmoid": ((0.55, 0.45, "l5"), (0.15, 0.40, "l5")),
}
"""Course of the colon: share of the half width (left positive), share of the depth from spine to belly, level."""


@dataclass
class Cavities:
    """Closed surfaces filled with air.

    Args:
        points: float (N, 3), metres.
        faces: int64 (F, 3), counter-clockwise seen from outside.
    """

    points: torch.Tensor
    faces: torch.Tensor


@dataclass
class _Levels:
    """Per vertebra, posed: its front (3,), rows to the front, the left and up (3, 3)."""

    front: dict[str, torch.Tensor]
    axes: dict[str, torch.Tensor]
    scale: float


@functools.lru_cache(maxsize=4)
def _vertebra_points(anatomy: Anatomy) -> dict[str, tuple[int, int]]:
    """Bone vertices at the front of each vertebra's body and at its spinous process."""
    piece_bone = anatomy["piece.bone"][anatomy["bone.vertex_piece"]]
    found = {}
    for index, name in enumerate(anatomy.names["bones"]):
        if name[0] in "ltc" and name[1:].isdigit():
            rows = (piece_bone == index).nonzero().squeeze(1)
            local = anatomy["bone.vertices"][rows]
            aside = 3.0 * local[:, 0].abs()
            front, back = (local[:, 1] + aside).argmin(), (local[:, 1] - aside).argmax()
            found[name] = (int(rows[front]), int(rows[back]))
    return found


@functools.lru_cache(maxsize=4)
def _trunk(anatomy: Anatomy) -> torch.Tensor:
    """Skin vertices that mostly follow the pelvis or the lower spine, int64."""
    owner = anatomy["body.skin_joints"].gather(1, anatomy["body.skin_weights"].argmax(1, keepdim=True))
    names = anatomy.names["joints"]
    low = [i for i, n in enumerate(names) if n in ("root", "spine05", "spine04", "spine03", "spine02")]
    return torch.isin(owner.squeeze(1), torch.tensor(low, device=owner.device)).nonzero().squeeze(1)


def _levels(anatomy: Anatomy, bones: torch.Tensor) -> _Levels:
    points = _vertebra_points(anatomy)
    order: list[str] = [*(f"c{i}" for i in range(2, 8)), *(f"t{i}" for i in range(1, 13))]
    order += [f"l{i}" for i in range(1, 6)]
    front = torch.stack([bones[points[n][0]] for n in order])
    forward = torch.nn.functional.normalize(front - torch.stack([bones[points[n][1]] for n in order]), dim=1)
    steps = front[:-1] - front[1:]
    up = torch.cat([steps[:1], 0.5 * (steps[1:] + steps[:-1]), steps[-1:]])
    left = torch.nn.functional.normalize(torch.linalg.cross(up, forward), dim=1)
    # The spinous process hangs down, so that front to back of a vertebra is not level: the spine's own course is.
    up = torch.nn.functional.normalize(up, dim=1)
    forward = torch.linalg.cross(left, up)
    axes = torch.stack([forward, left, up], dim=1)
    scale = float((front[order.index("c7")] - front[order.index("t6")]).norm()) / _SPINE_LENGTH
    return _Levels(dict(zip(order, front, strict=True)), dict(zip(order, axes, strict=True)), scale)


def tube(centres: torch.Tensor, across: torch.Tensor, along: torch.Tensor) -> Cavities:
    """A closed tube of elliptic rings.

    Args:
        centres: float (R, 3), metres.
        across: float (R, 3), half axes to one side.
        along: float (R, 3), half axes to the front; ``along x across`` points from the first ring to the last.
    """
    rings = len(centres)
    angle = torch.arange(_RING, device=centres.device, dtype=centres.dtype) * (2 * np.pi / _RING)
    wall = centres[:, None] + along[:, None] * angle.cos()[:, None] + across[:, None] * angle.sin()[:, None]
    points = torch.cat([wall.flatten(0, 1), centres[:1], centres[-1:]])
    a = torch.arange(_RING, device=centres.device)
    b = (a + 1) % _RING
    row = torch.arange(rings - 1, device=centres.device)[:, None] * _RING
    lower = torch.stack([row + a, row + b, row + _RING + b], dim=-1).flatten(0, 1)
    upper = torch.stack([row + a, row + _RING + b, row + _RING + a], dim=-1).flatten(0, 1)
    last = (rings - 1) * _RING
    start = torch.stack([torch.full_like(a, rings * _RING), b, a], dim=1)
    end = torch.stack([torch.full_like(a, rings * _RING + 1), last + a, last + b], dim=1)
    return Cavities(points, torch.cat([lower, upper, start, end]))


def _smooth(values: torch.Tensor, parts: int) -> torch.Tensor:
    """Catmull-Rom interpolation of (R, C) through its rows, ``parts`` steps between two."""
    ends = torch.cat([2 * values[:1] - values[1:2], values, 2 * values[-1:] - values[-2:-1]])
    t = (torch.arange(parts, device=values.device, dtype=values.dtype) / parts)[:, None]
    p0, p1, p2, p3 = ends[:-3, None], ends[1:-2, None], ends[2:-1, None], ends[3:, None]
    curve = 0.5 * (
        2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )
    return torch.cat([curve.flatten(0, 1), values[-1:]])


def airway(anatomy: Anatomy, bones: torch.Tensor) -> Cavities:
    """Pharynx, larynx, trachea and main bronchi of a posed skeleton; bones float (N, 3), metres."""
    levels = _levels(anatomy, bones)
    return _airway(levels)


def _airway(levels: _Levels) -> Cavities:
    size = levels.scale
    rings = []
    for name, distance, wide, deep in _AIRWAY:
        forward, left, _ = levels.axes[name]
        centre = levels.front[name] + forward * (distance * size)
        rings.append(torch.cat([centre, left * (-wide * size), forward * (deep * size)]))
    rows = _smooth(torch.stack(rings), 3)
    parts = [tube(rows[:, :3], rows[:, 3:6], rows[:, 6:])]
    forward, left, up = levels.axes["t4"]
    fork = rows[-1, :3]
    for side, angle, length, wide in _BRONCHI:
        turn = np.deg2rad(angle)
        course = left * (side * np.sin(turn)) - up * np.cos(turn)
        share = torch.linspace(0, 1, 6, device=fork.device)[:, None]
        # It begins beside the trachea's end, so that no air is counted twice.
        centres = fork + (left * (0.5 * side) - up * 0.7) * (wide * size) + course * share * (length * size)
        across = torch.linalg.cross(course, forward) * (wide * size)
        parts.append(tube(centres, across.expand(6, 3), (forward * (wide * size)).expand(6, 3)))
    return joined(parts)


@functools.lru_cache(maxsize=1)
def _ball() -> tuple[torch.Tensor, torch.Tensor]:
    """A unit sphere of 320 triangles of the same volume as the round one."""
    t = (1 + 5**0.5) / 2
    # fmt: off
    points = torch.tensor([
        [-1, t, 0], [1, t, 0], [-1, -t, 0], [1, -t, 0], [0, -1, t], [0, 1, t],
        [0, -1, -t], [0, 1, -t], [t, 0, -1], [t, 0, 1], [-t, 0, -1], [-t, 0, 1],
    ])
    faces = torch.tensor([
        [0, 11, 5], [0, 5, 1], [0, 1, 7], [0, 7, 10], [0, 10, 11], [1, 5, 9], [5, 11, 4], [11, 10, 2], [10, 7, 6], [7, 1, 8],
        [3, 9, 4], [3, 4, 2], [3, 2, 6], [3, 6, 8], [3, 8, 9], [4, 9, 5], [2, 4, 11], [6, 2, 10], [8, 6, 7], [9, 8, 1],
    ])
    # fmt: on
    points = points / points.norm(dim=1, keepdim=True)
    for _ in range(2):
        edges = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
        unique, index = edges.sort(1).values.unique(dim=0, return_inverse=True)
        middle = points[unique].mean(1)
        index = index.view(3, -1).T + len(points)
        points = torch.cat([points, middle / middle.norm(dim=1, keepdim=True)])
        a, b, c = faces.T
        ab, bc, ca = index.T
        faces = torch.cat([torch.stack(f, 1) for f in ((a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca))])
    corners = points[faces]
    volume = float((torch.linalg.cross(corners[:, 0], corners[:, 1]) * corners[:, 2]).sum() / 6)
    return points * (4 / 3 * np.pi / volume) ** (1 / 3), faces


def balls(centres: torch.Tensor, axes: torch.Tensor) -> Cavities:
    """Ellipsoids; centres float (B, 3) and half axes as rows (B, 3, 3), right-handed, metres."""
    points, faces = (t.to(centres.device) for t in _ball())
    placed = centres[:, None] + points.to(centres) @ axes
    step = torch.arange(len(centres), device=centres.device)[:, None, None] * len(points)
    return Cavities(placed.flatten(0, 1), (faces + step).flatten(0, 1))


def joined(parts: list[Cavities]) -> Cavities:
    """Several surfaces as one."""
    starts = np.cumsum([0] + [len(p.points) for p in parts]).tolist()
    return Cavities(
        torch.cat([p.points for p in parts]),
        torch.cat([p.faces + start for p, start in zip(parts, starts, strict=False)]),
    )


def _belly(anatomy: Anatomy, skin: torch.Tensor, levels: _Levels) -> tuple[float, float]:
    """Depth from the spine's front to the belly's skin and half the trunk's width at L3, metres."""
    local = (skin[_trunk(anatomy)] - levels.front["l3"]) @ levels.axes["l3"].T
    slab = local[local[:, 2].abs() < 0.03 * levels.scale]
    if len(slab) < 8:
        return 0.11 * levels.scale, 0.15 * levels.scale
    front = slab[slab[:, 1].abs() < 0.06 * levels.scale][:, 0]
    depth = float(front.max()) if len(front) else 0.11 * levels.scale
    return depth, float(slab[:, 1].abs().quantile(0.95))


def bowel_gas(anatomy: Anatomy, skin: torch.Tensor, levels: _Levels, rng: np.random.Generator) -> Cavities:
    """Gas as one person has it at one time: a bubble in the stomach, rows of bubbles between the folds of the colon."""
    size = levels.scale
    depth, width = _belly(anatomy, skin, levels)
    depth, width = min(depth, 0.16 * size), min(width, 0.16 * size)

    def place(side: float, ahead: float, level: str) -> torch.Tensor:
        forward, left, _ = levels.axes[level]
        return (
            levels.front[level]
            + forward * (ahead * (depth - 0.025 * size))
            + left * (side * (width - 0.03 * size))
        )

    centres, axes = [], []
    chosen = [name for name in _COLON if rng.random() < 0.55] or ["transverse"]
    for name in chosen:
        course = _smooth(torch.stack([place(*at) for at in _COLON[name]]), 24)
        travelled = torch.cat([course.new_zeros(1), (course[1:] - course[:-1]).norm(dim=1).cumsum(0)])
        at = float(rng.uniform(0.0, 0.5)) * float(travelled[-1])
        end = at + float(rng.uniform(0.02, 0.10)) * size
        radius = float(rng.uniform(0.008, 0.016)) * size
        while at < min(end, float(travelled[-1])):
            index = int(torch.searchsorted(travelled, torch.tensor(at, device=travelled.device)))
            grown = radius * float(rng.uniform(0.8, 1.15))
            centres.append(course[min(index, len(course) - 1)])
            axes.append(levels.axes["l3"] * grown)
            at += 2.1 * 1.15 * radius
    if rng.random() < 0.7:
        half = torch.tensor(rng.uniform((0.016, 0.020, 0.011), (0.026, 0.034, 0.018)) * size).to(skin)
        centres.append(place(0.45, 0.62, "l1"))
        axes.append(levels.axes["l1"] * half[:, None])
    return balls(torch.stack(centres), torch.stack(axes))


def cavities(anatomy: Anatomy, skin: torch.Tensor, bones: torch.Tensor, gas_seed: int | None) -> Cavities:
    """All air of a posed body.

    Args:
        anatomy: The asset.
        skin: float (V, 3), metres.
        bones: float (N, 3), metres.
        gas_seed: Seed of the gas in the bowel; None for an empty one.
    """
    levels = _levels(anatomy, bones)
    parts = [_airway(levels)]
    if gas_seed is not None:
        parts.append(bowel_gas(anatomy, skin, levels, np.random.default_rng(gas_seed)))
    return joined(parts)
