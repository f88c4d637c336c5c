"""Cameras by name, by glob, or all."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import bpy

from .. import compat
from ..errors import CameraError
from ..views import rigging

ALL = "all"


def choose(scene: bpy.types.Scene, wanted: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names of cameras.

    Args:
        scene: Whose cameras.
        wanted: Names, globs (``Cam*``) or ``all``; none for the scene's active camera. ``all`` leaves out the rigging set, as the
            panel does. A name that no camera has stays, and fails when its turn comes; so do cameras that are named and
            cannot be used.

    Returns:
        The names, and those that a glob or ``all`` left out because their picture is not flat.

    Raises:
        CameraError: ``no_camera`` if there is no active camera, or a glob matches none.

    """
    if not wanted:
        if scene.camera is None:
            raise CameraError(
                "no_camera", "The scene has no active camera.", "Name one, or `all` of them, with --camera."
            )
        return [scene.camera.name], []
    cameras = sorted((item for item in scene.objects if item.type == "CAMERA"), key=lambda item: item.name)
    placed = rigging.cameras(scene)
    known = {item.name for item in cameras}
    chosen: dict[str, None] = {}
    left_out: dict[str, None] = {}
    for text in wanted:
        if text in known or not (text == ALL or any(sign in text for sign in "*?[")):
            chosen[text] = None
            continue
        matching = [
            item for item in cameras if (item not in placed if text == ALL else fnmatchcase(item.name, text))
        ]
        flat = [item.name for item in matching if compat.scene_has_camera(item.data.type)]
        if not flat:
            raise CameraError(
                "no_camera",
                f'No camera of the scene fits "{text}".',
                "Name a camera with a perspective or orthographic lens.",
            )
        chosen |= dict.fromkeys(flat)
        left_out |= dict.fromkeys(item.name for item in matching if item.name not in flat)
    return list(chosen), [name for name in left_out if name not in chosen]
