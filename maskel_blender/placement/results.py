"""Results in the file: made, replaced in place or kept as versions, shown by plane, Empty or background, restyled, deleted.

A result is its picture, an image with the provenance on it. Everything else follows: the image it is painted from, the object or
background that shows it, the settings in its property group.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import bpy

from ..client.png import decode_rgba, encode_png
from ..errors import MaskelError
from ..provenance import as_text
from ..style import layers as layer_files
from ..style.paint import paint
from ..targets import ROLE_KEY
from . import background, plane, reference, visibility
from .frame import Frame
from .images import new_image, png_of, set_png
from .look import Look
from .material import give_material, is_ours, set_opacity
from .picture import in_full_frame
from .roles import (
    PICTURE,
    ROLE_EMPTY,
    ROLE_GREY,
    ROLE_LAYERS,
    ROLE_PICTURE,
    ROLE_PLANE,
    SOURCE,
    is_picture,
    placed_objects,
    results_collection,
    role,
    slots_of,
)
from .state import quietly, read_look, write_look

FRAME = "maskel_view"
NUMBER = "maskel_number"
_PAINTED = "maskel_painted"
_LAID = "maskel_laid"
_NOT_TOLD = (ROLE_KEY, FRAME, _PAINTED, "maskel_hidden", "maskel_hid")
"""On the picture, and no part of the provenance."""


@dataclass(frozen=True)
class Made:
    """What a server has made of a silhouette.

    Args:
        frame: Where it belongs.
        target: Name of the character.
        source_png: File of `style.layers.encode`, or an RGBA picture if there are no layers.
        has_layers: Which of the two.
        style: Style that was asked for.
        provenance: Custom properties to set, without the prefix ``maskel_``.
    """

    frame: Frame
    target: str
    source_png: bytes
    has_layers: bool
    style: str
    provenance: Mapping[str, str | int | float]


def all_results() -> list[bpy.types.Image]:
    """Pictures that something shows, newest first."""
    found = [image for image in bpy.data.images if is_picture(image) and is_placed(image)]
    return sorted(found, key=lambda image: str(image.get("maskel_time", "")), reverse=True)


def is_placed(image: bpy.types.Image) -> bool:
    """Whether an object or a camera's background shows it, be that hidden or not."""
    return any(True for _ in slots_of(image)) or any(item.users_scene for item in placed_objects(image))


def versions(image: bpy.types.Image) -> list[bpy.types.Image]:
    """A result and all others of the same scene, camera and character, oldest first."""
    key = _key(image)
    return sorted(
        (other for other in all_results() if _key(other) == key and other.library == image.library),
        key=lambda other: int(other.get(NUMBER, 1)),
    )


def placement_of(image: bpy.types.Image) -> str:
    """How a result is placed in fact; "" if it is not."""
    for item in placed_objects(image):
        return "PLANE" if role(item) == ROLE_PLANE else "EMPTY"
    return "BACKGROUND" if any(True for _ in slots_of(image)) else ""


