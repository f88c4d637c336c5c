"""Room for cartilage: where two bones meet, one gives way until a gap is left between them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from maskel_core.anatomy.construction.remesh import DistanceField
from maskel_core.anatomy.construction.sculpt.leg import TOES, toe_chain
from maskel_core.anatomy.construction.sculpt.smooth import sample
from maskel_core.anatomy.construction.sculpt.solid import Solid

_SPINE = [f"c{i}" for i in range(1, 8)] + [f"t{i}" for i in range(1, 13)] + [f"l{i}" for i in range(1, 6)]
_CARPALS = ("lunate", "scaphoid", "pisiform", "triquetrum", "capitate", "trapezium", "trapezoid", "hamate")


def articulations() -> list[tuple[str, str, float]]:
    """Bones that meet: the one that gives way, the other, and the gap between them in mm at adult size."""
    pairs = [(upper, lower, 1.6) for upper, lower in pairwise(_SPINE)]
    pairs += [
        ("c1", "skull", 1.8),
        ("tibia", "femur", 3.6),
        ("patella", "femur", 3.0),
        ("fibula", "tibia", 1.5),
    ]
    pairs += [("talus", "tibia", 3.0), ("talus", "fibula", 2.0), ("calcaneus", "talus", 2.0)]
    pairs += [("ulna", "humerus", 2.4), ("radius", "humerus", 2.4), ("radius", "ulna", 1.6)]
    pairs += [("lunate", "radius", 1.8), ("scaphoid", "radius", 1.8)]
    for i, one in enumerate(_CARPALS):
        pairs += [(one, other, 1.0) for other in _CARPALS[i + 1 :]]
        pairs += [(one, f"{finger}mc", 1.0) for finger in "12345"]
    for finger in "2345":
        chain = [f"{finger}{part}" for part in ("distph", "midph", "proxph", "mc")]
        pairs += [(near, far, 2.6 if far.endswith("mc") else 1.6) for near, far in pairwise(chain)]
    pairs += [("thumbdist", "thumbprox", 1.6), ("thumbprox", "1mc", 2.2)]
    tarsals = [
        "calcaneus",
        "talus",
        *(f"tarsal{i}" for i in range(1, 6)),
        *(f"metatarsal{i}" for i in range(1, 6)),
    ]
    for i, one in enumerate(tarsals):
        if one.startswith("tarsal"):
            pairs += [(one, other, 1.2) for other in tarsals[:i]]
        if one.startswith("metatarsal"):
            pairs += [(one, other, 1.2) for other in tarsals[2:7]]
    pairs += [(f"toe_phalanx{i}", f"metatarsal{k}", 1.2) for i in range(1, 15) for k in range(1, 6)]
    for toe in TOES:
        chain = toe_chain(toe)
        pairs += [(far, near, 1.2) for near, far in pairwise(chain)]
    pairs += [(f"metatarsal{k + 1}", f"metatarsal{k}", 1.0) for k in range(1, 5)]
    return pairs


def _apart(solid: Solid, other: DistanceField, gap: float) -> Solid:
    """The solid less what lies within ``gap`` metres of the other."""
    field = solid.parts[0].field
    low = np.floor((other.origin - field.origin) / field.voxel).astype(int).clip(0)
    reach = (np.array(other.values.shape) - 1) * other.voxel
    high = np.ceil((other.origin + reach - field.origin) / field.voxel).astype(int) + 1
    near = tuple(slice(int(a), int(max(a, b))) for a, b in zip(low, high, strict=True))
    if field.values[near].size == 0 or field.values[near].max() <= 0:
        return solid
    counts = field.values.shape
    axes = [field.origin[i] + field.voxel * np.arange(counts[i])[near[i]] for i in range(3)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).astype(np.float32)
    room = -sample(other, points) - np.float32(gap)
    if (room >= field.values[near]).all():
        return solid
    parts = []
    for number, part in enumerate(solid.parts):
        if part.field.values.shape != counts:
            parts.append(part)
            continue
        values = part.field.values.copy()
        # The cortex goes round the new surface as well.
        values[near] = np.minimum(values[near], room - (0.0007 if number else 0.0))
        parts.append(replace(part, field=DistanceField(values, part.field.origin, part.field.voxel)))
    return replace(solid, parts=tuple(parts))


def articulate(solids: dict[str, Solid]) -> dict[str, Solid]:
    """The same bones with a gap at every joint."""
    out = dict(solids)
    for yielding, other, gap in articulations():
        if yielding in out and other in out:
            out[yielding] = _apart(out[yielding], out[other].parts[0].field, gap * 1e-3)
    return out
