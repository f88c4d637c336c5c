"""The teeth of both arches: crowns that meet with a hair's gap, and tapered roots that stand in the jaws.

Crown widths and heights after Wheeler's "Dental Anatomy, Physiology and Occlusion" (means, mm). The pulp and the periodontal
space are left out; enamel and dentine are one tissue.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from maskel_core.anatomy.construction.sculpt.primitives import Field, Grid, capsule, union
from maskel_core.anatomy.construction.sculpt.solid import Part

# Width along the arch, width across it, crown height, root length, number of roots; from the midline back.
_PERMANENT = {
    "upper": (
        (8.5, 6.6, 10.5, 12.0, 1),
        (6.5, 5.8, 9.0, 12.0, 1),
        (7.5, 7.6, 10.0, 15.0, 1),
        (7.0, 8.6, 8.5, 13.0, 1),
        (6.8, 8.6, 8.0, 13.0, 1),
        (10.0, 10.4, 7.5, 12.0, 2),
        (9.0, 10.2, 7.0, 11.0, 2),
        (8.5, 9.6, 6.5, 10.0, 2),
    ),
    "lower": (
        (5.3, 5.8, 9.0, 12.0, 1),
        (5.7, 6.0, 9.3, 13.0, 1),
        (7.0, 7.4, 10.0, 15.0, 1),
        (7.0, 7.4, 8.5, 13.0, 1),
        (7.0, 7.8, 8.0, 13.5, 1),
        (11.0, 9.8, 7.5, 13.0, 2),
        (10.3, 9.6, 7.0, 12.0, 2),
        (9.6, 9.2, 7.0, 10.0, 2),
    ),
}
_MILK = {
    "upper": (
        (6.5, 5.0, 6.0, 9.0, 1),
        (5.1, 4.4, 5.6, 9.5, 1),
        (7.0, 6.6, 6.5, 11.0, 1),
        (7.3, 8.0, 5.1, 8.5, 2),
        (8.6, 9.4, 5.7, 9.5, 2),
    ),
    "lower": (
        (4.3, 4.0, 5.0, 8.5, 1),
        (4.7, 4.3, 5.2, 9.0, 1),
        (5.5, 5.2, 6.0, 10.0, 1),
        (8.0, 7.2, 6.0, 8.5, 2),
        (10.0, 8.9, 5.5, 9.5, 2),
    ),
}
# The middle of the dental arch in the source's jaws, half of it, mm from the mid-sagittal plane and metres of depth.
_ARCH = np.array(
    [
        [0.0, 125.8],
        [5.0, 126.6],
        [10.0, 129.6],
        [15.3, 135.0],
        [18.7, 140.5],
        [20.2, 146.0],
        [21.4, 154.0],
        [22.2, 162.0],
        [22.6, 169.0],
        [22.6, 176.0],
    ]
)


def occlusion(depth: np.ndarray | float) -> np.ndarray | float:
    """Height of the plane where the arches meet at a depth y, metres."""
    return 1.5935 + 0.24 * (depth - 0.126)


@dataclass(frozen=True)
class Arch:
    """The teeth of one jaw as two solids on one grid.

    Args:
        crowns: What stands out of the jaw.
        roots: What the jaw holds, without the crowns.
        grid: Their grid.
    """

    crowns: Field
    roots: Field
    grid: Grid

    def parts(self, stage: str, faces: int) -> list[Part]:
        """Crowns in soft tissue and roots in spongiosa, as the parts of a bone."""
        prefix = stage.removesuffix("_teeth")
        return [
            Part(f"{prefix}_crowns", self.grid.field(self.crowns), faces, "tooth", "muscle", stage),
            Part(f"{prefix}_roots", self.grid.field(self.roots), faces, "tooth", "spongiosa", stage),
        ]


def arch(jaw: str, stage: str, voxel: float = 0.0005) -> Arch:
    """The teeth of the ``upper`` or ``lower`` jaw at a stage, ``permanent_teeth`` or ``milk_teeth``."""
    teeth = (_PERMANENT if stage == "permanent_teeth" else _MILK)[jaw]
    # Children's jaws are the adult's scaled down, by about this much at five years.
    grown = 1.0 if stage == "permanent_teeth" else 1.12
    sign = 1.0 if jaw == "upper" else -1.0
    inset = 0.0 if jaw == "upper" else 2.2
    course = _ARCH.copy()
    course[:, 1] += inset
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(course, axis=0), axis=1))])
    fit = min(1.0, (lengths[-1] - 0.5) / sum(t[0] for t in teeth) / grown)
    low, high = (1.590, 1.630) if sign > 0 else (1.565, 1.609)
    grid = Grid(np.array([-0.034, 0.114, low]), np.array([0.034, 0.186, high]), voxel)
    crowns = np.full(grid.points.shape[:3], -0.003, np.float32)
    roots = crowns.copy()
    along = 0.15
    for wide, thick, tall, root, count in teeth:
        size = grown * 1e-3
        step = wide * grown * fit
        middle = along + step / 2
        along += step
        place = np.array([np.interp(middle, lengths, course[:, i]) for i in range(2)]) * 1e-3
        ahead = np.array([np.interp(middle + 1.0, lengths, course[:, i]) for i in range(2)]) * 1e-3
        tangent = ahead - place
        tangent /= np.linalg.norm(tangent)
        for side in (-1.0, 1.0):
            centre = np.array([side * place[0], place[1], float(occlusion(place[1]))])
            t = np.array([side * tangent[0], tangent[1], 0.0])
            t /= np.linalg.norm(t)
            across = np.array([-t[1], t[0], 0.0])
            centre[2] += sign * (0.0006 + tall * size / 2)
            # Roots of both jaws lean back, those of the lower front teeth most.
            lean = 0.24 if sign > 0 else np.interp(place[1], [0.130, 0.150], [0.45, 0.05])
            up = np.array([0.0, lean, sign])
            up = (up - (up @ t) * t) / np.linalg.norm(up - (up @ t) * t)
            reach = (tall + root) * size
            near = grid.around(np.array([centre - 0.5 * reach, centre + 0.5 * reach]), 0.012)
            local = grid.points[near] - centre.astype(np.float32)
            radii = np.array([step * 0.482e-3, thick * size / 2, tall * size / 2])
            scaled = np.stack([local @ t, local @ across, local[..., 2]], -1) / radii
            k = (scaled**4).sum(-1) ** 0.25
            crown = ((1 - k) * radii.min()).astype(np.float32)
            crowns[near] = union(crowns[near], crown)
            offsets = [0.0] if count == 1 else [-0.24 * step * 1e-3, 0.24 * step * 1e-3]
            for offset in offsets:
                neck = centre + offset * t + np.array([0, 0, sign * tall * size * 0.35])
                radius = (0.36 if count == 1 else 0.22) * step * 1e-3
                apex = neck + up * root * size + 0.4 * offset * t
                rod = capsule(grid.points[near], neck, apex, radius, 0.0009, flat=0.35 * across)
                roots[near] = union(roots[near], rod)
    return Arch(crowns, np.minimum(roots, -crowns).astype(np.float32), grid)
