"""Which bones meet, where, and with which surfaces: the table from which posed bones are seated in their joints."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
import trimesh
from maskel_core.anatomy.construction.bones import CARPALS, FINGERS, TOES
from scipy.spatial import cKDTree

SAMPLES = 96
"""Points that stand for one bone's surface in one joint."""

_NEAR = 0.012
"""Surface nearer than this to the other bone at rest belongs to the joint, metres in the source."""

_FARTHEST = 0.005
"""How far the end of a bone may move to be seated, metres."""
_HAND = (*CARPALS, *(f"{k}mc" for k in FINGERS))
_FOOT = ("talus", "calcaneus", *(f"tarsal{i}" for i in range(1, 6)), *(f"metatarsal{i}" for i in range(1, 6)))
_SPINE = (
    *(f"c{i}" for i in range(1, 8)),
    *(f"t{i}" for i in range(1, 13)),
    *(f"l{i}" for i in range(1, 6)),
)


@dataclass(frozen=True)
class Seat:
    """Two bones that meet.

    Args:
        one: First bone and which of its ends, 0 near the trunk and 1 far from it.
        other: The same of the second.
        reach: Radius about the joint within which surfaces may meet in some pose, metres in the source.
        beyond: Radius about the femoral head within which they are left to ``maskel_core.anatomy.balls``.
    """

    one: tuple[str, int]
    other: tuple[str, int]
    reach: float = 0.0
    beyond: float = 0.0


def seats() -> list[Seat]:
    """The joints of the axis and the right side."""
    out = [Seat((lower, 0), (upper, 0)) for upper, lower in pairwise((*_SPINE, "sacrum"))]
    out += [Seat(("skull", 0), ("c1", 0))]
    out += [Seat(("sternum", 0), ("clavicle", 0)), Seat(("clavicle", 1), ("scapula", 0))]
    out += [Seat(("scapula", 0), ("humerus", 0), 0.020)]
    out += [Seat(("humerus", 1), ("ulna", 0), 0.026), Seat(("humerus", 1), ("radius", 0), 0.026)]
    out += [Seat(("radius", 1), ("lunate", 0), 0.020), Seat(("radius", 1), ("scaphoid", 0), 0.020)]
    out += [Seat(("ulna", 1), ("triquetrum", 0)), Seat(("trapezium", 0), ("1mc", 0), 0.014)]
    for chain in (
        ("1mc", "thumbprox", "thumbdist"),
        *((f"{k}mc", f"{k}proxph", f"{k}midph", f"{k}distph") for k in FINGERS),
        *((f"metatarsal{t}", *(f"toe_phalanx{i}" for i in row)) for t, row in enumerate(TOES, 1)),
    ):
        out += [Seat((near, 1), (far, 0), 0.013) for near, far in pairwise(chain)]
    out += [Seat(("hip_bone", 0), ("femur", 0), 0.040, 0.0295)]
    out += [Seat(("femur", 1), ("tibia", 0), 0.036)]
    out += [Seat(("femur", 1), ("patella", 0), 0.036), Seat(("tibia", 1), ("talus", 0), 0.022)]
    return out


_FIXED = ("sacrum", "hip_bone", "skull", "mandible", "hyoid", "sternum", "lung")
_LONG = (
    ("clavicle",),
    ("humerus",),
    ("ulna",),
    ("radius",),
    ("femur",),
    ("tibia", "fibula"),
    *((name,) for k in FINGERS for name in (f"{k}proxph", f"{k}midph", f"{k}distph")),
    *((name,) for name in ("1mc", "thumbprox", "thumbdist")),
    *((f"toe_phalanx{i}",) for row in TOES for i in row),
)
"""Bones whose two ends may move apart from each other."""


def _groups() -> list[tuple[tuple[str, ...], int, float]]:
    """Bones that move as one, how many ends they have, and their readiness to move (0 stays)."""
    out: list[tuple[tuple[str, ...], int, float]] = [(_FIXED, 1, 0.0)]
    out += [((name, f"rib{name[1:]}") if name[0] == "t" else (name,), 1, 1.0) for name in _SPINE]
    out += [(("scapula",), 1, 0.1), (("patella",), 1, 2.0), (_HAND, 1, 0.3), (_FOOT, 1, 0.3)]
    out += [(bones, 2, 1.0) for bones in _LONG]
    return out


def _farthest(points: np.ndarray, count: int) -> np.ndarray:
    """Indices (count,) of points spread evenly over a set (N, 3)."""
    chosen = [0]
    distance = np.linalg.norm(points - points[0], axis=1)
    while len(chosen) < count:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return np.array(chosen)


