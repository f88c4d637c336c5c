"""What shows a sequence: a plane or an Empty, keyed at each frame where the camera stood then, or a background of the camera.

The image whose files are the frames is what stays when a sequence is shown otherwise than before.
"""

from __future__ import annotations

from collections.abc import Mapping

import bpy
from mathutils import Matrix

from ..marks import ROLE_KEY, ROLE_REFERENCE, ROLE_SEQUENCE
from ..placement import background, visibility
from ..placement.frame import Frame
from ..placement.look import DEFAULT_LOOK, Look
from ..placement.material import give_material, set_opacity
from ..placement.plane import new_plane, set_corners
from ..placement.reference import OVER, double_of, new_empty, show_empty
from ..placement.removal import delete_object
from ..placement.roles import PICTURE, find_collection, results_collection, role, slots_of
from ..placement.state import write_look
from .files import SequenceFiles
from .keys import delete_keys, set_keys
from .player import load, play
from .pose import fit, nearer, square

_SQUARE = ((-0.5, -0.5, 0.0), (0.5, -0.5, 0.0), (0.5, 0.5, 0.0), (-0.5, 0.5, 0.0))
_TYPES = {"PLANE": "MESH", "EMPTY": "EMPTY"}


def place_sequence(
    scene: bpy.types.Scene,
    target: str,
    camera: str,
    files: SequenceFiles,
    views: Mapping[int, Frame],
    provenance: Mapping[str, str | int | float],
    look: Look = DEFAULT_LOOK,
) -> bpy.types.Object:
    """Show the sequence of a camera and character, or renew the one there is; shown otherwise than before, it takes its place.

    Args:
        scene: Where it belongs.
        target: Name of the character.
        camera: Name of the camera.
        files: Pictures on disk, one for every frame; for a background, of the whole of the camera's frame.
        views: Where the camera stood, by frame; at least one.
        provenance: Custom properties to set, without the prefix ``maskel_``.
        look: How it is shown.

    Returns:
        Plane or Empty; of a background the camera.

    Raises:
        MaskelError: ``cannot_write``, or those of `background_camera`, which leave all as it was.

    """
    owner = background.background_camera(scene, camera) if look.placement == "BACKGROUND" else None
    name = f"X-ray {target} {camera} frames"
    values = {"camera": camera, "target": target} | dict(provenance)
    old = _objects(scene, target, camera)
    image = load(name, files, _image(scene, old, target, camera))
    _tell(image, values)
    if owner is not None:
        shown = owner
        background.lay_background(owner, image)
        for _, slot in slots_of(image):
            play(slot.image_user, files, scene.frame_current)
        for item in old:
            _delete(item)
        background.show_background(image, look)
    else:
        background.remove_background(image)
        shown = _object(scene, old, image, look)
        if shown.type == "MESH":
            _dress_plane(scene, shown, image, files, views, look)
        else:
            _dress_empty(shown, image, files, views, look, scene.frame_current)
        _tell(shown, values)
    write_look(image.maskel.look, look)
    visibility.only_in_camera(image, scene.camera.name if scene.camera is not None else "")
    visibility.enforce(image)
    return shown


def _is_for(item: bpy.types.ID | None, target: str, camera: str) -> bool:
    return (
        item is not None
        and role(item) == ROLE_SEQUENCE
        and item.library is None
        and item.get("maskel_camera") == camera
        and item.get("maskel_target") == target
    )


def _objects(scene: bpy.types.Scene, target: str, camera: str) -> list[bpy.types.Object]:
    collection = find_collection(scene)
    objects = collection.objects if collection is not None else ()
    return [item for item in objects if _is_for(item, target, camera)]


def _image(
    scene: bpy.types.Scene, old: list[bpy.types.Object], target: str, camera: str
) -> bpy.types.Image | None:
    """The image that shows the sequence so far; else one that is left over because the user has deleted what showed it."""
    for item in old:
        # files of older versions have no pointer to it
        double = double_of(item)
        image = item.get(PICTURE) or (double.data if double is not None else None)
        if image is not None:
            return image
    owner = scene.objects.get(camera)
    shown: list[bpy.types.Image] = []
    if owner is not None and owner.type == "CAMERA":
        shown = [slot.image for slot in owner.data.background_images if _is_for(slot.image, target, camera)]
    left = [image for image in bpy.data.images if image.users == 0 and _is_for(image, target, camera)]
    return next(iter((*shown, *left)), None)


def _object(
    scene: bpy.types.Scene, old: list[bpy.types.Object], image: bpy.types.Image, look: Look
) -> bpy.types.Object:
    """The object of the wanted kind; one of another kind gives it its place."""
    wanted = _TYPES[look.placement]
    made = next((item for item in old if item.type == wanted), None)
    others = [item for item in old if item.type != wanted]
    if made is None:
        collection = results_collection(scene)
        name = others[0].name if others else image.name
        if wanted == "MESH":
            made = new_plane(collection, name)
            set_corners(made.data, _SQUARE)
        else:
            made = new_empty(collection, name, ROLE_SEQUENCE)
        made[ROLE_KEY] = ROLE_SEQUENCE
        made.rotation_mode = "QUATERNION"
        for item in others:
            visibility.copy_hiding(item, made)
            _delete(item)
        made.name = name
    else:
        for item in others:
            _delete(item)
    made[PICTURE] = image
    return made


def _dress_plane(
    scene: bpy.types.Scene,
    plane: bpy.types.Object,
    image: bpy.types.Image,
    files: SequenceFiles,
    views: Mapping[int, Frame],
    look: Look,
) -> None:
    node = give_material(plane, plane.name, image)
    if node is not None:
        node.image = image
        play(node.image_user, files, scene.frame_current)
    double = double_of(plane)
    if double is None:
        double = new_empty(results_collection(scene), f"{plane.name} (solid view)", ROLE_REFERENCE)
        double.parent = plane
    double.data = image
    play(double.image_user, files, scene.frame_current)
    first = min(views)
    # a hair nearer, for solid shading; its parent's keys move it too
    matrix = nearer(views[first], OVER, look.depth) @ fit(*files.size(first))
    double.matrix_parent_inverse = Matrix.Identity(4)
    double.matrix_basis = Matrix(matrix.tolist())
    plane.show_in_front = look.over
    set_opacity(plane, look.opacity)
    show_empty(double, look.opacity, look.over)
    poses = {frame: square(view, look.depth) for frame, view in views.items()}
    set_keys(plane, poses, scene.frame_current)


def _dress_empty(
    empty: bpy.types.Object,
    image: bpy.types.Image,
    files: SequenceFiles,
    views: Mapping[int, Frame],
    look: Look,
    current: int,
) -> None:
    empty.data = image
    play(empty.image_user, files, current)
    show_empty(empty, look.opacity, look.over)
    sizes: dict[tuple[int, int], tuple[int, int]] = {}
    poses = {}
    for frame, view in views.items():
        picture = view.view.picture
        part = (picture.width, picture.height)
        if part not in sizes:
            # one file says it for all of the same part of the render
            sizes[part] = files.size(frame)
        poses[frame] = square(view, look.depth) @ fit(*sizes[part])
    set_keys(empty, poses, current)


def _tell(item: bpy.types.ID, values: Mapping[str, str | int | float]) -> None:
    for key, value in values.items():
        item[f"maskel_{key}"] = value


def _delete(item: bpy.types.Object) -> None:
    action = item.animation_data.action if item.animation_data is not None else None
    delete_object(item)
    delete_keys(action)
