"""Air inside the body: the airway in front of the spine and gas in stomach and bowel, as closed surfaces in the posed body.

Every vertex is a fixed sum of the frames of the posed vertebrae (their fronts and axes) and of the belly's depth and width there,
so that the cavities follow every body and pose and one matrix product places them. Sizes: Gray's Anatomy (trachea 18 mm wide,
from C6 to its fork at T4/T5, right bronchus 25 degrees off the midline, left 45) and, for gas, Bendezu et al., "Colonic content
in health", Neurogastroenterol Motil 28, 2016 (about 100 ml).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from maskel_core.anatomy.asset import Anatomy

_LEVELS = (
    *(f"c{i}" for i in range(2, 8)),
    *(f"t{i}" for i in range(1, 13)),
    *(f"l{i}" for i in range(1, 6)),
)
"""Vertebrae whose frames carry the cavities, from the top; the skull's frame follows them."""

_FRAMES = (*_LEVELS, "skull")

_PARTS = ("front", "forward", "left", "up", "depth", "width", "throat")
"""Of a frame: the front of the vertebra's body; unit axes times the body's scale; forward and left times the belly's reach;
forward times what the throat has room for.
Of the skull: the origin and the axes of its own space as they lie in the world."""

_LOIN = ("root", "spine05", "spine04", "spine03", "spine02")
_NECK = ("spine01", "neck01", "neck02", "clavicle.L", "clavicle.R")
"""Joints that carry the skin of belly and throat."""

_NOSE = ((0.047, 0.0045, -0.0455), (0.027, 0.0030, 0.0105))
"""Middle and half axes (forward, left, up) of the air on one side of the septum, in the skull's space, metres."""

_SPINE_LENGTH = 0.118
"""From the front of C7 to that of T6 in the adult that all sizes are stated for, metres."""

_RING = 16

_AIRWAY = (
    # Level, how far above it, distance of the middle before it, half width, half depth: metres in an adult.
    ("skull", -0.047, 0.011, 0.009, 0.005),
    ("skull", -0.055, 0.010, 0.012, 0.008),
    ("c3", 0.000, 0.012, 0.013, 0.007),
    ("c4", 0.000, 0.014, 0.011, 0.008),
    ("c5", 0.000, 0.018, 0.005, 0.008),
    ("c6", 0.000, 0.022, 0.008, 0.008),
    ("c7", 0.000, 0.022, 0.009, 0.008),
    ("t1", 0.000, 0.022, 0.009, 0.008),
    ("t2", 0.000, 0.022, 0.009, 0.008),
    ("t3", 0.000, 0.023, 0.009, 0.008),
    ("t4", 0.000, 0.024, 0.010, 0.008),
)
"""Nasopharynx, oropharynx, larynx with the narrow glottis, trachea."""

_BRONCHI = ((-1.0, 25.0, 0.040, 0.0070), (1.0, 45.0, 0.045, 0.0060))
"""Side (left positive), angle to the midline, length and half width."""

_COLON = {
    "ascending": ("up", 0.12, ((-0.74, 0.50, "l4"), (-0.80, 0.45, "l3"), (-0.78, 0.42, "l2"))),
    "transverse": ("left", 0.28, ((-0.60, 0.72, "l2"), (0.0, 0.84, "l3"), (0.60, 0.70, "l1"))),
    "descending": ("down", 0.14, ((0.82, 0.30, "l1"), (0.82, 0.34, "l3"), (0.74, 0.42, "l4"))),
    "sigmoid": ("right", 0.10, ((0.46, 0.50, "l5"), (0.28, 0.52, "l5"), (0.08, 0.40, "l5"))),
}
"""Course of the colon: its direction, its length in an adult, and on the way the share of the half width (left positive), the
share of the depth from spine to belly, and the level."""

_SECTIONS = {
    "up": ("forward", "left"),
    "down": ("left", "forward"),
    "left": ("up", "forward"),
    "right": ("forward", "up"),
}
"""Axes of a course's cross-section, such that their cross product runs along it."""


