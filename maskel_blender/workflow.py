"""The two ends of one X-ray on Blender's main thread: before the request, and after the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import bpy

from .client.png import decode_png, encode_png
from .client.request import XrayAnswer, XrayRequest
from .errors import MaskelError
from .placement.picture import compose
from .placement.plane import PlaneRequest, depth_before, place_plane
from .session import SESSION
from .silhouette.camera import find_camera
from .silhouette.capture import Silhouette, capture
from .targets import silhouette_options


@dataclass(frozen=True)
class Prepared:
    """All that is kept between request and answer. Names, not references: an undo in between would invalidate those."""

    request: XrayRequest
    silhouette: Silhouette
    scene: str
    target: str
    frame: int


def prepare(
    context: bpy.types.Context,
    name: str,
    objects: Sequence[bpy.types.Object],
    camera: str = "",
    style: str = "dxa",
    size: int = 0,
    frame: int | None = None,
    priority: str = "normal",
    scene: bpy.types.Scene | None = None,
) -> Prepared:
    """Take the silhouette and pack the request.

    Args:
        context: Whose scene counts, unless one is given.
        name: Name of the character.
        objects: Its objects, from `targets`.
        camera: Name of the camera; "" for the scene's own.
        style: Display style.
        size: Longer side of the X-ray in pixels; 0 = as the mask.
        frame: Which frame; None for the scene's own, which does not change either way.
        priority: Rank among what the server has to do, one of `client.request.PRIORITIES`.
        scene: Another scene than the context's.

    Raises:
        MaskelError: See `find_camera` and `capture`.

    """
    scene = scene or context.scene
    if frame is None and scene != context.scene:
        # a render would take the frame of the scene in the window
        frame = scene.frame_current
    silhouette = capture(
        scene, objects, find_camera(scene, camera), options=silhouette_options(scene), frame=frame
    )
    SESSION.warnings = silhouette.warnings
    request = XrayRequest(encode_png(silhouette.mask, level=1), style, size, priority=priority)
    return Prepared(request, silhouette, scene.name, name, scene.frame_current if frame is None else frame)


def picture_of(prepared: Prepared, answer: XrayAnswer) -> bytes:
    """What the plane shows, as an RGBA PNG; touches no bpy, so that it may be made on any thread.

    Raises:
        ClientError: ``bad_picture``.

    """
    return encode_png(compose(decode_png(answer.image_png), prepared.silhouette.mask))


def place(prepared: Prepared, answer: XrayAnswer, png: bytes | None = None) -> bpy.types.Object:
    """Put the answer into the scene as an image plane.

    Args:
        prepared: What was asked.
        answer: What came.
        png: Its `picture_of`, if that was made already.

    Raises:
        MaskelError: ``scene_gone``, ``bad_picture``.

    """
    scene = bpy.data.scenes.get(prepared.scene)
    if scene is None:
        raise MaskelError("scene_gone", f'The scene "{prepared.scene}" is gone.', "Generate the X-ray again.")
    view = prepared.silhouette.view
    provenance: dict[str, str | int | float] = {
        "model": answer.model,
        "version": answer.version,
        "style": prepared.request.style,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "mask_sha256": prepared.request.mask_sha256,
        "frame": prepared.frame,
    }
    depth = depth_before(prepared.silhouette)
    return place_plane(
        scene, PlaneRequest(view, depth, png or picture_of(prepared, answer), prepared.target, provenance)
    )
