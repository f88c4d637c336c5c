"""Hiding results for a reason, and showing them again without ever showing what the user hid."""

from __future__ import annotations

import bpy

from .roles import placed_objects, role, scenes_of_pictures, sequences_in, slots_of

OLDER, CAMERA, ASKED = "older", "camera", "asked"
"""Reasons: a newer version is shown; the scene looks through another camera; the user asked for it in the panel."""

_REASONS = "maskel_hidden"
_HID = "maskel_hid"
_SWITCHES = ("hide_viewport", "hide_render")


def reasons(image: bpy.types.Image) -> set[str]:
    """Why a result is hidden; empty if it is shown, unless the user hid it by Blender's own means."""
    return set(str(image.get(_REASONS, "")).split())


def set_reason(image: bpy.types.Image, reason: str, hidden: bool) -> None:
    """Hide a result for a reason, or drop the reason."""
    before = reasons(image)
    after = before | {reason} if hidden else before - {reason}
    if after != before:
        if after:
            image[_REASONS] = " ".join(sorted(after))
        else:
            del image[_REASONS]
        enforce(image)


def enforce(image: bpy.types.Image) -> None:
    """Make objects and backgrounds follow the reasons."""
    hidden = bool(reasons(image))
    for item in placed_objects(image):
        for shown in (item, *(child for child in item.children if role(child))):
            _enforce_object(shown, hidden)
    for _, slot in slots_of(image):
        if hidden and slot.show_background_image:
            slot.show_background_image = False
            image[_HID] = "slot"
        elif not hidden and image.get(_HID):
            slot.show_background_image = True
    if not hidden and image.get(_HID):
        del image[_HID]


def _enforce_object(item: bpy.types.Object, hidden: bool) -> None:
    ours = str(item.get(_HID, "")).split()
    if hidden and not ours:
        ours = [name for name in _SWITCHES if not getattr(item, name)]
        for name in ours:
            setattr(item, name, True)
        if ours:
            item[_HID] = " ".join(ours)
    elif not hidden and ours:
        for name in ours:
            setattr(item, name, False)
        del item[_HID]


def copy_hiding(old: bpy.types.Object, new: bpy.types.Object) -> None:
    """The object that takes another's place is hidden as that was, by the user or by us."""
    for name in (*_SWITCHES, "hide_select"):
        setattr(new, name, getattr(old, name))
    if _HID in old:
        new[_HID] = old[_HID]


def follow_camera(scene: bpy.types.Scene, camera: str) -> None:
    """Hide what wants to be seen by its own camera only, and show it when the scene looks through that.

    Args:
        scene: Whose results.
        camera: Name of the camera the scene looks through; "" for none.

    """
    singles = [image for image, shown_in in scenes_of_pictures().items() if shown_in == scene]
    for image in (*singles, *sequences_in(scene)):
        if image.library is None:
            only_in_camera(image, camera)


def only_in_camera(image: bpy.types.Image, camera: str) -> None:
    """Hide a result or sequence that wants to be seen by its own camera only, unless the scene looks through that.

    Args:
        image: Its picture.
        camera: As in `follow_camera`.

    """
    look = image.maskel.look
    away = look.only_camera and look.placement != "BACKGROUND" and image.get("maskel_camera") != camera
    set_reason(image, CAMERA, away)