@dataclass
class Cavities:
    """Closed surfaces filled with air.

    Args:
        points: float (N, 3), metres.
        faces: int64 (F, 3), counter-clockwise seen from outside.
    """

    points: torch.Tensor
    faces: torch.Tensor


@functools.lru_cache(maxsize=4)
def _vertebra_points(anatomy: Anatomy) -> torch.Tensor:
    """Bone vertices at the front of each vertebra's body and at its spinous process, int64 (levels, 2)."""
    piece_bone = anatomy["piece.bone"][anatomy["bone.vertex_piece"]]
    found = []
    for name in _LEVELS:
        rows = (piece_bone == anatomy.names["bones"].index(name)).nonzero().squeeze(1)
        local = anatomy["bone.vertices"][rows]
        aside = 3.0 * local[:, 0].abs()
        found.append(
            torch.stack([rows[(local[:, 1] + aside).argmin()], rows[(local[:, 1] - aside).argmax()]])
        )
    return torch.stack(found)


@functools.lru_cache(maxsize=4)
def _skull_space(anatomy: Anatomy) -> tuple[torch.Tensor, torch.Tensor]:
    """Four vertices of the skull, int64 (4,), and what turns their places into the skull's axes and origin, float (4, 4)."""
    owner = anatomy["piece.bone"][anatomy["bone.vertex_piece"]]
    rows = (owner == anatomy.names["bones"].index("skull")).nonzero().squeeze(1)
    local = anatomy["bone.vertices"][rows]
    ends = torch.stack(
        [local[:, 0].argmin(), local[:, 0].argmax(), local[:, 1].argmin(), local[:, 2].argmax()]
    )
    square = torch.cat([local[ends], torch.ones_like(local[:4, :1])], dim=1)
    return rows[ends], torch.linalg.inv(square)


@functools.lru_cache(maxsize=4)
def _carried(anatomy: Anatomy, carriers: tuple[str, ...]) -> torch.Tensor:
    """Skin vertices that mostly follow one of these joints, int64."""
    owner = anatomy["body.skin_joints"].gather(1, anatomy["body.skin_weights"].argmax(1, keepdim=True))
    low = [anatomy.joint(name) for name in carriers]
    return torch.isin(owner.squeeze(1), torch.tensor(low, device=owner.device)).nonzero().squeeze(1)


def frames(anatomy: Anatomy, skin: torch.Tensor, bones: torch.Tensor) -> torch.Tensor:
    """What places the cavities of a posed body, float (frames * 7, 3): ``_PARTS`` of every frame.

    Args:
        anatomy: The asset.
        skin: float (V, 3), metres.
        bones: float (N, 3), metres.
    """
    front, back = bones[_vertebra_points(anatomy)].unbind(1)
    steps = front[:-1] - front[1:]
    up = torch.cat([steps[:1], 0.5 * (steps[1:] + steps[:-1]), steps[-1:]])
    left = torch.nn.functional.normalize(torch.linalg.cross(up, front - back), dim=1)
    # The spinous process hangs down, so that front to back of a vertebra is not level: the spine's own course is.
    up = torch.nn.functional.normalize(up, dim=1)
    forward = torch.linalg.cross(left, up)
    size = (front[_LEVELS.index("c7")] - front[_LEVELS.index("t6")]).norm() / _SPINE_LENGTH

    # Reach of the belly at L3, short of its wall.
    middle = _LEVELS.index("l3")
    local = skin[_carried(anatomy, _LOIN)] - front[middle]
    ahead, aside, above = (local @ axis[middle] for axis in (forward, left, up))
    slab = above.abs() < 0.03 * size
    depth = torch.where(slab & (aside.abs() < 0.06 * size), ahead, 0 * ahead).amax()
    width = torch.where(slab, aside.abs(), 0 * aside).amax()
    depth = torch.minimum(torch.maximum(depth, 0.08 * size), 0.16 * size) - 0.025 * size
    width = torch.minimum(torch.maximum(width, 0.10 * size), 0.16 * size) - 0.030 * size
    # Reach of the throat where it is shallowest, above the breastbone, short of its wall.
    reach = []
    for level in ("c7", "t1"):
        at = _LEVELS.index(level)
        local = skin[_carried(anatomy, _NECK)] - front[at]
        near = ((local @ up[at]).abs() < 0.012 * size) & ((local @ left[at]).abs() < 0.012 * size)
        ahead = local @ forward[at]
        reach.append(torch.where(near, ahead, 0 * ahead).amax())
    room = torch.minimum(*reach)
    # Without skin at that level, in a neck bent hard, the size of the body must do.
    room = torch.where(room > 0.015 * size, room - 0.009 * size, 0.030 * size)
    throat = torch.minimum(room / 0.030, size)

    parts = (front, forward * size, left * size, up * size, forward * depth, left * width, forward * throat)
    vertebrae = torch.stack(parts, dim=1)

    corners, space = _skull_space(anatomy)
    leftwards, backwards, upwards, origin = space @ bones[corners]
    none = torch.zeros_like(origin)
    skull = torch.stack([origin, -backwards, leftwards, upwards, none, none, none])
    return torch.cat([vertebrae, skull[None]]).flatten(0, 1)


