"""The image plane: a quadrilateral that fills the camera's picture at one depth, with the X-ray on it. Data API only."""

from __future__ import annotations

from dataclasses import dataclass, field

import bpy
import numpy as np
from mathutils import Matrix, Vector
from numpy.typing import NDArray

from ..silhouette.capture import Silhouette
from ..silhouette.view import CameraView
from ..targets import ROLE_KEY
from .material import image_material
from .reference import place_reference

COLLECTION = "MaSkel"
ROLE_PLANE = "xray_plane"
_OVER = 0.002
"""Share of the depth by which the double for solid shading lies before the plane, whose depth would hide it."""
NOTE = "Made by a model from a silhouette. Not for medical use"


@dataclass(frozen=True)
class PlaneRequest:
    """What a plane is made of.

    Args:
        view: The camera it is registered to.
        depth: Distance before the camera plane in metres.
        png: RGBA PNG that fills the camera's picture.
        target: Name of the character.
        provenance: Custom properties to set, without the prefix ``maskel_``.
    """

    view: CameraView
    depth: float
    png: bytes
    target: str
    provenance: dict[str, str | int | float] = field(default_factory=dict)


def depth_before(silhouette: Silhouette) -> float:
    """A depth just before the character's nearest point, so that the plane covers it in viewport and render.

    Being registered to the frustum, the plane shows the same picture at any depth.
    """
    margin = 0.01 * max(silhouette.farthest - silhouette.nearest, 0.01 * abs(silhouette.nearest), 1e-3)
    depth = silhouette.nearest - margin
    least = silhouette.view.clip_start
    return depth if depth > least * 1.001 else least * 1.001 + 1e-6


def place_plane(scene: bpy.types.Scene, request: PlaneRequest) -> bpy.types.Object:
    """Make the plane, or renew the one of the same camera and character in place.

    Args:
        scene: Where its collection belongs.
        request: What to show, and where.

    Returns:
        The mesh object.

    """
    collection = _collection(scene)
    plane = next((item for item in collection.objects if _is_for(item, request)), None)
    name = f"X-ray {request.target} {request.view.camera}"
    if plane is None:
        plane = bpy.data.objects.new(name, bpy.data.meshes.new(name))
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
    corners = request.view.corners_at(request.depth)
    _shape(plane, corners, request.view)
    image = image_material(plane, name, request.png)
    over = request.view.corners_at(request.depth * (1.0 - _OVER))
    place_reference(collection, plane, over, corners.mean(axis=0), image)
    plane[ROLE_KEY] = ROLE_PLANE
    plane["maskel_camera"], plane["maskel_target"], plane["maskel_note"] = (
        request.view.camera,
        request.target,
        NOTE,
    )
    for key, value in request.provenance.items():
        plane[f"maskel_{key}"] = value
    return plane


def _is_for(item: bpy.types.Object, request: PlaneRequest) -> bool:
    return (
        item.get(ROLE_KEY) == ROLE_PLANE
        and item.type == "MESH"
        and item.get("maskel_camera") == request.view.camera
        and item.get("maskel_target") == request.target
    )


def _collection(scene: bpy.types.Scene) -> bpy.types.Collection:
    """The scene's own results collection; another scene of the file may have one of the same name."""
    for collection in scene.collection.children_recursive:
        if collection.get(ROLE_KEY) == "results":
            return collection
    collection = bpy.data.collections.new(COLLECTION)
    collection[ROLE_KEY] = "results"
    scene.collection.children.link(collection)
    return collection


def _shape(plane: bpy.types.Object, corners: NDArray[np.float64], view: CameraView) -> None:
    """Corners in camera space become a mesh around its own middle, facing the camera, first corner at UV (0, 0)."""
    middle = corners.mean(axis=0)
    mesh = plane.data
    mesh.clear_geometry()
    mesh.from_pydata((corners - middle).tolist(), [], [(0, 1, 2, 3)])
    layer = mesh.uv_layers.get("UVMap") or mesh.uv_layers.new(name="UVMap", do_init=False)
    layer.data.foreach_set("uv", [0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    mesh.update()
    plane.parent = None
    plane.matrix_world = Matrix(view.camera_to_world.tolist()) @ Matrix.Translation(Vector(middle))