def add(
    scene: bpy.types.Scene, made: Made, look: Look, placement: str | None = None, keep: bool = False
) -> bpy.types.Object:
    """Show a result in a scene.

    Args:
        scene: Where it belongs.
        made: What to show.
        look: How, unless it replaces another, whose look stays.
        placement: Wins over either.
        keep: Keep the last result of the same camera and character as an older, hidden version; else renew it in place.

    Returns:
        Plane or Empty; of a background the camera.

    Raises:
        MaskelError: See `background_camera`.

    """
    before = _latest(scene, made)
    if before is not None:
        look = read_look(before.maskel.look)
    if placement is not None:
        look = replace(look, placement=placement)
    if look.placement == "BACKGROUND":
        # asked first: a refusal must leave nothing behind
        background.background_camera(scene, made.frame.view.camera)
    number = int(before.get(NUMBER, 1)) + 1 if before is not None and keep else 1
    if before is None or keep:
        name = f"X-ray {made.target} {made.frame.view.camera}" + (f" v{number}" if number > 1 else "")
        image = new_image(name, made.source_png)
        image[SOURCE] = new_image(f"{name} layers", made.source_png, "Non-Color")
        image[NUMBER] = number
    else:
        image = before
        set_png(image[SOURCE], made.source_png)
    image[ROLE_KEY] = ROLE_PICTURE
    image[SOURCE][ROLE_KEY] = ROLE_LAYERS if made.has_layers else ROLE_GREY
    image[FRAME] = made.frame.to_json()
    for key in ("maskel_familiarity", _PAINTED):
        if key in image:
            del image[key]
    for key, value in made.provenance.items():
        image[f"maskel_{key}"] = value
        image[SOURCE][f"maskel_{key}"] = value
    write_look(image.maskel.look, look)
    with quietly():
        image.maskel.style = made.style
    shown = apply(image, scene, lay=True)
    for other in versions(image):
        visibility.set_reason(other, visibility.OLDER, other != image)
    return shown


def apply(
    image: bpy.types.Image, scene: bpy.types.Scene | None = None, lay: bool = False
) -> bpy.types.Object:
    """Make picture and scene follow a result's settings.

    Args:
        image: The result.
        scene: Where it belongs; None = where it is.
        lay: Register it anew even where its depth did not change; else an object the user has moved stays there.

    Returns:
        What `add` returns.

    Raises:
        MaskelError: ``linked``, ``not_placed``, or those of `background_camera` and `png_of`.

    """
    if image.library is not None:
        raise MaskelError(
            "linked",
            f'"{image.name}" is linked from another file.',
            "Change it there, or make it local first.",
        )
    scene = scene or scene_of(image)
    if scene is None:
        raise MaskelError(
            "not_placed", f'No scene shows "{image.name}" any more.', "Generate the X-ray again."
        )
    look = read_look(image.maskel.look)
    frame = Frame.from_json(image[FRAME])
    camera = (
        background.background_camera(scene, frame.view.camera) if look.placement == "BACKGROUND" else None
    )
    _repaint(image, frame, look)
    if camera is not None:
        shown = camera
        old = placed_objects(image)
        background.lay_background(camera, image)
        for item in old:
            _delete(item)
        background.show_background(image, look)
    else:
        shown = _object(image, scene, look)
        background.remove_background(image)
        _dress(shown, image, scene, frame, look, lay)
    away = (
        look.only_camera
        and look.placement != "BACKGROUND"
        and scene.camera != scene.objects.get(frame.view.camera)
    )
    visibility.set_reason(image, visibility.CAMERA, away)
    visibility.enforce(image)
    return shown


def show_version(image: bpy.types.Image) -> None:
    """Show a result and hide the other versions of it."""
    for other in versions(image):
        visibility.set_reason(other, visibility.OLDER, other != image)


def delete(image: bpy.types.Image) -> None:
    """Delete a result, and show the newest version that is left if it was the one shown."""
    rest = [other for other in versions(image) if other != image]
    was_shown = visibility.OLDER not in visibility.reasons(image)
    for item in placed_objects(image):
        _delete(item)
    background.remove_background(image)
    source = image.get(SOURCE)
    bpy.data.images.remove(image)
    if source is not None and source.users == 0:
        bpy.data.images.remove(source)
    if rest and was_shown:
        show_version(rest[-1])


def scene_of(image: bpy.types.Image) -> bpy.types.Scene | None:
    """The scene that shows a result."""
    for item in placed_objects(image):
        if item.users_scene:
            return item.users_scene[0]
    cameras = {camera for camera, _ in slots_of(image)}
    for scene in bpy.data.scenes:
        camera = scene.objects.get(str(image.get("maskel_camera", "")))
        if camera is not None and camera.data in cameras:
            return scene
    return None


def has_layers(image: bpy.types.Image) -> bool:
    """Whether a result can be toned anew."""
    return role(image.get(SOURCE)) == ROLE_LAYERS


