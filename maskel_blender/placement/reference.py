"""Image Empties: a reference picture of their own, or the plane's double for solid shading, which shows no pictures on meshes."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ..marks import ROLE_EMPTY, ROLE_KEY, ROLE_REFERENCE
from .frame import Frame

OVER = 0.002
"""Share of the depth by which the double lies before the plane, whose depth would hide it."""


def new_empty(collection: bpy.types.Collection, name: str, role: str) -> bpy.types.Object:
    """An Empty that shows an image; it is never rendered."""
    empty = bpy.data.objects.new(name, None)
    empty[ROLE_KEY] = role
    collection.objects.link(empty)
    # before the character it would catch the clicks meant for bones
    empty.hide_select = True
    empty.empty_display_type = "IMAGE"
    empty.empty_display_size = 1.0
    empty.empty_image_offset = (-0.5, -0.5)
    empty.empty_image_side = "DOUBLE_SIDED"
    empty.use_empty_image_alpha = True
    return empty


def new_reference(collection: bpy.types.Collection, name: str) -> bpy.types.Object:
    """An Empty that stands for itself."""
    return new_empty(collection, name, ROLE_EMPTY)


def lay_reference(empty: bpy.types.Object, frame: Frame, where: str) -> None:
    """Register an Empty to the camera; its image must be set."""
    corners = frame.corners(frame.depth(where))
    empty.parent = None
    empty.matrix_world = Matrix(frame.view.camera_to_world.tolist()) @ _over(empty.data, corners, np.zeros(3))


def double_of(plane: bpy.types.Object) -> bpy.types.Object | None:
    """The plane's double, if the user has not deleted it."""
    return next((item for item in plane.children if item.get(ROLE_KEY) == ROLE_REFERENCE), None)


def lay_double(
    collection: bpy.types.Collection,
    plane: bpy.types.Object,
    frame: Frame,
    where: str,
    image: bpy.types.Image,
) -> None:
    """Lay an Empty over the plane, or renew the one that lies there."""
    empty = double_of(plane)
    if empty is None:
        empty = new_empty(collection, f"{plane.name} (solid view)", ROLE_REFERENCE)
        empty.parent = plane
    empty.data = image
    depth = frame.depth(where)
    origin = frame.corners(depth).mean(axis=0)
    empty.matrix_parent_inverse = Matrix.Identity(4)
    empty.matrix_basis = _over(image, frame.corners(depth * (1.0 - OVER)), origin)


def show_empty(empty: bpy.types.Object, opacity: float, over: bool) -> None:
    """Opacity, and whether meshes may hide it."""
    empty.color = (*tuple(empty.color)[:3], opacity)
    empty.empty_image_depth = "FRONT" if over else "DEFAULT"


def _over(image: bpy.types.Image, corners: NDArray[np.float64], origin: NDArray[np.float64]) -> Matrix:
    """Where an image Empty of size 1 must be to cover a rectangle; Blender draws the image's longer side one unit long."""
    width, height = (float(side) for side in image.size)  # type: ignore[attr-defined]
    longer = max(width, height)
    across, upward = corners[1] - corners[0], corners[3] - corners[0]
    size = (np.linalg.norm(across) * longer / width, np.linalg.norm(upward) * longer / height, 1.0)
    shift = (corners.mean(axis=0) - origin).tolist()
    return Matrix.Translation(shift) @ Matrix.Diagonal((*size, 1.0))
