"""Cuts growing bones: the unfused end of a bone as cartilage, and the ossification centre within it.

By linearity of line integrals the growing bone is the grown one, less its end, plus the end as cartilage, plus a smaller end.
The cut surfaces share the bone's own triangles, so that what is taken away cancels to the last digit.
"""

from __future__ import annotations

import numpy as np
import trimesh
from maskel_core.anatomy.construction.sculpt.solid import Epiphysis, Part

_WELD = 1e-7


def beyond(mesh: trimesh.Trimesh, point: np.ndarray, normal: np.ndarray) -> trimesh.Trimesh | None:
    """The part of a closed mesh on the side of a plane that ``normal`` points to, closed by a fan in the plane.

    Args:
        mesh: Closed triangles.
        point: (3,) in the plane, metres.
        normal: (3,) unit vector.

    Returns:
        None where the mesh does not reach beyond the plane. The fan may fold over itself; signed thickness sums it rightly.
    """
    vertices, faces = trimesh.intersections.slice_faces_plane(
        np.asarray(mesh.vertices), np.asarray(mesh.faces), plane_normal=normal, plane_origin=point
    )[:2]
    if len(faces) < 4:
        return None
    # The cut makes new points once for each triangle that meets there.
    faces = _welded(vertices)[faces]
    faces = faces[(faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])]
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    reverse = {(int(b), int(a)) for a, b in edges}
    open_edges = np.array([(a, b) for a, b in edges.tolist() if (a, b) not in reverse], dtype=int)
    if len(open_edges) == 0:
        return None
    hub = vertices[open_edges[:, 0]].mean(0)
    fan = np.stack([open_edges[:, 1], open_edges[:, 0], np.full(len(open_edges), len(vertices))], axis=1)
    return trimesh.Trimesh(np.vstack([vertices, hub]), np.vstack([faces, fan]), process=False)


def _welded(vertices: np.ndarray) -> np.ndarray:
    """Index of the first vertex at each vertex's place, int (V,)."""
    _, first, inverse = np.unique(
        np.round(vertices / _WELD).astype(np.int64), axis=0, return_index=True, return_inverse=True
    )
    return first[inverse.ravel()]


def growth_parts(
    surfaces: list[tuple[Part, trimesh.Trimesh]], epiphyses: tuple[Epiphysis, ...]
) -> list[tuple[str, str, str, trimesh.Trimesh, Epiphysis]]:
    """What growth adds to a bone.

    Args:
        surfaces: The bone's parts that always exist, outer one first, with their closed meshes.
        epiphyses: Its growth plates.

    Returns:
        Kind (``plate`` or ``nucleus``), tissue inside, tissue outside, mesh and epiphysis of every piece.
    """
    out = []
    for epiphysis in epiphyses:
        half = 0.5 * epiphysis.thickness * epiphysis.normal
        for number, (part, mesh) in enumerate(surfaces):
            outside = "cartilage" if number == 0 else part.outside
            end = beyond(mesh, epiphysis.point - half, epiphysis.normal)
            core = beyond(mesh, epiphysis.point + half, epiphysis.normal)
            # Undoing a part swaps its tissues; the outer one leaves cartilage where the bone was.
            if end is not None:
                out.append(("plate", outside, part.inside, end, epiphysis))
            if core is not None:
                out.append(("nucleus", part.inside, outside, core, epiphysis))
    return out
