"""Coarse meshes as smooth solids."""

from __future__ import annotations

import numpy as np
import trimesh
from maskel_core.anatomy.construction.remesh import DistanceField, distance_field
from maskel_core.anatomy.construction.sculpt.primitives import Field
from scipy import ndimage


def _closed(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """The mesh without stray and doubled triangles and with its small holes filled; as it is where that is not enough."""
    mesh = mesh.copy()
    mesh.merge_vertices()
    if mesh.is_watertight:
        return mesh
    clean = mesh.copy()
    clean.update_faces(clean.nondegenerate_faces())
    clean.update_faces(clean.unique_faces())
    largest = max(clean.split(only_watertight=False), key=lambda part: len(part.faces))
    largest.fill_holes()
    return largest if largest.is_watertight and len(largest.faces) > 0.9 * len(mesh.faces) else mesh


def smoothed(
    mesh: trimesh.Trimesh, voxel: float, blur: float, margin: int = 12, *, true_size: bool = False
) -> DistanceField:
    """A coarse mesh as a smooth solid: subdivided, and its distance blurred over ``blur`` metres without loss of volume.

    Args:
        mesh: Triangles, closed or nearly so.
        voxel: Grid edge, metres.
        blur: Standard deviation of the blur, metres.
        margin: Voxels kept free around the solid.
        true_size: Give back what subdivision shrinks: the extent along each axis and the volume of the coarse mesh.
    """
    closed = _closed(mesh)
    volume = None
    if closed.is_watertight:
        vertices, faces = trimesh.remesh.subdivide_loop(closed.vertices, closed.faces, 2)
        if true_size:
            low, high = vertices.min(0), vertices.max(0)
            vertices = (vertices - (low + high) / 2) * (closed.extents / (high - low)) + closed.bounds.mean(0)
            volume = abs(closed.volume)
        closed = trimesh.Trimesh(vertices, faces, process=False)
    field = distance_field(closed, voxel, margin)
    soft = ndimage.gaussian_filter(field.values, blur / voxel)
    # Blurring rounds convex edges off; a shift gives the lost volume back.
    outside = np.mean(field.values <= 0) if volume is None else 1 - volume / (field.values.size * voxel**3)
    shift = np.quantile(soft, outside)
    return DistanceField((soft - shift).astype(np.float32), field.origin, voxel)


def sample(field: DistanceField, points: np.ndarray) -> Field:
    """Values of a field at points (..., 3), outside its grid a distance that is surely outside."""
    places = np.moveaxis((points - field.origin.astype(np.float32)) / field.voxel, -1, 0)
    return ndimage.map_coordinates(field.values, places, order=1, mode="nearest").astype(np.float32)
