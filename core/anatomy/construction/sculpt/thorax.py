"""Ribs as curved rods with a marrow core, the sternum without its cartilages, and the costal cartilages.

A rib is about 13 mm tall and 7 mm thick with a cortex of 0.7 to 1 mm (Mohr et al., "Geometry of human ribs pertinent to
orthopedic chest-wall reconstruction", J. Biomech. 2007).
"""

from __future__ import annotations

import numpy as np
import trimesh
from maskel_core.anatomy.construction.remesh import DistanceField
from maskel_core.anatomy.construction.sculpt.primitives import Field, Grid, capsule, tube, union
from maskel_core.anatomy.construction.sculpt.smooth import smoothed
from maskel_core.anatomy.construction.sculpt.solid import Part, Solid
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

RIBS = tuple(f"rib{i}" for i in range(1, 13))


def centreline(mesh: trimesh.Trimesh, count: int = 15) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 3) along a right rib from the spine to its front end, and the direction (N, 3) in which it is tall."""
    points, edges = np.asarray(mesh.vertices), np.asarray(mesh.edges_unique)
    lengths = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    graph = coo_matrix((lengths, edges.T), shape=(len(points), len(points)))
    near_spine = points[:, 0] + 0.5 * points[:, 1]
    distance = dijkstra(graph, directed=False, indices=int(near_spine.argmax()))
    reached = np.isfinite(distance)
    points, distance = points[reached], distance[reached]
    levels = np.linspace(0, distance.max(), count)
    width = levels[1]
    path, tall = [], []
    for level in levels:
        share = np.exp(-(((distance - level) / (0.7 * width)) ** 2))
        path.append((points * share[:, None]).sum(0) / share.sum())
    path = ndimage.gaussian_filter1d(np.array(path), 0.8, axis=0, mode="nearest")
    tangents = np.gradient(path, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    for place, tangent, level in zip(path, tangents, levels, strict=True):
        share = np.exp(-(((distance - level) / width) ** 2))
        offset = points - place
        offset = offset - (offset @ tangent)[:, None] * tangent
        spread = np.linalg.eigh((offset * share[:, None]).T @ offset)[1][:, -1]
        tall.append(spread * np.sign(spread[2] or 1.0))
    tall = ndimage.gaussian_filter1d(np.array(tall), 1.5, axis=0, mode="nearest")
    return path, tall / np.linalg.norm(tall, axis=1, keepdims=True)


def rib(mesh: trimesh.Trimesh, joint: np.ndarray, voxel: float = 0.0006) -> tuple[DistanceField, np.ndarray]:
    """A rib from its head at the vertebra to its front end, and that end (3,).

    Args:
        mesh: The source's.
        joint: (3,) where the head meets the vertebral body, metres.
        voxel: Grid edge, metres.
    """
    path, tall = centreline(mesh)
    path = np.vstack([joint, 0.5 * (joint + path[1]), path[1:]])
    tall = np.vstack([tall[0], tall[0], tall[1:]])
    fine = np.linspace(0, len(path) - 1, 70)
    steps = np.arange(len(path))
    path = np.stack([np.interp(fine, steps, path[:, i]) for i in range(3)], axis=1)
    path = ndimage.gaussian_filter1d(path, 3.0, axis=0, mode="nearest")
    tall = np.stack([np.interp(fine, steps, tall[:, i]) for i in range(3)], axis=1)
    grid = Grid(path.min(0) - 0.012, path.max(0) + 0.012, voxel)
    solid: Field = np.full(grid.points.shape[:3], -0.006, np.float32)
    for i in range(len(path) - 1):
        neck = min(1.0, 0.55 + i / 28)
        thin = 0.0033 * (0.85 + 0.15 * neck)
        # The rod is tall by a factor; its neck is nearly round.
        near = grid.around(path[i : i + 2], 0.012)
        rod = capsule(grid.points[near], path[i], path[i + 1], thin, flat=tall[i] * (0.25 + 0.75 * neck))
        solid[near] = union(solid[near], rod)
    return grid.field(solid), path[-1]


def sternum(mesh: trimesh.Trimesh) -> DistanceField:
    """Manubrium, body and xiphoid process; the source's cartilages are cut off along their borders."""
    field = smoothed(mesh, 0.0008, 0.0012)
    x = np.abs(field.origin[0] + field.voxel * np.arange(field.values.shape[0]))
    z = field.origin[2] + field.voxel * np.arange(field.values.shape[2])
    middle = np.asarray(mesh.vertices)[np.abs(np.asarray(mesh.vertices)[:, 0]) < 0.015]
    top, bottom = middle[:, 2].max(), middle[:, 2].min()
    share = (top - z) / (top - bottom)
    half = (
        np.interp(share, [0, 0.16, 0.26, 0.31, 0.6, 0.82, 0.90, 1.0], [24, 27, 17, 15, 19, 16, 8, 4]) * 1e-3
    )
    limit = (half[None, None, :] - x[:, None, None]).astype(np.float32)
    h = np.maximum(0.004 - np.abs(field.values - limit), 0) / 0.004
    values = np.minimum(field.values, limit) - h * h * 0.001
    # Faint lines where the pieces of the breast bone have joined.
    joint = np.abs(share - 0.26) * (top - bottom)
    values = np.minimum(values, (joint - 0.0004)[None, None, :])
    return DistanceField(values.astype(np.float32), field.origin, field.voxel)


