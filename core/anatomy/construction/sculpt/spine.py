"""Vertebrae C1 to L5: a body with a waist, pedicles, an open canal, laminae, articular, transverse and spinous processes.

Dimensions are means of adults after Panjabi et al. ("Cervical human vertebrae", Spine 1991; "Thoracic human vertebrae",
Spine 1991; "Human lumbar vertebrae", Spine 1992), rounded and interpolated between levels. Places and spacing are the source's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from maskel_core.anatomy.construction.remesh import DistanceField
from maskel_core.anatomy.construction.sculpt.primitives import (
    Field,
    Grid,
    capsule,
    ellipsoid,
    intersection,
    tube,
    union,
    without,
)

LEVELS = [f"c{i}" for i in range(2, 8)] + [f"t{i}" for i in range(1, 13)] + [f"l{i}" for i in range(1, 6)]

# Level, body width, body depth, canal width, canal depth, span of the transverse processes, length of the spinous process (mm),
# its slope below the horizontal (degrees), disc height (mm).
_TABLE = np.array(
    [
        [0, 17.0, 15.5, 24.0, 17.0, 52.0, 14.0, 20.0, 4.0],  # c2
        [1, 17.0, 15.5, 23.0, 15.5, 50.0, 13.0, 15.0, 4.0],  # c3
        [5, 22.5, 17.0, 24.5, 15.5, 68.0, 26.0, 22.0, 4.5],  # c7
        [6, 25.0, 17.5, 21.5, 16.0, 74.0, 27.0, 28.0, 3.5],  # t1
        [11, 27.0, 26.0, 17.5, 16.0, 61.0, 34.0, 52.0, 3.5],  # t6
        [14, 30.0, 29.0, 18.0, 16.0, 58.0, 35.0, 48.0, 4.0],  # t9
        [17, 39.0, 32.0, 22.0, 18.0, 46.0, 20.0, 18.0, 6.0],  # t12
        [18, 41.0, 33.5, 23.5, 18.5, 70.0, 22.0, 8.0, 7.5],  # l1
        [20, 44.5, 34.5, 24.5, 18.0, 84.0, 23.0, 5.0, 9.0],  # l3
        [22, 48.5, 35.0, 27.0, 19.0, 88.0, 16.0, 10.0, 9.0],  # l5
    ]
)


@dataclass(frozen=True)
class Level:
    """Measures of one vertebra, metres and radians."""

    width: float
    depth: float
    canal_width: float
    canal_depth: float
    span: float
    spinous: float
    slope: float
    disc: float

    @classmethod
    def of(cls, name: str) -> Level:
        """Measures by name, interpolated in the table."""
        row = [float(np.interp(LEVELS.index(name), _TABLE[:, 0], _TABLE[:, i])) for i in range(1, 9)]
        width, depth, canal_width, canal_depth, span, spinous = (v * 1e-3 for v in row[:6])
        return cls(
            width, depth, canal_width, canal_depth, span, spinous, float(np.radians(row[6])), row[7] * 1e-3
        )


def centres(meshes: dict[str, trimesh.Trimesh]) -> np.ndarray:
    """Centres of the source's vertebral bodies in the order of ``LEVELS``, (23, 3), metres."""
    places = []
    for name in LEVELS:
        points = np.asarray(meshes[name].vertices)
        low, high = points.min(0), points.max(0)
        depth = 0.30 * (high[1] - low[1])
        places.append([0.0, low[1] + depth, points[points[:, 1] < low[1] + 2 * depth][:, 2].mean()])
    path = np.array(places)
    # The source's levels stand a few millimetres off a smooth curve; a spine has no steps.
    smooth = np.polynomial.Polynomial.fit(np.arange(len(path)), path[:, 2], 7)(np.arange(len(path)))
    path[:, 2] = 0.5 * (path[:, 2] + smooth)
    path[:, 1] = np.polynomial.Polynomial.fit(path[:, 2], path[:, 1], 6)(path[:, 2])
    return path


def frame(path: np.ndarray, index: int) -> np.ndarray:
    """Rows right, back and up of the vertebra, up along the spine."""
    below, above = path[max(index, 1)], path[max(index - 1, 0)]
    if index + 1 < len(path):
        below = path[index + 1]
    up = (above - below) / np.linalg.norm(above - below)
    right = np.array([1.0, 0.0, 0.0])
    return np.stack([right, np.cross(up, right), up])


