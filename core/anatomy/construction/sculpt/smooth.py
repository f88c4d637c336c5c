"""Coarse meshes as smooth solids."""

from __future__ import annotations

import numpy as np
import trimesh
from maskel_core.anatomy.construction.remesh import DistanceField, distance_field
from maskel_core.anatomy.construction.sculpt.primitives import Field
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

_SEAM = 0.0016
"""Points on either side of a seam of the source that lie nearer than this are one, metres."""


def _edges(mesh: trimesh.Trimesh) -> np.ndarray:
    """Directed edges (E, 2) that no triangle has the other way round."""
    there = {(int(a), int(b)) for a, b in mesh.edges}
    return np.array([(a, b) for a, b in there if (b, a) not in there], dtype=int).reshape(-1, 2)


def _welded(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """The mesh with the two sides of its open seams joined."""
    rim = np.unique(_edges(mesh))
    if len(rim) == 0:
        return mesh
    points = np.asarray(mesh.vertices)
    pairs = cKDTree(points[rim]).query_pairs(_SEAM, output_type="ndarray")
    link = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(rim), len(rim)))
    _, group = connected_components(link, directed=False)
    first = np.zeros(group.max() + 1, int)
    first[group[::-1]] = rim[::-1]
    renumber = np.arange(len(points))
    renumber[rim] = first[group]
    return trimesh.Trimesh(points, renumber[mesh.faces], process=False)


def _cleaned(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """Its largest piece, without degenerate and doubled triangles."""
    clean = mesh.copy()
    clean.update_faces(clean.nondegenerate_faces())
    clean.update_faces(clean.unique_faces())
    largest = max(clean.split(only_watertight=False), key=lambda part: len(part.faces))
    trimesh.repair.fix_winding(largest)
    return largest


def _capped(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """Its holes closed by a fan each."""
    edges = _edges(mesh)
    if len(edges) == 0:
        return mesh
    count = len(mesh.vertices)
    link = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(count, count))
    _, group = connected_components(link, directed=False)
    holes, hub = np.unique(group[edges[:, 0]], return_inverse=True)
    centres = [mesh.vertices[np.unique(edges[hub == i])].mean(0) for i in range(len(holes))]
    fan = np.stack([edges[:, 1], edges[:, 0], count + hub], axis=1)
    return trimesh.Trimesh(np.vstack([mesh.vertices, centres]), np.vstack([mesh.faces, fan]), process=False)


def _closed(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """The mesh without stray and doubled triangles, seams joined and holes filled; as it is where that is not enough."""
    mesh = mesh.copy()
    mesh.merge_vertices()
    if mesh.is_watertight:
        return mesh
    for attempt in (_cleaned(mesh), _cleaned(_welded(mesh)), _cleaned(_welded(_cleaned(mesh)))):
        whole = _capped(attempt)
        if whole.is_watertight and len(whole.faces) > 0.85 * len(mesh.faces):
            return whole
    return mesh


def rounded(mesh: trimesh.Trimesh, *, true_size: bool = False) -> trimesh.Trimesh:
    """A coarse mesh subdivided twice (Loop 1987); as it is where it cannot be closed.

    Args:
        mesh: Triangles, closed or nearly so.
        true_size: Give back the extent along each axis that subdivision takes.
    """
    closed = _closed(mesh)
    if not closed.is_watertight:
        return closed
    vertices, faces = trimesh.remesh.subdivide_loop(closed.vertices, closed.faces, 2)
    if true_size:
        low, high = vertices.min(0), vertices.max(0)
        vertices = (vertices - (low + high) / 2) * (closed.extents / (high - low)) + closed.bounds.mean(0)
    return trimesh.Trimesh(vertices, faces, process=False)


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
    closed = rounded(mesh, true_size=true_size)
    volume = abs(_closed(mesh).volume) if true_size and closed.is_watertight else None
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
