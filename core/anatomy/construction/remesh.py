"""Closed, smooth, evenly meshed surfaces from the open, coarse or dense meshes of a source.

Everything goes through a winding-number volume: overlapping parts unite, small holes close, and offset surfaces (the inner
face of cortical bone, the cranial cavity) are level sets of the same distance field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import fast_simplification
import numpy as np
import trimesh
from scipy import ndimage
from skimage import measure


@dataclass(frozen=True)
class DistanceField:
    """Signed distance on a grid, positive inside.

    Args:
        values: float32 (X, Y, Z), metres.
        origin: Position of voxel (0, 0, 0), metres.
        voxel: Edge of a voxel, metres.
    """

    values: np.ndarray
    origin: np.ndarray
    voxel: float

    def within(self, half_width: float) -> DistanceField:
        """The part of the solid within ``half_width`` metres of the mid-sagittal plane x = 0."""
        x = self.origin[0] + self.voxel * np.arange(self.values.shape[0])
        limit = (half_width - np.abs(x)).astype(np.float32)
        return DistanceField(np.minimum(self.values, limit[:, None, None]), self.origin, self.voxel)

    def along(self) -> np.ndarray:
        """Place of every voxel along the solid's long axis, from its middle, metres, float32 (X, Y, Z)."""
        solid = np.argwhere(self.values > 0).astype(np.float32)
        centre = solid.mean(0)
        axis = np.linalg.svd(solid[:: max(1, len(solid) // 4000)] - centre, full_matrices=False)[2][0]
        reach = (solid - centre) @ axis
        middle = (reach.max() + reach.min()) / 2
        grid = np.stack(np.meshgrid(*(np.arange(n) for n in self.values.shape), indexing="ij"), -1)
        return (((grid - centre) @ axis - middle) * self.voxel).astype(np.float32)

    def extent(self) -> float:
        """Length along the long axis, metres."""
        return 2 * float(np.abs(self.along()[self.values > 0]).max())

    def surface(self, depth: float | np.ndarray, faces: int) -> trimesh.Trimesh | None:
        """The closed level set ``depth`` metres inside the surface, with about ``faces`` triangles.

        Returns None where the bone is nowhere that thick.
        """
        field = self.values - depth
        if field.max() <= self.voxel:
            return None
        padded = np.pad(field, 1, constant_values=-self.voxel)
        vertices, triangles, _, _ = measure.marching_cubes(padded, 0.0)
        mesh = trimesh.Trimesh((vertices - 1) * self.voxel + self.origin, triangles[:, ::-1])
        if mesh.volume < 0:
            mesh.invert()
        parts = [p for p in mesh.split(only_watertight=False) if abs(p.volume) > 60 * self.voxel**3]
        if not parts:
            return None
        mesh = cast(trimesh.Trimesh, trimesh.util.concatenate(parts))
        trimesh.smoothing.filter_taubin(mesh, iterations=8)
        for aggressiveness in (3, 2, 1):
            if len(mesh.faces) <= faces:
                break
            points, triangles = fast_simplification.simplify(
                mesh.vertices.astype(np.float32), mesh.faces, target_count=faces, agg=aggressiveness
            )
            if is_closed(triangles):
                return trimesh.Trimesh(points, triangles, process=False)
        return mesh


def is_closed(faces: np.ndarray) -> bool:
    """Whether every directed edge is met by its opposite, which is all that signed thickness needs; faces (F, 3)."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)
    low, high = edges.min(1), edges.max(1)
    balance = np.zeros(len(edges), np.int64)
    _, index = np.unique(low * (high.max() + 1) + high, return_inverse=True)
    np.add.at(balance, index, np.where(edges[:, 0] < edges[:, 1], 1, -1) * (edges[:, 0] != edges[:, 1]))
    return not balance.any()


def _winding_number(vertices: np.ndarray, faces: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Winding number at every voxel centre, from crossings counted along +Z; vertices in voxel units."""
    crossings = np.zeros((shape[0], shape[1], shape[2] + 1), np.float32)
    corners = vertices[faces] + np.array(
        [1.3e-4, 2.1e-4, 0.0]
    )  # off the grid, so that no edge meets a voxel centre
    for a, b, c in corners:
        low = np.ceil(np.minimum(np.minimum(a, b), c)[:2]).astype(int)
        high = np.floor(np.maximum(np.maximum(a, b), c)[:2]).astype(int)
        if (high < low).any():
            continue
        x, y = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1), indexing="ij")
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if area == 0:
            continue
        v = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / area
        w = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / area
        hit = (v >= 0) & (w >= 0) & (v + w <= 1)
        if not hit.any():
            continue
        z = np.ceil(a[2] + v[hit] * (b[2] - a[2]) + w[hit] * (c[2] - a[2])).astype(int)
        np.add.at(crossings, (x[hit], y[hit], np.clip(z, 0, shape[2])), -np.sign(area))
    return crossings.cumsum(2)[..., :-1]


def distance_field(mesh: trimesh.Trimesh, voxel: float, margin: int = 4) -> DistanceField:
    """Signed distance field of a mesh that need not be closed.

    Args:
        mesh: Triangles with outward normals; parts may overlap and small holes are bridged.
        voxel: Grid edge, metres.
        margin: Voxels of empty space kept around the mesh.
    """
    origin = mesh.bounds[0] - margin * voxel
    shape = tuple(np.ceil((mesh.bounds[1] - origin) / voxel).astype(int) + margin)
    points = (mesh.vertices - origin) / voxel
    votes = np.zeros(shape, np.float32)
    for axes in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        # Counting along three axes and taking the majority repairs the columns that leak through a hole.
        permuted = _winding_number(points[:, axes], mesh.faces, tuple(shape[a] for a in axes))
        votes += np.transpose(permuted > 0.5, np.argsort(axes))
    solid = ndimage.binary_fill_holes(votes >= 2)
    inside = ndimage.distance_transform_edt(solid)
    outside = ndimage.distance_transform_edt(~solid)
    signed = np.where(solid, inside - 0.5, 0.5 - outside).astype(np.float32)
    return DistanceField(ndimage.gaussian_filter(signed, 0.7) * voxel, origin, voxel)
