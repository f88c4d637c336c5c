"""Room for cartilage: where two bones meet, one gives way until a gap is left between them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from maskel_core.anatomy.construction.bones import CARPALS
from maskel_core.anatomy.construction.remesh import DistanceField
from maskel_core.anatomy.construction.sculpt.leg import TOES, toe_chain
from maskel_core.anatomy.construction.sculpt.primitives import intersection
from maskel_core.anatomy.construction.sculpt.smooth import sample
from maskel_core.anatomy.construction.sculpt.solid import Solid
from scipy.spatial import cKDTree
from skimage import measure

_SPINE = [f"c{i}" for i in range(1, 8)] + [f"t{i}" for i in range(1, 13)] + [f"l{i}" for i in range(1, 6)]
_RIM = 0.0012
"""How far the edge of a cut is rounded, metres."""


def articulations() -> list[tuple[str, str, float]]:
    """Bones that meet: the one that gives way, the other, and the gap between them in mm in the source's adult.

    Gaps are those of radiographs of adults where these are known, and wider by about half a millimetre where each of the two
    bones is fitted to a body by a map of its own.
    """
    pairs = [(upper, lower, 2.2) for upper, lower in pairwise(_SPINE)]
    pairs += [
        ("c1", "skull", 2.2),
        ("tibia", "femur", 3.8),
        ("patella", "femur", 3.2),
        ("fibula", "tibia", 2.2),
    ]
    pairs += [("talus", "tibia", 3.4), ("talus", "fibula", 2.6), ("calcaneus", "talus", 2.2)]
    pairs += [("ulna", "humerus", 2.8), ("radius", "humerus", 2.8), ("radius", "ulna", 2.0)]
    pairs += [("skull", "mandible", 1.8), ("clavicle", "scapula", 2.4), ("clavicle", "sternum", 2.6)]
    pairs += [("lunate", "radius", 2.2), ("scaphoid", "radius", 2.2)]
    for i, one in enumerate(CARPALS):
        pairs += [(one, other, 1.6) for other in CARPALS[i + 1 :]]
        pairs += [(one, f"{finger}mc", 1.6) for finger in "12345"]
    pairs += [(f"{i + 1}mc", f"{i}mc", 1.6) for i in range(1, 5)]
    for finger in "2345":
        chain = [f"{finger}{part}" for part in ("distph", "midph", "proxph", "mc")]
        pairs += [(near, far, 2.8 if far.endswith("mc") else 2.0) for near, far in pairwise(chain)]
    pairs += [("thumbdist", "thumbprox", 2.0), ("thumbprox", "1mc", 2.6)]
    tarsals = [
        "calcaneus",
        "talus",
        *(f"tarsal{i}" for i in range(1, 6)),
        *(f"metatarsal{i}" for i in range(1, 6)),
    ]
    for i, one in enumerate(tarsals):
        if one.startswith("tarsal"):
            pairs += [(one, other, 1.8) for other in tarsals[:i]]
        if one.startswith("metatarsal"):
            pairs += [(one, other, 1.8) for other in tarsals[2:7]]
    pairs += [(f"toe_phalanx{i}", f"metatarsal{k}", 1.8) for i in range(1, 15) for k in range(1, 6)]
    for toe in TOES:
        chain = toe_chain(toe)
        pairs += [(far, near, 1.6) for near, far in pairwise(chain)]
    pairs += [(f"metatarsal{k + 1}", f"metatarsal{k}", 1.6) for k in range(1, 5)]
    return pairs


def _skin(field: DistanceField) -> cKDTree:
    """The points of a bone's surface, a voxel apart."""
    vertices = measure.marching_cubes(np.pad(field.values, 1, constant_values=-field.voxel), 0.0)[0]
    return cKDTree((vertices - 1) * field.voxel + field.origin)


def _apart(solid: Solid, other: DistanceField, skin: cKDTree, gap: float) -> Solid:
    """The solid less what lies within ``gap`` metres of the other, whose surface points are ``skin``."""
    field = solid.parts[0].field
    low = np.floor((other.origin - field.origin) / field.voxel).astype(int).clip(0)
    reach = (np.array(other.values.shape) - 1) * other.voxel
    high = np.ceil((other.origin + reach - field.origin) / field.voxel).astype(int) + 1
    near = tuple(slice(int(a), int(max(a, b))) for a, b in zip(low, high, strict=True))
    own = field.values[near]
    if own.size == 0 or own.max() <= 0:
        return solid
    counts = field.values.shape
    axes = [field.origin[i] + field.voxel * np.arange(counts[i])[near[i]] for i in range(3)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).astype(np.float32)
    depth = sample(other, points)
    # A sculpted field is no exact distance: where it matters the distance to the surface is measured.
    close = (own > -4 * field.voxel) & (depth > -(gap + 0.003))
    if not close.any():
        return solid
    distance = skin.query(points[close], distance_upper_bound=gap + 0.004)[0]
    room = np.full(own.shape, gap + 0.004, np.float32)
    room[close] = np.where(depth[close] > 0, -1, 1) * np.minimum(distance, gap + 0.004)
    room -= np.float32(gap)
    if (room >= own).all():
        return solid
    parts = []
    for number, part in enumerate(solid.parts):
        if part.field.values.shape != counts:
            parts.append(part)
            continue
        values = part.field.values.copy()
        # The cortex goes round the new surface as well, and the rim of the cut is round.
        values[near] = intersection(values[near], room - np.float32(0.0007 if number else 0.0), _RIM)
        parts.append(replace(part, field=DistanceField(values, part.field.origin, part.field.voxel)))
    return replace(solid, parts=tuple(parts))


def articulate(solids: dict[str, Solid]) -> dict[str, Solid]:
    """The same bones with a gap at every joint."""
    out = dict(solids)
    skins: dict[str, tuple[Solid, cKDTree]] = {}
    for yielding, other, gap in articulations():
        if yielding not in out or other not in out:
            continue
        if other not in skins or skins[other][0] is not out[other]:
            skins[other] = (out[other], _skin(out[other].parts[0].field))
        out[yielding] = _apart(out[yielding], out[other].parts[0].field, skins[other][1], gap * 1e-3)
    return out
