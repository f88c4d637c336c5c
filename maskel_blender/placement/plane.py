"""The image plane: a quadrilateral that fills the camera's picture at one depth, with the X-ray on it. Data API only."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
from mathutils import Matrix, Vector

from ..marks import ROLE_KEY, ROLE_PLANE
from .frame import Frame


def new_plane(collection: bpy.types.Collection, name: str) -> bpy.types.Object:
    """A mesh object without a face yet."""
    plane = bpy.data.objects.new(name, bpy.data.meshes.new(name))
    plane[ROLE_KEY] = ROLE_PLANE
    collection.objects.link(plane)
    # a plane before the character would catch the clicks meant for bones
    plane.hide_select = True
    # it is a picture, not a thing: it must neither shade nor light the scene
    for flag in (
        "visible_shadow",
        "visible_diffuse",
        "visible_glossy",
        "visible_transmission",
        "visible_volume_scatter",
    ):
        setattr(plane, flag, False)
    return plane


def lay_plane(plane: bpy.types.Object, frame: Frame, where: str) -> None:
    """Register the plane to the camera: around its own middle, facing it, first corner at UV (0, 0)."""
    corners = frame.corners(frame.depth(where))
    middle = corners.mean(axis=0)
    set_corners(plane.data, (corners - middle).tolist())
    plane.parent = None
    plane.matrix_world = Matrix(frame.view.camera_to_world.tolist()) @ Matrix.Translation(Vector(middle))


def set_corners(mesh: bpy.types.Mesh, corners: Sequence[Sequence[float]]) -> None:
    """Make a mesh one face of four corners, against the clock from UV (0, 0)."""
    mesh.clear_geometry()
    mesh.from_pydata(corners, [], [(0, 1, 2, 3)])
    layer = mesh.uv_layers.get("UVMap") or mesh.uv_layers.new(name="UVMap", do_init=False)
    layer.data.foreach_set("uv", [0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    mesh.update()
