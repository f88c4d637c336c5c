"""Scapula and humerus: a whole blade, a round head, and a socket that faces it across the joint's cartilage.

The space between head and socket in a radiograph is about 3 to 5 mm (Petersson & Redlund-Johnell, Acta Orthop. Scand. 1983).
"""

from __future__ import annotations

import numpy as np
from maskel_core.anatomy.construction.remesh import distance_field
from maskel_core.anatomy.construction.sculpt.primitives import Grid, capsule, sphere, union, without
from maskel_core.anatomy.construction.sculpt.smooth import rounded, smoothed
from maskel_core.anatomy.construction.sculpt.solid import Solid
from scipy import ndimage
from scipy.spatial import cKDTree

HEAD_RADIUS = 0.0235
"""Radius of the source adult's humeral head, metres."""
JOINT_SPACE = 0.0038
"""Between the two bones, both cartilages included, metres."""


def scapula(mesh, head: np.ndarray, voxel: float = 0.0006) -> Solid:
    """Shoulder blade.

    Args:
        mesh: The source's; its blade is a sheet with gaps between its two sides.
        head: (3,) centre of the humeral head, metres.
        voxel: Grid edge, metres.
    """
    from maskel_core.anatomy.construction.sculpt import shell

    mesh = rounded(mesh, true_size=True)
    field = distance_field(mesh, voxel, 14)
    grid = Grid.like(field)
    samples, _ = mesh.sample(400_000, return_index=True, seed=0)
    band = np.argwhere((field.values > -0.003) & (field.values < 0.002))
    reach = cKDTree(samples).query(band * voxel + field.origin, distance_upper_bound=0.004)[0]
    sheet = np.full(field.values.shape, -0.004, np.float32)
    sheet[tuple(band.T)] = 0.0009 - np.minimum(reach, 0.004)
    values = ndimage.gaussian_filter(np.maximum(field.values, sheet), 0.9)

    points = np.asarray(mesh.vertices)
    lateral = points[np.abs(points[:, 2] - head[2]) < 0.018]
    rim = lateral[np.linalg.norm(lateral - head, axis=1).argsort()[:12]].mean(0)
    out = (rim - head) / np.linalg.norm(rim - head)
    up = np.array([0.0, 0.0, 1.0]) - out[2] * out
    up /= np.linalg.norm(up)
    local = grid.local(rim, np.stack([out, np.cross(out, up), up]))
    radii = np.array([0.0065, 0.0125, 0.0180], np.float32)
    pad = (1 - np.linalg.norm(local / radii, axis=-1)) * radii.min()
    values = union(values, pad.astype(np.float32), 0.004)
    values = without(values, sphere(grid.points, head, HEAD_RADIUS + JOINT_SPACE), 0.001)
    return shell("scapula", grid.field(values), faces=4200)


def humerus(mesh, head: np.ndarray, voxel: float = 0.0010) -> Solid:
    """Upper arm bone with a round head about its joint centre (3,), metres."""
    from maskel_core.anatomy.construction.sculpt import shell

    field = smoothed(mesh, voxel, 0.0014, 8, true_size=True)
    grid = Grid.like(field)
    values = union(field.values, sphere(grid.points, head, HEAD_RADIUS), 0.003)
    greater = np.array([[-0.0165, 0.003, 0.004], [-0.0010, 0.000, -0.058]]) + head
    lesser = np.array([[-0.0020, -0.0175, -0.004], [0.0, 0.0, -0.050]]) + head
    values = union(values, capsule(grid.points, greater[0], greater[1], 0.0105, 0.0080), 0.006)
    values = union(values, capsule(grid.points, lesser[0], lesser[1], 0.0080, 0.0070), 0.006)
    return shell("humerus", grid.field(values), faces=4600)


def sculpt(meshes, origins, wanted=None) -> dict[str, Solid]:
    """Scapula and humerus; see ``maskel_core.anatomy.construction.sculpt``."""
    makers = {"scapula": scapula, "humerus": humerus}
    head = np.asarray(origins["humerus_r"])
    return {n: make(meshes[n], head) for n, make in makers.items() if wanted is None or n in wanted}
