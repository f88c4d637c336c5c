"""The plane's double for solid shading, which shows no pictures on meshes but does show image Empties."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ..targets import ROLE_KEY

ROLE_REFERENCE = "xray_reference"


def place_reference(
    collection: bpy.types.Collection,
    plane: bpy.types.Object,
    corners: NDArray[np.float64],
    origin: NDArray[np.float64],
    image: bpy.types.Image,
) -> bpy.types.Object:
    """Lay an image Empty over the plane, or renew the one that lies there; it is never rendered.

    Args:
        collection: Where it belongs.
        plane: The mesh object, its parent.
        corners: (4, 3) where it shall lie, in camera space, metres: bottom left, bottom right, top right, top left.
        origin: (3,) of the plane in camera space, metres.
        image: What the plane shows.

    Returns:
        The Empty.

    """
    empty = next((item for item in plane.children if item.get(ROLE_KEY) == ROLE_REFERENCE), None)
    if empty is None:
        empty = bpy.data.objects.new(f"{plane.name} (solid view)", None)
        empty[ROLE_KEY] = ROLE_REFERENCE
        collection.objects.link(empty)
        empty.parent = plane
        empty.hide_select = True
        empty.empty_display_type = "IMAGE"
        empty.empty_display_size = 1.0
        empty.empty_image_offset = (-0.5, -0.5)
        empty.empty_image_side = "DOUBLE_SIDED"
        empty.use_empty_image_alpha = True
    empty.data = image
    width, height = (float(side) for side in image.size)  # type: ignore[attr-defined]
    across, upward = corners[1] - corners[0], corners[3] - corners[0]
    longer = max(width, height)
    # Blender draws the image's longer side one unit long
    size = (np.linalg.norm(across) * longer / width, np.linalg.norm(upward) * longer / height, 1.0)
    empty.matrix_parent_inverse = Matrix.Identity(4)
    shift = (corners.mean(axis=0) - origin).tolist()
    empty.matrix_basis = Matrix.Translation(shift) @ Matrix.Diagonal((*size, 1.0))
    return empty