def _body(p: np.ndarray, level: Level, height: float) -> Field:
    """A drum: kidney-shaped across, waisted, with hollow end plates and raised rims."""
    a, b, h = level.width / 2, level.depth / 2, height / 2
    x, y, z = p[..., 0], p[..., 1], p[..., 2]
    waist = 1 - 0.13 * (1 - np.clip(np.abs(z) / h, 0, 1) ** 2)
    radius = ((np.abs(x) / a) ** 2.3 + (np.abs(y) / b) ** 2.3) ** (1 / 2.3)
    side = (waist - radius) * min(a, b)
    dish = 0.0016 * np.clip(1 - (radius / 0.8) ** 2, 0, 1)
    end = h - dish - np.abs(z)
    return intersection(side, end, 0.003)


def _arch(p: np.ndarray, name: str, level: Level, height: float, spacing: float) -> tuple[Field, Field]:
    """The arch with its processes, and the canal that it leaves open."""
    region = name[0]
    b, ca, cb = level.depth / 2, level.canal_width / 2, level.canal_depth / 2
    middle = np.array([0.0, b * 0.86 + cb, 0.0])
    flat = p - middle.astype(np.float32)
    canal = (1 - np.hypot(flat[..., 0] / ca, flat[..., 1] / cb)) * min(ca, cb)
    wall = {"c": 0.0035, "t": 0.0048, "l": 0.0058}[region]
    tall = {"c": 0.36, "t": 0.40, "l": 0.34}[region] * spacing
    ring = wall - np.abs(-canal - wall / 2) - wall / 2
    lamina = tall - np.abs(flat[..., 2] + 0.10 * spacing + 0.35 * flat[..., 1])
    arch = intersection(ring, lamina, 0.002)
    arch = intersection(arch, flat[..., 1] + 0.2 * cb, 0.002)

    left_right = p.copy()
    left_right[..., 0] = np.abs(left_right[..., 0])
    q = left_right
    pillar = np.array([ca + wall * 0.4, middle[1] + 0.25 * cb, 0.0])
    pedicle = {"c": (0.0028, 0.5), "t": (0.0030, 0.55), "l": (0.0046, 0.45)}[region]
    root = np.array([min(level.width / 2 * 0.72, ca), b * 0.55, 0.20 * height])
    arch = union(
        arch,
        capsule(q, root, pillar + np.array([0, 0, 0.16 * height]), pedicle[0], flat=[0, 0, pedicle[1]]),
        0.003,
    )
    if region == "c":
        return union(arch, _cervical(p, q, name, level, height, spacing), 0.003), canal
    reach = spacing / 2
    if region == "l":
        upper = pillar + np.array([0.0035, 0.0015, reach * 0.80])
        lower = pillar + np.array([-0.0050, 0.0070, -reach * 0.80])
        facet = 0.0040
    else:
        upper = pillar + np.array([0.0, -0.0020, reach * 0.72])
        lower = pillar + np.array([-0.0005, 0.0062, -reach * 0.72])
        facet = 0.0030
    arch = union(arch, capsule(q, pillar, upper, facet * 1.15, facet), 0.003)
    arch = union(arch, capsule(q, pillar + np.array([-0.001, 0.003, 0]), lower, facet * 1.15, facet), 0.003)

    tip_x = level.span / 2
    if region == "t":
        number = int(name[1:])
        tip = np.array([tip_x - 0.005, pillar[1] + (0.016 if number < 11 else 0.007), 0.006])
        arch = union(arch, capsule(q, pillar, tip, 0.0042, 0.0046), 0.003)
    else:
        tip = np.array([tip_x - 0.003, pillar[1] + 0.004, 0.002])
        arch = union(
            arch, capsule(q, pillar + np.array([0, -0.004, 0]), tip, 0.0034, 0.0026, flat=[0, 0, 0.8]), 0.003
        )

    start = np.array([0.0, middle[1] + cb + wall * 0.5, -0.10 * spacing])
    direction = np.array([0.0, np.cos(level.slope), -np.sin(level.slope)])
    stop = start + direction * level.spinous
    thick, high = {"t": (0.0032, 0.8), "l": (0.0036, 2.2)}[region]
    arch = union(arch, capsule(p, start, stop, thick, thick * 1.05, flat=[0, 0, high]), 0.004)
    return arch, canal