def _key(image: bpy.types.Image) -> tuple[str, str, str]:
    scene = scene_of(image)
    camera, target = str(image.get("maskel_camera", "")), str(image.get("maskel_target", ""))
    return scene.name if scene is not None else "", camera, target


def _latest(scene: bpy.types.Scene, made: Made) -> bpy.types.Image | None:
    key = (scene.name, made.frame.view.camera, made.target)
    found = [image for image in all_results() if image.library is None and _key(image) == key]
    return max(found, key=lambda image: int(image.get(NUMBER, 1)), default=None)


def _repaint(image: bpy.types.Image, frame: Frame, look: Look) -> None:
    """Paint the picture from its source, if anything of it has changed."""
    style = image.maskel.style
    whole = look.placement == "BACKGROUND" and frame.view.cropped
    wanted = repr((style, look.shown, look.bone_colour, look.soft_colour, whole))
    if image.get(_PAINTED) == wanted:
        return
    source = png_of(image[SOURCE])
    if has_layers(image):
        pixels = paint(layer_files.decode(source), style, look.shown, look.bone_colour, look.soft_colour)
        image["maskel_style"] = style
    else:
        pixels = decode_rgba(source)
    if whole:
        pixels = in_full_frame(pixels, frame.view.region, frame.view.frame_width, frame.view.frame_height)
    set_png(image, encode_png(pixels, level=1, text=as_text(dict(image.items()))))
    image[_PAINTED] = wanted


def _object(image: bpy.types.Image, scene: bpy.types.Scene, look: Look) -> bpy.types.Object:
    """The object of the wanted kind that shows a result; one of another kind gives it its place."""
    wanted = ROLE_PLANE if look.placement == "PLANE" else ROLE_EMPTY
    old = placed_objects(image)
    kept = next((item for item in old if role(item) == wanted), None)
    if kept is not None:
        return kept
    collection = results_collection(scene)
    name = old[0].name if old else image.name
    if wanted == ROLE_PLANE:
        made = plane.new_plane(collection, name)
        give_material(made, name, image)
    else:
        made = reference.new_reference(collection, name)
        made.data = image
    made[PICTURE] = image
    for item in old:
        visibility.copy_hiding(item, made)
        _delete(item)
    made.name = name
    return made


def _dress(
    item: bpy.types.Object,
    image: bpy.types.Image,
    scene: bpy.types.Scene,
    frame: Frame,
    look: Look,
    lay: bool,
) -> None:
    if lay or item.get(_LAID) != look.depth:
        if role(item) == ROLE_PLANE:
            plane.lay_plane(item, frame, look.depth)
            reference.lay_double(results_collection(scene), item, frame, look.depth, image)
        else:
            reference.lay_reference(item, frame, look.depth)
        item[_LAID] = look.depth
    if role(item) == ROLE_PLANE:
        item.show_in_front = look.over
        set_opacity(item, look.opacity)
        double = reference.double_of(item)
        if double is not None:
            reference.show_empty(double, look.opacity, look.over)
    else:
        reference.show_empty(item, look.opacity, look.over)
    for key, value in image.items():
        if key.startswith("maskel_") and key not in _NOT_TOLD and isinstance(value, str | int | float):
            item[key] = value
    if "maskel_familiarity" not in image and "maskel_familiarity" in item:
        del item["maskel_familiarity"]


def _delete(item: bpy.types.Object) -> None:
    """Delete an object of ours with what only it used."""
    double = reference.double_of(item) if role(item) == ROLE_PLANE else None
    mesh = item.data if item.type == "MESH" else None
    materials = [material for material in mesh.materials if material is not None] if mesh is not None else []
    if double is not None:
        bpy.data.objects.remove(double)
    bpy.data.objects.remove(item)
    if mesh is not None and mesh.users == 0:
        bpy.data.meshes.remove(mesh)
    for material in materials:
        if material.users == 0 and is_ours(material):
            bpy.data.materials.remove(material)
