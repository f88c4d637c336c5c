"""Where the growth plates lie, and when they appear and close.

Ages are means of girls and boys after Scheuer & Black, "Developmental Juvenile Osteology" (2000), and Greulich & Pyle (1959).
Each entry: end of the bone, share of the bone's length from that end at which the plate lies, thickness in mm, appears, closes.
"""

from __future__ import annotations

import numpy as np
from maskel_core.anatomy.construction.remesh import DistanceField
from maskel_core.anatomy.construction.sculpt.solid import Epiphysis

_ENDS: dict[str, list[tuple[str, float, float, float, float]]] = {
    "femur": [("low", 0.072, 3.0, -0.1, 17.0)],
    "tibia": [("high", 0.062, 3.0, 0.0, 16.5), ("low", 0.050, 2.6, 0.6, 16.0)],
    "fibula": [("high", 0.058, 2.4, 3.5, 17.0), ("low", 0.062, 2.4, 1.2, 16.0)],
    "humerus": [("high", 0.115, 2.8, 0.2, 17.5), ("low", 0.055, 2.4, 1.5, 14.5)],
    "radius": [("low", 0.050, 2.4, 1.1, 16.8), ("high", 0.035, 2.0, 5.0, 15.0)],
    "ulna": [("low", 0.040, 2.2, 6.0, 16.8), ("high", 0.050, 2.2, 9.5, 15.0)],
    "calcaneus": [("back", 0.15, 1.8, 7.5, 15.5)],
}
_AXIS = {"high": (2, 1.0), "low": (2, -1.0), "back": (1, 1.0), "front": (1, -1.0)}


def _entries(name: str) -> list[tuple[str, float, float, float, float]]:
    if name in _ENDS:
        return _ENDS[name]
    if name in ("2mc", "3mc", "4mc", "5mc"):
        return [("low", 0.19, 1.5, 1.8, 15.5)]
    if name in ("1mc", "thumbprox", "thumbdist") or (name[0] in "2345" and "ph" in name):
        return [("high", 0.17, 1.2, 1.7, 15.2)]
    if name.startswith("metatarsal"):
        return [("back" if name.endswith("1") else "front", 0.16, 1.5, 3.0, 15.0)]
    if name.startswith("toe_phalanx"):
        # At one to four years at the base of each phalanx, joined at thirteen to sixteen.
        return [("back", 0.17, 1.0, 2.5, 14.5)]
    return []


def epiphyses(name: str, field: DistanceField) -> tuple[Epiphysis, ...]:
    """Growth plates of a bone across its long axis, from its shape; none for bones that have none here."""
    out = []
    solid = np.argwhere(field.values > 0) * field.voxel + field.origin
    for end, share, thickness, appears, closes in _entries(name):
        axis, sign = _AXIS[end]
        centred = solid - solid.mean(0)
        direction = np.linalg.svd(centred[:: max(1, len(centred) // 4000)], full_matrices=False)[2][0]
        if name == "calcaneus":
            direction = np.eye(3)[axis] * sign
        direction = direction * np.sign(direction[axis]) * sign
        along = centred @ direction
        level = along.max() - share * np.ptp(along)
        slab = solid[np.abs(along - level) < 2 * field.voxel]
        out.append(Epiphysis(f"{name}_{end}", slab.mean(0), direction, thickness * 1e-3, appears, closes))
    return tuple(out)