def _cervical(p: np.ndarray, q: np.ndarray, name: str, level: Level, height: float, spacing: float) -> Field:
    """Lateral masses, transverse processes with their foramina, uncinate and spinous process of C2 to C7.

    Facets lean 45 degrees, so that the masses of all levels stand on each other in two pillars.

    Args:
        p: (..., 3) points in the vertebra's frame, metres.
        q: The same with both sides folded to the right.
        name: ``c2`` to ``c7``.
        level: Its measures.
        height: Of its body.
        spacing: Of the levels about it.
    """
    b, cb = level.depth / 2, level.canal_depth / 2
    behind = b * 0.86 + 2 * cb
    centre = np.array([level.canal_width / 2 + 0.0060, b * 0.86 + 0.0055, 0.0])
    local = q - centre.astype(np.float32)
    column = (1 - np.hypot(local[..., 0] / 0.0062, local[..., 1] / 0.0078)) * 0.0062
    facets = 0.707 * (spacing / 2 - np.abs(local[..., 2] + local[..., 1])) - 0.0009
    solid = intersection(column, facets, 0.002)
    if name == "c2":
        # C1 stands on its shoulders, not on facets behind them.
        solid = intersection(solid, 0.5 * height - 0.005 - q[..., 2], 0.003)
    tip = np.array([level.span / 2 - 0.003, b * 0.62, -0.0025])
    ahead, astern = [level.width / 2 * 0.85, 0.05 * b, 0.0], centre + np.array([0.001, -0.004, -0.001])
    for start in (ahead, astern):
        solid = union(solid, capsule(q, start, tip, 0.0021, 0.0030), 0.002)
    if name == "c2":
        shoulder = ellipsoid(q, [0.0150, 0.0015, height / 2 - 0.0035], [0.0090, 0.0085, 0.0052])
        solid = union(solid, shoulder, 0.004)
    else:
        lip = np.array([level.width / 2 - 0.0016, 0.15 * b, height / 2 - 0.001])
        along = np.array([0.0, 0.42 * b, 0.0])
        solid = union(solid, capsule(q, lip - along, lip + along + [0, 0, 0.0022], 0.0013, 0.0017), 0.003)
    start = np.array([0.0, behind + 0.0010, -0.10 * spacing])
    direction = np.array([0.0, np.cos(level.slope), -np.sin(level.slope)])
    stop = start + direction * level.spinous
    solid = union(solid, capsule(p, start, stop, 0.0030, 0.0024, flat=[0, 0, 0.8]), 0.004)
    if name == "c7":
        return union(solid, ellipsoid(p, stop, [0.0042, 0.0045, 0.0055]), 0.003)
    fork = stop + np.array([0.0040, 0.0025, -0.0020])
    return union(solid, capsule(q, stop - 0.004 * direction, fork, 0.0024, 0.0022), 0.003)


def vertebra(name: str, path: np.ndarray, voxel: float = 0.0007) -> DistanceField:
    """Distance field of one vertebra in the source's space.

    Args:
        name: ``c2`` to ``l5``.
        path: (23, 3) centres of the bodies, metres.
        voxel: Grid edge, metres.
    """
    index = LEVELS.index(name)
    level = Level.of(name)
    height, spacing = _height(path, index)
    margin = np.array([level.span / 2 + 0.008, 0.0, 0.0])
    depth = level.depth / 2 + level.canal_depth + level.spinous + 0.016
    low = (
        path[index]
        - margin
        - [0, level.depth / 2 + 0.008, 0.5 * spacing + level.spinous * np.sin(level.slope) + 0.024]
    )
    high = path[index] + margin + np.array([0, depth, 0.5 * spacing + 0.024])
    grid = Grid(low, high, voxel)
    p = grid.local(path[index], frame(path, index))
    solid = _body(p, level, height)
    arch, canal = _arch(p, name, level, height, spacing)
    solid = union(solid, arch, 0.003)
    solid = without(solid, canal, 0.001)
    if name == "c2":
        top = height / 2
        dens = union(
            capsule(p, [0, -0.001, 0], [0, -0.001, top + 0.011], 0.0052, 0.0048),
            ellipsoid(p, [0, -0.001, top + 0.011], [0.0052, 0.0050, 0.0065]),
            0.002,
        )
        solid = union(solid, dens, 0.003)
    return grid.field(solid)


