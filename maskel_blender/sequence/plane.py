"""The plane that shows a sequence, keyed at each frame where the camera stood then.

Keys rather than drivers: the pictures are of the camera as it was, so the plane must stay there when the camera is animated
anew; keys need no scripts, survive linking and appending, and hold moves, lens, shift and depth alike.
"""

from __future__ import annotations

from collections.abc import Mapping

import bpy
import numpy as np
from mathutils import Matrix

from .. import compat
from ..marks import ROLE_KEY, ROLE_REFERENCE, ROLE_SEQUENCE
from ..placement.frame import Frame
from ..placement.look import DEFAULT_LOOK, Look
from ..placement.material import give_material, set_opacity
from ..placement.plane import new_plane, set_corners
from ..placement.reference import OVER, double_of, new_empty, show_empty
from ..placement.roles import results_collection, role
from .files import SequenceFiles
from .pose import nearer, square

_CURVES = {"location": 3, "rotation_quaternion": 4, "scale": 3}
_SQUARE = ((-0.5, -0.5, 0.0), (0.5, -0.5, 0.0), (0.5, 0.5, 0.0), (-0.5, 0.5, 0.0))


def place_sequence(
    scene: bpy.types.Scene,
    target: str,
    camera: str,
    files: SequenceFiles,
    views: Mapping[int, Frame],
    provenance: Mapping[str, str | int | float],
    look: Look = DEFAULT_LOOK,
) -> bpy.types.Object:
    """Make the plane of a camera and character, or renew the one there is.

    Args:
        scene: Where it belongs.
        target: Name of the character.
        camera: Name of the camera.
        files: Pictures on disk, one for every frame.
        views: Where the camera stood, by frame; at least one.
        provenance: Custom properties to set, without the prefix ``maskel_``.
        look: How it is shown; placement and the camera it is seen by do not count.

    Returns:
        The mesh object.

    """
    collection = results_collection(scene)
    plane = next((item for item in collection.objects if _is_for(item, target, camera)), None)
    name = f"X-ray {target} {camera} frames"
    if plane is None:
        plane = _new_plane(collection, name)
    image = _image(plane, name, files)
    node = give_material(plane, name, image)
    if node is not None:
        node.image = image
        _play(node.image_user, files)
    double = _double(collection, plane, image, views[min(views)], files, look.depth)
    plane.show_in_front = look.over
    set_opacity(plane, look.opacity)
    show_empty(double, look.opacity, look.over)
    _key(plane, views, scene.frame_current, look.depth)
    plane["maskel_camera"], plane["maskel_target"] = camera, target
    for key, value in provenance.items():
        plane[f"maskel_{key}"] = value
    return plane


def _is_for(item: bpy.types.Object, target: str, camera: str) -> bool:
    return (
        role(item) == ROLE_SEQUENCE
        and item.type == "MESH"
        and item.get("maskel_camera") == camera
        and item.get("maskel_target") == target
    )


def _new_plane(collection: bpy.types.Collection, name: str) -> bpy.types.Object:
    plane = new_plane(collection, name)
    plane[ROLE_KEY] = ROLE_SEQUENCE
    plane.rotation_mode = "QUATERNION"
    set_corners(plane.data, _SQUARE)
    return plane


def _image(plane: bpy.types.Object, name: str, files: SequenceFiles) -> bpy.types.Image:
    path = str(files.path(files.range.start))
    if bpy.data.filepath:
        try:
            path = bpy.path.relpath(path)
        except ValueError:
            # another drive
            path = str(files.path(files.range.start))
    double = double_of(plane)
    image = (
        double.data
        if double is not None and double.data is not None
        else bpy.data.images.load(path, check_existing=True)
    )
    image.name, image.filepath = name, path
    image.source = "SEQUENCE"
    image.alpha_mode = "STRAIGHT"
    image.colorspace_settings.name = "sRGB"
    image.reload()
    return image


def _play(user: bpy.types.ImageUser, files: SequenceFiles) -> None:
    user.frame_start, user.frame_offset = files.range.start, files.offset
    user.frame_duration = files.range.end - files.range.start + 1
    user.use_cyclic, user.use_auto_refresh = False, True


def _double(
    collection: bpy.types.Collection,
    plane: bpy.types.Object,
    image: bpy.types.Image,
    first: Frame,
    files: SequenceFiles,
    where: str,
) -> bpy.types.Object:
    """An image Empty a hair nearer, for solid shading; its parent's keys move it too."""
    empty = double_of(plane)
    if empty is None:
        empty = new_empty(collection, f"{plane.name} (solid view)", ROLE_REFERENCE)
        empty.parent = plane
    empty.data = image
    _play(empty.image_user, files)
    picture = first.view.picture
    longer = max(picture.width, picture.height)
    # Blender draws the image's longer side one unit long
    fit = Matrix.Diagonal((longer / picture.width, longer / picture.height, 1.0, 1.0))
    empty.matrix_parent_inverse = Matrix.Identity(4)
    empty.matrix_basis = Matrix(nearer(first, OVER, where).tolist()) @ fit
    return empty


def _key(plane: bpy.types.Object, views: Mapping[int, Frame], current: int, where: str) -> None:
    """Constant keys at each frame with a picture; between them the picture holds, and so does its place."""
    action = compat.new_action(plane, plane.name)
    frames = sorted(views)
    rows: dict[str, list[tuple[float, ...]]] = {path: [] for path in _CURVES}
    before = None
    for frame in frames:
        location, rotation, scale = Matrix(square(views[frame], where).tolist()).decompose()
        if before is not None:
            # the shorter way round, should the user make the keys flow
            rotation.make_compatible(before)
        before = rotation
        for path, value in zip(_CURVES, (location, rotation, scale), strict=True):
            rows[path].append(tuple(value))
    shown = max((i for i, frame in enumerate(frames) if frame <= current), default=0)
    for path, count in _CURVES.items():
        values = np.array(rows[path], np.float64)
        setattr(plane, path, rows[path][shown])
        for index in range(count):
            curve = compat.new_fcurve(action, plane, path, index)
            points = curve.keyframe_points
            points.add(len(frames))
            points.foreach_set("co", np.stack([frames, values[:, index]], axis=1).ravel())
            for point in points:
                point.interpolation = "CONSTANT"
            curve.update()
    plane.update_tag(refresh={"TIME"})
