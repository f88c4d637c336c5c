"""Results in the file: made, replaced in place or kept as versions, shown by plane, Empty or background, restyled, deleted.

A result is its picture, an image with the provenance on it. Everything else follows: the image it is painted from, the object or
background that shows it, the settings in its property group.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import bpy

from ..client.png import add_text, decode_rgba
from ..errors import MaskelError
from ..marks import ROLE_EMPTY, ROLE_GREY, ROLE_KEY, ROLE_LAYERS, ROLE_PICTURE, ROLE_PLANE
from ..provenance import as_text
from ..style import layers as layer_files
from . import background, plane, reference, visibility
from .frame import Frame
from .images import STAMP, new_image, png_of, set_png
from .look import Look
from .material import give_material, set_opacity
from .painting import Painted, paint_png, toning_of
from .removal import delete_object
from .roles import (
    PICTURE,
    SOURCE,
    placed_objects,
    results_collection,
    role,
    scenes_of_pictures,
    slots_of,
)
from .state import quietly, read_look, write_look

FRAME = "maskel_view"
NUMBER = "maskel_number"
_LAID = "maskel_laid"
_NOT_TOLD = (ROLE_KEY, FRAME, STAMP, "maskel_hidden", "maskel_hid")
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
        painted: Its picture, if it was painted already; of use where it has the toning that is wanted.
    """

    frame: Frame
    target: str
    source_png: bytes
    has_layers: bool
    style: str
    provenance: Mapping[str, str | int | float]
    painted: Painted | None = None


def all_results() -> list[bpy.types.Image]:
    """Pictures that something shows, newest first."""
    return sorted(scenes_of_pictures(), key=age, reverse=True)


def age(image: bpy.types.Image) -> tuple[str, int]:
    """Sorts results from the oldest to the newest."""
    return str(image.get("maskel_time", "")), int(image.get(NUMBER, 1))


def versions(image: bpy.types.Image) -> list[bpy.types.Image]:
    """A result and all others of the same scene, camera and character, oldest first."""
    scenes = scenes_of_pictures()
    key = _key(image, scenes.get(image))
    same = [
        other
        for other, scene in scenes.items()
        if _key(other, scene) == key and other.library == image.library
    ]
    return sorted(same, key=lambda other: int(other.get(NUMBER, 1)))


def latest(scene: bpy.types.Scene, camera: str, target: str) -> bpy.types.Image | None:
    """The newest result of a camera and character in a scene."""
    key = (scene.name_full, camera, target)
    found = [
        image
        for image, shown_in in scenes_of_pictures().items()
        if image.library is None and _key(image, shown_in) == key
    ]
    return max(found, key=lambda image: int(image.get(NUMBER, 1)), default=None)


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
    before = latest(scene, made.frame.view.camera, made.target)
    look = next_look(scene, made.frame.view.camera, made.target, look, placement)
    if look.placement == "BACKGROUND":
        # asked first: a refusal must leave nothing behind
        background.background_camera(scene, made.frame.view.camera)
    number = int(before.get(NUMBER, 1)) + 1 if before is not None and keep else 1
    if before is None or keep:
        image = _new_picture(made, number)
    else:
        image = before
        if image.get(SOURCE) is None:
            image[SOURCE] = new_image(f"{image.name} layers", made.source_png, "Non-Color")
        else:
            set_png(image[SOURCE], made.source_png)
    image[ROLE_KEY] = ROLE_PICTURE
    image[SOURCE][ROLE_KEY] = ROLE_LAYERS if made.has_layers else ROLE_GREY
    image[FRAME] = made.frame.to_json()
    for key in ("maskel_familiarity", STAMP):
        if key in image:
            del image[key]
    for key, value in made.provenance.items():
        image[f"maskel_{key}"] = value
        image[SOURCE][f"maskel_{key}"] = value
    write_look(image.maskel.look, look)
    with quietly():
        image.maskel.style = made.style
    shown = apply(image, scene, lay=True, painted=made.painted)
    for other in versions(image):
        visibility.set_reason(other, visibility.OLDER, other != image)
    return shown


