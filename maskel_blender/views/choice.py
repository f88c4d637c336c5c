"""Which cameras the character is seen by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import bpy

from .. import targets
from ..errors import CameraError
from ..silhouette.camera import find_camera
from . import rigging


@dataclass(frozen=True)
class Choice:
    """Cameras to go through.

    Args:
        cameras: Names of usable cameras of the scene, each once, in order.
        refusals: Why others cannot be used.
    """

    cameras: list[str]
    refusals: list[CameraError]


def choose(context: bpy.types.Context, objects: Sequence[bpy.types.Object] | None = None) -> Choice:
    """Cameras by the scene's settings; places or renews the rigging set if that is chosen.

    Args:
        context: Whose scene counts.
        objects: The character, which the rigging set is placed around; None resolves it by the scene's settings.

    Raises:
        MaskelError: No camera is left to use: the refusal, if there is one alone, else ``no_camera``; for the rigging set also
            what `targets.resolve` and `rigging.place` raise.

    """
    scene, settings = context.scene, context.scene.maskel
    source = settings.views.source
    if source == "RIGGING":
        if objects is None:
            objects = targets.of_settings(context)[1]
        return Choice(rigging.place(context, objects), [])
    if source == "CHOSEN":
        wanted = [entry.object.name for entry in settings.views.cameras if entry.object is not None]
    elif source == "ALL":
        ours = {item.name for item in rigging.cameras(scene)}
        wanted = sorted(
            item.name for item in scene.objects if item.type == "CAMERA" and item.name not in ours
        )
    else:
        wanted = [settings.camera.name if settings.camera else ""]
    found: list[str] = []
    refusals: list[CameraError] = []
    for name in dict.fromkeys(wanted):
        try:
            found.append(find_camera(scene, name).name)
        except CameraError as error:
            refusals.append(error)
    if not found:
        if len(refusals) == 1:
            raise refusals[0]
        if refusals:
            raise CameraError(
                "no_camera",
                f"None of {len(refusals)} cameras can be used: {refusals[0].message}",
                refusals[0].fix,
            )
        fix = (
            "Select cameras and add them to the list."
            if source == "CHOSEN"
            else "Add a camera (Add > Camera)."
        )
        raise CameraError("no_camera", "There is no camera to look through.", fix)
    return Choice(found, refusals)


def standing(context: bpy.types.Context) -> Choice:
    """As `choose`, but changes nothing: the rigging set is taken as it stands.

    Raises:
        CameraError: As `choose`; ``no_camera`` also where the rigging set was not placed yet.

    """
    if context.scene.maskel.views.source != "RIGGING":
        return choose(context)
    names = [item.name for item in rigging.cameras(context.scene)]
    if not names:
        raise CameraError(
            "no_camera",
            "The rigging set is not placed yet.",
            "Press Place Rigging Cameras in the panel From Where.",
        )
    return Choice(names, [])


def release(scene: bpy.types.Scene) -> int:
    """Remove the rigging set's cameras, unless the scene's settings keep them; to be called when the X-rays are made.

    Returns:
        How many were removed.

    """
    return 0 if scene.maskel.views.keep else rigging.remove(scene)