def _at(level: str, **shares: float) -> np.ndarray:
    """Weights (frames * 7,) of a sum of parts of one vertebra's frame."""
    out = np.zeros((len(_FRAMES), len(_PARTS)))
    for part, share in shares.items():
        out[_FRAMES.index(level), _PARTS.index(part)] = share
    return out.ravel()


def tube(centres: np.ndarray, across: np.ndarray, along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A closed tube of elliptic rings: points (N, K) and faces (F, 3), in whatever space the rings are given.

    Args:
        centres: float (R, K).
        across: float (R, K) or (R, ring, K), half axes to one side, at every angle if they vary round the ring.
        along: The same to the front; ``along x across`` points from the first ring to the last.
    """
    rings = len(centres)
    angle = np.arange(_RING) * (2 * np.pi / _RING)
    across, along = (v if v.ndim == 3 else v[:, None] for v in (across, along))
    wall = centres[:, None] + along * np.cos(angle)[:, None] + across * np.sin(angle)[:, None]
    points = np.concatenate([wall.reshape(rings * _RING, -1), centres[:1], centres[-1:]])
    a = np.arange(_RING)
    b = (a + 1) % _RING
    row = np.arange(rings - 1)[:, None] * _RING
    lower = np.stack([row + a, row + b, row + _RING + b], axis=-1).reshape(-1, 3)
    upper = np.stack([row + a, row + _RING + b, row + _RING + a], axis=-1).reshape(-1, 3)
    last = (rings - 1) * _RING
    start = np.stack([np.full_like(a, rings * _RING), b, a], axis=1)
    end = np.stack([np.full_like(a, rings * _RING + 1), last + a, last + b], axis=1)
    return points, np.concatenate([lower, upper, start, end])


def _smooth(values: np.ndarray, parts: int) -> np.ndarray:
    """Catmull-Rom interpolation of (R, K) through its rows, ``parts`` steps between two."""
    ends = np.concatenate([2 * values[:1] - values[1:2], values, 2 * values[-1:] - values[-2:-1]])
    t = (np.arange(parts) / parts)[:, None]
    p0, p1, p2, p3 = (ends[i : len(ends) - 3 + i, None] for i in range(4))
    curve = 0.5 * (
        2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )
    return np.concatenate([curve.reshape(-1, values.shape[1]), values[-1:]])


def _joined(parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    starts = np.cumsum([0] + [len(points) for points, _ in parts])
    return np.concatenate([p for p, _ in parts]), np.concatenate(
        [faces + start for (_, faces), start in zip(parts, starts, strict=False)]
    )


@functools.lru_cache(maxsize=1)
def _airway() -> tuple[np.ndarray, np.ndarray]:
    """Weights (N, frames * 7) and faces of nose, pharynx, larynx, trachea and main bronchi."""
    rings = []
    for level, above, distance, wide, deep in _AIRWAY:
        ahead = "forward" if level == "skull" else "throat"
        middle = _at(level, **{"front": 1.0, ahead: distance, "up": above})
        rings.append(np.stack([middle, _at(level, left=-wide), _at(level, **{ahead: deep})]))
    stacked = np.stack(rings)[::-1]
    rows = np.stack([_smooth(stacked[:, i], 3) for i in range(3)], axis=1)
    # From below upwards, so that forward x left runs along.
    parts = [tube(rows[:, 0], -rows[:, 1], rows[:, 2])]
    level, _, distance, _, _ = _AIRWAY[-1]
    for side, angle, length, wide in _BRONCHI:
        sine, cosine = side * np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))
        # It begins beside the trachea's end, so that no air is counted twice.
        begin = _at(level, front=1, throat=distance, left=0.5 * side * wide, up=-0.7 * wide)
        course = _at(level, left=sine, up=-cosine)
        share = np.linspace(0, 1, 6)
        # Into the lung the bronchus branches and fades.
        narrow = (wide * np.interp(share, (0, 0.7, 1), (1, 0.9, 0.4)))[:, None]
        centres = (
            begin + course * (share * length)[:, None] + _at(level, forward=-0.012) * share[:, None] ** 2
        )
        across = _at(level, up=-sine, left=-cosine) * narrow
        parts.append(tube(centres, across, _at(level, forward=1) * narrow))
    points, faces = _ball(2)
    # Rather a box than an egg.
    points = np.sign(points) * np.abs(points) ** 0.6
    middle, half = np.array(_NOSE)
    for side in (-1.0, 1.0):
        ahead, left, above = middle * (1.0, side, 1.0)
        place = _at("skull", front=1, left=left, forward=ahead, up=above)
        parts.append((place + points * half @ _axes("skull"), faces))
    return _joined(parts)


@functools.lru_cache(maxsize=2)
def _ball(halvings: int) -> tuple[np.ndarray, np.ndarray]:
    """A unit sphere of 20 * 4 ** halvings triangles of the same volume as the round one."""
    t = (1 + 5**0.5) / 2
    # fmt: off
    points = np.array([
        [-1, t, 0], [1, t, 0], [-1, -t, 0], [1, -t, 0], [0, -1, t], [0, 1, t],
        [0, -1, -t], [0, 1, -t], [t, 0, -1], [t, 0, 1], [-t, 0, -1], [-t, 0, 1],
    ])
    faces = np.array([
        [0, 11, 5], [0, 5, 1], [0, 1, 7], [0, 7, 10], [0, 10, 11], [1, 5, 9], [5, 11, 4], [11, 10, 2], [10, 7, 6], [7, 1, 8],
        [3, 9, 4], [3, 4, 2], [3, 2, 6], [3, 6, 8], [3, 8, 9], [4, 9, 5], [2, 4, 11], [6, 2, 10], [8, 6, 7], [9, 8, 1],
    ])
    # fmt: on
    points = points / np.linalg.norm(points, axis=1, keepdims=True)
    for _ in range(halvings):
        edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
        unique, index = np.unique(edges, axis=0, return_inverse=True)
        middle = points[unique].mean(1)
        ab, bc, ca = index.reshape(3, -1) + len(points)
        points = np.concatenate([points, middle / np.linalg.norm(middle, axis=1, keepdims=True)])
        a, b, c = faces.T
        faces = np.concatenate(
            [np.stack(f, 1) for f in ((a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca))]
        )
    corners = points[faces]
    volume = (np.cross(corners[:, 0], corners[:, 1]) * corners[:, 2]).sum() / 6
    return points * (4 / 3 * np.pi / volume) ** (1 / 3), faces


def _axes(level: str) -> np.ndarray:
    """Weights (3, frames * 7) of forward, left and up at a level: right-handed."""
    return np.stack([_at(level, **{part: 1.0}) for part in ("forward", "left", "up")])


def _sausage(course: np.ndarray, section: np.ndarray, radius: float, length: float, rng: np.random.Generator):
    """Gas in a stretch of colon: a tube pinched by folds from alternating sides, round at both ends.

    Args:
        course: float (R, K), along the middle.
        section: float (2, K), unit axes of the cross-section.
        radius: Metres.
        length: Metres.
        rng: Source of randomness.
    """
    rings = len(course)
    share = (np.arange(rings) + 0.5) / rings
    envelope = (1 - np.abs(2 * share - 1) ** max(2.0, length / radius)) ** 0.5
    sides = np.arange(_RING) * (2 * np.pi / _RING)
    outline = np.ones((rings, _RING))
    folds = max(1, round(length / (1.5 * radius)))
    for fold in range(1, folds):
        at, side = (fold + rng.uniform(-0.2, 0.2)) / folds, rng.uniform(0, 2 * np.pi)
        depth = rng.uniform(0.25, 0.5) * np.exp(-(((share - at) * length / (0.28 * radius)) ** 2))
        outline *= 1 - depth[:, None] * (0.5 + 0.5 * np.cos(sides - side)) ** 0.5
    # Folds, stool and neighbours leave no gas round.
    for wave in (2, 3):
        outline *= 1 + rng.uniform(0.0, 0.14) * np.cos(wave * sides + rng.uniform(0, 2 * np.pi))
    half = radius * envelope[:, None] * outline
    return tube(course, half[..., None] * section[1], half[..., None] * section[0])


@functools.lru_cache(maxsize=64)
def _bowel(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights and faces of the gas as one person has it at one time: stomach, stretches of colon, bubbles in stool, rectum."""
    rng = np.random.default_rng(seed)
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    for direction, reach, stations in _COLON.values():
        if rng.random() > 0.55 and parts:
            continue
        way = [_at(level, front=1, width=side, depth=ahead) for side, ahead, level in stations]
        course = _smooth(np.stack(way), 40)
        middle = stations[1][2]
        section = np.stack([_at(middle, **{axis: 1.0}) for axis in _SECTIONS[direction]])
        radius, length = rng.uniform(0.010, 0.020), min(rng.uniform(0.03, 0.12), 0.9 * reach)
        begin = rng.uniform(0, 1 - length / reach)
        where = np.linspace(begin, begin + length / reach, max(8, round(length / 0.003))) * (len(course) - 1)
        row = np.minimum(where.astype(int), len(course) - 2)
        between = (where - row)[:, None]
        parts.append(
            _sausage(course[row] * (1 - between) + course[row + 1] * between, section, radius, length, rng)
        )
    if rng.random() < 0.75:
        # The bubble in the stomach's fundus under the left dome; its lower side is the fluid's level.
        points, faces = _ball(2)
        flat = points * rng.uniform((0.018, 0.022, 0.013), (0.026, 0.032, 0.019))
        flat[:, 2] = np.maximum(flat[:, 2], -rng.uniform(0.002, 0.008))
        parts.append((_at("t11", front=1, left=0.062, forward=0.014, up=0.002) + flat @ _axes("t11"), faces))
    if rng.random() < 0.6:
        points, faces = _ball(2)
        half = rng.uniform((0.008, 0.010, 0.012), (0.014, 0.018, 0.022))
        place = _at("l5", front=1, forward=0.050, up=-0.085, left=rng.uniform(-0.01, 0.01))
        parts.append((place + points * half @ _axes("l5"), faces))
    if rng.random() < 0.5:
        # Stool holds small bubbles, most in the caecum and the ascending colon.
        points, faces = _ball(1)
        side, ahead, level = _COLON["ascending"][2][0]
        for _ in range(int(rng.integers(8, 22))):
            shift = np.clip(rng.normal(0, (0.008, 0.009, 0.016)), -0.03, 0.03)
            place = _at(level, front=1, width=side, depth=ahead) + shift @ _axes(level)
            parts.append((place + points * rng.uniform(0.0015, 0.004, 3) @ _axes(level), faces))
    return _joined(parts)


def cavities(anatomy: Anatomy, skin: torch.Tensor, bones: torch.Tensor, gas_seed: int | None) -> Cavities:
    """All air of a posed body.

    Args:
        anatomy: The asset.
        skin: float (V, 3), metres.
        bones: float (N, 3), metres.
        gas_seed: Seed of the gas in the bowel; None for an empty one.
    """
    weights, faces = _airway() if gas_seed is None else _joined([_airway(), _bowel(gas_seed)])
    placed = torch.from_numpy(weights).to(skin) @ frames(anatomy, skin, bones)
    return Cavities(placed, torch.from_numpy(faces).to(skin.device))