def next_look(
    scene: bpy.types.Scene, camera: str, target: str, look: Look, placement: str | None = None
) -> Look:
    """How the next result of a camera and character is shown: as the last one, if there is one.

    Args:
        scene: Where it belongs.
        camera: Name of the camera.
        target: Name of the character.
        look: Of the first one.
        placement: Wins over either.

    """
    before = latest(scene, camera, target)
    if before is not None:
        look = read_look(before.maskel.look)
    return look if placement is None else replace(look, placement=placement)


def apply(
    image: bpy.types.Image,
    scene: bpy.types.Scene | None = None,
    lay: bool = False,
    painted: Painted | None = None,
) -> bpy.types.Object:
    """Make picture and scene follow a result's settings.

    Args:
        image: The result.
        scene: Where it belongs; None = where it is.
        lay: Register it anew even where its depth did not change; else an object the user has moved stays there.
        painted: Its picture, if it was painted already.

    Returns:
        What `add` returns.

    Raises:
        MaskelError: ``linked``, ``not_placed``, ``damaged``, or those of `background_camera` and `png_of`.

    """
    if image.library is not None:
        raise MaskelError(
            "linked",
            f'"{image.name}" is linked from another file.',
            "Change it there, or make it local first.",
        )
    scene = scene or scenes_of_pictures().get(image)
    if scene is None:
        raise MaskelError(
            "not_placed", f'No scene shows "{image.name}" any more.', "Generate the X-ray again."
        )
    look = read_look(image.maskel.look)
    frame = _frame(image)
    camera = (
        background.background_camera(scene, frame.view.camera) if look.placement == "BACKGROUND" else None
    )
    _repaint(image, frame, look, painted)
    if camera is not None:
        shown = camera
        old = placed_objects(image)
        background.lay_background(camera, image)
        for item in old:
            delete_object(item)
        background.show_background(image, look)
    else:
        shown = _object(image, scene, look)
        background.remove_background(image)
        _dress(shown, image, scene, frame, look, lay)
    visibility.only_in_camera(image, scene.camera.name if scene.camera is not None else "")
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
        delete_object(item)
    background.remove_background(image)
    remove_picture(image)
    if rest and was_shown:
        show_version(rest[-1])


def remove_picture(image: bpy.types.Image) -> None:
    """Remove a result's picture from the file, and what it is painted from where only it used that."""
    source = image.get(SOURCE)
    bpy.data.images.remove(image)
    if source is not None and source.users == 0:
        bpy.data.images.remove(source)


def has_layers(image: bpy.types.Image) -> bool:
    """Whether a result can be toned anew."""
    return role(image.get(SOURCE)) == ROLE_LAYERS


def _new_picture(made: Made, number: int) -> bpy.types.Image:
    name = f"X-ray {made.target} {made.frame.view.camera}" + (f" v{number}" if number > 1 else "")
    image = new_image(name, made.source_png)
    image[SOURCE] = new_image(f"{name} layers", made.source_png, "Non-Color")
    image[NUMBER] = number
    return image


def _frame(image: bpy.types.Image) -> Frame:
    try:
        return Frame.from_json(str(image.get(FRAME, "")))
    except ValueError:
        raise MaskelError(
            "damaged", f'"{image.name}" has lost where it belongs.', "Generate the X-ray again."
        ) from None


def _source(image: bpy.types.Image) -> bytes:
    source = image.get(SOURCE)
    if source is None:
        raise MaskelError("damaged", f'"{image.name}" has lost its layers.', "Generate the X-ray again.")
    return png_of(source)


def _key(image: bpy.types.Image, scene: bpy.types.Scene | None) -> tuple[str, str, str]:
    camera, target = str(image.get("maskel_camera", "")), str(image.get("maskel_target", ""))
    return scene.name_full if scene is not None else "", camera, target


def _repaint(image: bpy.types.Image, frame: Frame, look: Look, painted: Painted | None) -> None:
    """Give the picture its file, if anything of it has changed; paints it unless it was painted as it should be."""
    toning = toning_of(image.maskel.style, look, frame)
    wanted = repr((toning, image.get("maskel_time"), image.get("maskel_mask_sha256")))
    if image.get(STAMP) == wanted:
        return
    layers = has_layers(image)
    if painted is None or painted.toning != toning:
        source = _source(image)
        painted = paint_png(layer_files.decode(source) if layers else decode_rgba(source), toning, frame)
    if layers:
        image["maskel_style"] = toning.style
    set_png(image, add_text(painted.png, as_text(dict(image.items()))), wanted)


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
        delete_object(item)
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