def cartilage(number: int, start: np.ndarray, stop: np.ndarray, voxel: float = 0.0010) -> DistanceField:
    """A costal cartilage: from the rib's end forwards and down, then up to the sternum or its neighbour."""
    sag = np.array([0.0, -0.004, -0.002 * min(number, 7)])
    steps = np.linspace(0, 1, 10)[:, None]
    path = (1 - steps) * start + steps * stop + 4 * steps * (1 - steps) * sag
    grid = Grid(path.min(0) - 0.010, path.max(0) + 0.010, voxel)
    return grid.field(tube(grid.points, path, np.linspace(0.0055, 0.0045, len(path)), 0.001))


def sculpt(meshes, origins, wanted=None):
    """Ribs, sternum and costal cartilages; see ``maskel_core.anatomy.construction.sculpt``."""
    from maskel_core.anatomy.construction.sculpt import shell
    from maskel_core.anatomy.construction.sculpt.spine import LEVELS, Level, centres

    names = {*RIBS, "sternum", *(f"costal_cartilage{i}" for i in range(1, 11))}
    if wanted is not None and not wanted & names:
        return {}
    path = centres(meshes)
    solids: dict[str, Solid] = {"sternum": shell("sternum", sternum(meshes["sternum"]), faces=2600)}
    ends = {}
    for number, name in enumerate(RIBS, 1):
        level = Level.of(f"t{number}")
        index = LEVELS.index(f"t{number}")
        above = path[index - 1] if 1 < number < 11 else path[index]
        height = 0.5 * (path[index] + above)
        joint = height + np.array([-level.width / 2 - 0.0035, 0.40 * level.depth, 0.0])
        field, ends[number] = rib(meshes[name], joint)
        solids[name] = shell(name, field, faces=1800, cortex=0.0008)
    middle = np.asarray(meshes["sternum"].vertices)
    middle = middle[np.abs(middle[:, 0]) < 0.015]
    top, bottom = middle[:, 2].max(), middle[:, 2].min()
    previous = None
    for number in range(1, 11):
        share = np.interp(number, [1, 2, 3, 7], [0.10, 0.27, 0.38, 0.82])
        z = top - share * (top - bottom)
        slab = middle[np.abs(middle[:, 2] - z) < 0.012]
        border = np.array([-0.0205 if number > 1 else -0.0285, slab[:, 1].mean(), z])
        if number > 7 and previous is not None:
            border = 0.45 * previous[0] + 0.55 * previous[1] + np.array([0, 0.001, -0.010])
        name = f"costal_cartilage{number}"
        field = cartilage(number, ends[number], border)
        solids[name] = Solid(name, (Part("outer", field, 400, "cartilage", "muscle"),))
        previous = (ends[number], border)
    return {n: s for n, s in solids.items() if wanted is None or n in wanted}
