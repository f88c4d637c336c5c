"""The two ends of one X-ray on Blender's main thread: before the request, and after the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import bpy

from .client.png import add_text, decode_png, encode_png
from .client.request import XrayAnswer, XrayRequest
from .errors import MaskelError
from .placement.frame import Frame
from .placement.picture import compose
from .placement.results import Made, add
from .placement.state import read_look
from .provenance import NOTE, as_text
from .silhouette.camera import find_camera
from .silhouette.capture import Silhouette, capture
from .style.layers import encode, from_answer


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
) -> Prepared:
    """Take the silhouette and pack the request.

    Args:
        context: Whose scene and view layer count.
        name: Name of the character.
        objects: Its objects, from `targets`.
        camera: Name of the camera; "" for the scene's own.
        style: Display style.
        size: Longer side of the X-ray in pixels; 0 = as the mask.

    Raises:
        MaskelError: See `find_camera` and `capture`.

    """
    scene = context.scene
    silhouette = capture(scene, objects, find_camera(scene, camera))
    request = XrayRequest(encode_png(silhouette.mask, level=1), style, size)
    return Prepared(request, silhouette, scene.name, name, scene.frame_current)


def place(
    prepared: Prepared, answer: XrayAnswer, placement: str | None = None, keep: bool | None = None
) -> bpy.types.Object:
    """Put the answer into the scene.

    Args:
        prepared: What was asked.
        answer: What came.
        placement: ``PLANE``, ``EMPTY`` or ``BACKGROUND``; None = as what it replaces is placed, else as the scene's settings say.
        keep: Keep what it would replace as a hidden version; None = as the scene's settings say.

    Returns:
        Plane or Empty; of a background the camera.

    Raises:
        MaskelError: ``scene_gone``, ``bad_picture``, ``camera_gone`` or ``camera_linked``.

    """
    scene = bpy.data.scenes.get(prepared.scene)
    if scene is None:
        raise MaskelError("scene_gone", f'The scene "{prepared.scene}" is gone.', "Generate the X-ray again.")
    silhouette = prepared.silhouette
    layers = from_answer(answer.layers, silhouette.mask)
    made = Made(
        Frame(silhouette.view, silhouette.nearest, silhouette.farthest),
        prepared.target,
        encode(layers) if layers is not None else _grey(answer, silhouette),
        layers is not None,
        prepared.request.style,
        provenance(prepared, answer),
    )
    settings = scene.maskel.result
    return add(
        scene,
        made,
        read_look(settings.look),
        placement,
        settings.keep == "VERSIONS" if keep is None else keep,
    )


def _grey(answer: XrayAnswer, silhouette: Silhouette) -> bytes:
    return encode_png(compose(decode_png(answer.image_png), silhouette.mask), level=1)


def provenance(prepared: Prepared, answer: XrayAnswer) -> dict[str, str | int | float]:
    """Custom properties of a result, without the prefix ``maskel_``."""
    values: dict[str, str | int | float] = {
        "model": answer.model,
        "version": answer.version,
        "camera": prepared.silhouette.view.camera,
        "target": prepared.target,
        "style": prepared.request.style,
        "size": prepared.request.size,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "mask_sha256": prepared.request.mask_sha256,
        "frame": prepared.frame,
        "note": NOTE,
    }
    if answer.familiarity is not None:
        values["familiarity"] = answer.familiarity
    return values


def signed_png(prepared: Prepared, answer: XrayAnswer) -> bytes:
    """The answer's picture with its provenance in the file, for writing to disk."""
    values = {f"maskel_{key}": value for key, value in provenance(prepared, answer).items()}
    return add_text(answer.image_png, as_text(values))