def _height(path: np.ndarray, index: int) -> tuple[float, float]:
    """Height of a vertebra's body and the spacing of the levels about it, metres."""
    gaps = [np.linalg.norm(path[index] - path[i]) for i in (index - 1, index + 1) if 0 <= i < len(path)]
    spacing = float(np.mean(gaps))
    return max(spacing - Level.of(LEVELS[index]).disc, 0.55 * spacing), spacing


def atlas_height(path: np.ndarray) -> float:
    """How far the middle of C1 lies above the centre of C2's body, metres."""
    return _height(path, 0)[0] / 2 + 0.0095


def atlas(path: np.ndarray, voxel: float = 0.0006) -> DistanceField:
    """C1: a ring about the dens and the cord, two lateral masses, transverse processes with their foramina.

    Widths after Doherty & Heggeness, "The quantitative anatomy of the atlas" (Spine 1994): 78 mm across, canal 32 mm long,
    2 mm between the anterior arch and the dens.

    Args:
        path: (23, 3) centres of the bodies C2 to L5, metres.
        voxel: Grid edge, metres.
    """
    centre = path[0] + atlas_height(path) * frame(path, 0)[2]
    axes = np.eye(3)  # level, whatever the tilt of C2
    reach = np.array([0.043, 0.045, 0.022])
    grid = Grid(centre - reach, centre + reach, voxel)
    p = grid.local(centre, axes)
    q = p.copy()
    q[..., 0] = np.abs(q[..., 0])
    mass = ellipsoid(q, [0.0195, -0.0005, 0.0], [0.0085, 0.0105, 0.0088])
    # Hollow facets for the condyles above and flat ones for C2 below.
    mass = intersection(mass, 0.0058 + 0.22 * (q[..., 0] - 0.0195) - p[..., 2], 0.002)
    mass = intersection(mass, 0.0062 + 0.30 * (0.0195 - q[..., 0]) + p[..., 2], 0.002)
    # Both arches are bows of evenly thick bone: half ellipses about the middle of the ring.
    turn = np.linspace(0.0, 1.05, 9)
    front = np.stack([0.0185 * np.sin(turn), -0.0005 - 0.0118 * np.cos(turn), 0 * turn], axis=1)
    turn = np.linspace(0.0, 1.30, 11)
    back = np.stack([0.0200 * np.sin(turn), 0.0030 + 0.0255 * np.cos(turn), 0 * turn], axis=1)
    tall = np.array([1.0, 1.0, 0.62], dtype=np.float32)
    solid = union(mass, tube(q * tall, front, np.full(len(front), 0.0028)), 0.004)
    solid = union(solid, tube(q * tall, back, np.full(len(back), 0.0027)), 0.004)
    solid = union(solid, ellipsoid(p, [0, -0.0145, -0.0005], [0.0045, 0.0030, 0.0042]), 0.003)
    solid = union(solid, ellipsoid(p, [0, 0.0305, 0.0], [0.0035, 0.0035, 0.0045]), 0.003)
    tip = np.array([0.0362, 0.0030, -0.0012])
    for start in ([0.0250, -0.0055, -0.0010], [0.0250, 0.0080, -0.0005]):
        solid = union(solid, capsule(q, start, tip, 0.0024, 0.0030), 0.0025)
    return grid.field(solid)


def sculpt(meshes: dict[str, trimesh.Trimesh], origins: dict[str, np.ndarray], wanted=None):
    """The vertebrae C1 to L5; see ``maskel_core.anatomy.construction.sculpt``."""
    from maskel_core.anatomy.construction.sculpt import shell

    path = centres(meshes)
    solids = {}
    if wanted is None or "c1" in wanted:
        solids["c1"] = shell("c1", atlas(path), faces=1700, cortex=0.0009)
    for name in LEVELS:
        if wanted is not None and name not in wanted:
            continue
        faces = {"c": 1700, "t": 1500, "l": 1900}[name[0]]
        cortex = {"c": 0.0008, "t": 0.0007, "l": 0.0008}[name[0]]
        solids[name] = shell(name, vertebra(name, path), faces=faces, cortex=cortex)
    return solids