def _surface(
    points: np.ndarray, normals: np.ndarray, other: np.ndarray, seat: Seat, hip: np.ndarray, symmetric: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Points and normals (SAMPLES, 3) of the part of a bone that may meet the other, each other's mirror images if asked."""
    distance, nearest = cKDTree(other).query(points)
    first = distance.argmin()
    site = 0.5 * (points[first] + other[nearest[first]])
    near = distance < max(_NEAR, distance.min() + 0.004)
    near |= np.linalg.norm(points - site, axis=1) < seat.reach
    near &= np.linalg.norm(points - hip, axis=1) >= seat.beyond
    if not symmetric:
        index = near.nonzero()[0]
        index = index[_farthest(points[index], SAMPLES)]
        return points[index], normals[index]
    index = (near & (points[:, 0] < 0)).nonzero()[0]
    index = index[_farthest(points[index], SAMPLES // 2)]
    mirror = np.array([-1.0, 1.0, 1.0])
    return np.vstack([points[index], points[index] * mirror]), np.vstack(
        [normals[index], normals[index] * mirror]
    )


def build_seats(
    outer: dict[str, tuple[np.ndarray, np.ndarray]],
    centres: dict[str, np.ndarray],
    bone_names: list[str],
    hip: np.ndarray,
) -> dict[str, torch.Tensor]:
    """Tensors of the joints of the axis and the right side; the left is mirrored when the file is read.

    Args:
        outer: Vertices (N, 3) in each bone's own space and faces (M, 3) of its outer surface, by name without side.
        centres: Origin of each bone's space in the source, metres.
        bone_names: Names of all bones of the asset.
        hip: (3,) centre of the right femoral head in the source, metres.

    Returns:
        ``seat.bones`` (S, 2), ``seat.ends`` (S, 2), ``seat.points`` and ``seat.normals`` (S, 2, SAMPLES, 3) in the bones' own
        spaces; ``slot.of_bone`` (B, 2), the movable thing that each end belongs to, ``slot.along`` (B, 4), from a point of the
        bone's space (x, y, z, 1) to its share of the way from near to far end, ``slot.mobility`` and ``slot.reach``
        (slots,), how readily and how far at most it moves, metres.
    """

    def index(name: str) -> int:
        return bone_names.index(name if name in bone_names else f"{name}_r")

    rows = []
    for seat in seats():
        places, normals = {}, {}
        for name, _ in (seat.one, seat.other):
            vertices, faces = outer[name]
            places[name] = vertices + centres[name]
            normals[name] = np.asarray(trimesh.Trimesh(vertices, faces, process=False).vertex_normals)
        pair = []
        for (name, _), (opposite, _) in ((seat.one, seat.other), (seat.other, seat.one)):
            axial = name in bone_names and opposite in bone_names
            points, facing = _surface(places[name], normals[name], places[opposite], seat, hip, axial)
            pair.append((points - centres[name], facing))
        rows.append(([index(n) for n, _ in (seat.one, seat.other)], [seat.one[1], seat.other[1]], pair))

    slots = np.zeros((len(bone_names), 2), int)
    along = np.zeros((len(bone_names), 4))
    mobility, reaches = [0.0], [0.0]
    for bones, ends, ready in _groups():
        # A bone of the axis takes its ribs along on both sides; a paired bone moves on its own.
        sided = [[n if n in bone_names else n + side for n in bones] for side in ("_r", "_l")]
        shared = bones[0] in bone_names
        for names in sided:
            first = len(mobility) if not (shared and names is sided[1]) else len(mobility) - ends
            if not ready:
                first = 0
            elif first == len(mobility):
                mobility += [ready] * ends
                # A femoral head that leaves its neck's way keeps a joint space all round.
                reaches += [
                    _FARTHEST / 2.5 if bones == ("femur",) and end == 0 else _FARTHEST for end in range(ends)
                ]
            for plain, name in zip(bones, names, strict=True):
                row = bone_names.index(name)
                slots[row] = (first, first + ends - 1) if ready else (0, 0)
                if ends == 2:
                    along[row] = _along(outer[bones[0]][0] + centres[bones[0]], centres[plain])
                    if name.endswith("_l"):
                        along[row, 0] *= -1
    return {
        "seat.bones": torch.tensor([r[0] for r in rows]).to(torch.uint8),
        "seat.ends": torch.tensor([r[1] for r in rows]).to(torch.uint8),
        "seat.points": torch.tensor(np.array([[p for p, _ in r[2]] for r in rows])).half(),
        "seat.normals": torch.tensor(np.array([[n for _, n in r[2]] for r in rows])).half(),
        "slot.of_bone": torch.tensor(slots).to(torch.uint8),
        "slot.along": torch.tensor(along).float(),
        "slot.mobility": torch.tensor(mobility).float(),
        "slot.reach": torch.tensor(reaches).float(),
    }


def _along(points: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Share of the way from a long bone's near end to its far one as a function (4,) of a point of a space with this origin."""
    middle = points.mean(0)
    axis = np.linalg.svd(points - middle, full_matrices=False)[2][0]
    # In the source arms and legs hang down, feet point forwards (-y) and the clavicle runs to the right (-x).
    heading = np.array([-0.3, -0.5, -1.0])
    if abs(axis[0]) > 0.8:
        heading = np.array([-1.0, 0.0, 0.0])
    axis = axis * np.sign(axis @ heading)
    reach = (points - middle) @ axis
    low, high = reach.min(), reach.max()
    return np.append(axis, (centre - middle) @ axis - low) / (high - low)
