"""The two ends of one X-ray on Blender's main thread: before the request, and after the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import bpy

from .client.png import add_text, decode_png, encode_png
from .client.request import XrayAnswer, XrayRequest
from .errors import MaskelError
from .placement.frame import Frame
from .placement.look import Look
from .placement.painting import Painted, Toning, paint_png
from .placement.picture import compose
from .placement.results import Made, add
from .placement.state import read_look
from .provenance import NOTE, as_text
from .silhouette.camera import find_camera
from .silhouette.capture import Silhouette, capture
from .silhouette.options import SilhouetteOptions
from .style.layers import Layers, encode, from_answer
from .targets import silhouette_options


@dataclass(frozen=True)
class Prepared:
    """All that is kept between request and answer. Names, not references: an undo in between would invalidate those."""

    request: XrayRequest
    silhouette: Silhouette
    scene: str
    target: str
    frame: int
    time: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def place(self) -> Frame:
        """Where the X-ray belongs."""
        return Frame(self.silhouette.view, self.silhouette.nearest, self.silhouette.farthest)


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
    options: SilhouetteOptions | None = None,
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
        options: What counts as body; None = as the scene's settings say.

    Raises:
        MaskelError: See `find_camera` and `capture`.

    """
    scene = scene or context.scene
    if frame is None and scene != context.scene:
        # a render would take the frame of the scene in the window
        frame = scene.frame_current
    options = options or silhouette_options(scene)
    silhouette = capture(scene, objects, find_camera(scene, camera), options=options, frame=frame)
    request = XrayRequest(
        encode_png(silhouette.mask, level=1), style, size, view=silhouette.side, priority=priority
    )
    return Prepared(request, silhouette, scene.name, name, scene.frame_current if frame is None else frame)


@dataclass(frozen=True)
class Picture:
    """What is kept of an answer in the file.

    Args:
        png: The packed layers, or a grey RGBA picture where the answer has none.
        layers: Whether it is the layers, from which every style is toned.
        painted: What is shown of it, if that was asked for.
    """

    png: bytes
    layers: bool
    painted: Painted | None = None


def picture_of(prepared: Prepared, answer: XrayAnswer, toning: Toning | None = None) -> Picture:
    """What is kept of an answer; touches no bpy, so that it may be made on any thread.

    Args:
        prepared: What was asked.
        answer: What came.
        toning: How to paint it as well; None = not to.

    Raises:
        MaskelError: ``bad_picture``.

    """
    layers = from_answer(answer.layers, prepared.silhouette.mask)
    source = layers or compose(decode_png(answer.image_png), prepared.silhouette.mask)
    painted = None if toning is None else paint_png(source, toning, prepared.place)
    if isinstance(source, Layers):
        return Picture(encode(source), True, painted)
    return Picture(encode_png(source, level=1), False, painted)


def frame_png(prepared: Prepared, answer: XrayAnswer, toning: Toning) -> bytes:
    """One picture of a sequence with its provenance, as an RGBA PNG; touches no bpy.

    Raises:
        MaskelError: ``bad_picture``.

    """
    layers = from_answer(answer.layers, prepared.silhouette.mask)
    source = layers or compose(decode_png(answer.image_png), prepared.silhouette.mask)
    return _signed(paint_png(source, toning, prepared.place).png, prepared, answer)


def place(
    prepared: Prepared,
    answer: XrayAnswer,
    placement: str | None = None,
    keep: bool | None = None,
    picture: Picture | None = None,
    look: Look | None = None,
) -> bpy.types.Object:
    """Put the answer into the scene.

    Args:
        prepared: What was asked.
        answer: What came.
        placement: ``PLANE``, ``EMPTY`` or ``BACKGROUND``; None = as what it replaces is placed, else as the scene's settings say.
        keep: Keep what it would replace as a hidden version; None = as the scene's settings say.
        picture: Its `picture_of`, if that was made already.
        look: How it is shown unless it replaces another; None = as the scene's settings say.

    Returns:
        Plane or Empty; of a background the camera.

    Raises:
        MaskelError: ``scene_gone``, ``bad_picture``, ``camera_gone`` or ``camera_linked``.

    """
    scene = bpy.data.scenes.get(prepared.scene)
    if scene is None:
        raise MaskelError("scene_gone", f'The scene "{prepared.scene}" is gone.', "Generate the X-ray again.")
    picture = picture or picture_of(prepared, answer)
    made = Made(
        prepared.place,
        prepared.target,
        picture.png,
        picture.layers,
        prepared.request.style,
        provenance(prepared, answer),
        picture.painted,
    )
    settings = scene.maskel.result
    return add(
        scene,
        made,
        look or read_look(settings.look),
        placement,
        settings.keep == "VERSIONS" if keep is None else keep,
    )


def provenance(prepared: Prepared, answer: XrayAnswer) -> dict[str, str | int | float]:
    """Custom properties of a result, without the prefix ``maskel_``."""
    values: dict[str, str | int | float] = {
        "model": answer.model,
        "version": answer.version,
        "camera": prepared.silhouette.view.camera,
        "target": prepared.target,
        "style": prepared.request.style,
        "size": prepared.request.size,
        "side": prepared.request.view,
        "time": prepared.time,
        "mask_sha256": prepared.request.mask_sha256,
        "frame": prepared.frame,
        "note": NOTE,
    }
    if answer.familiarity is not None:
        values["familiarity"] = answer.familiarity
    return values


def signed_png(prepared: Prepared, answer: XrayAnswer) -> bytes:
    """The answer's picture with its provenance in the file, for writing to disk."""
    return _signed(answer.image_png, prepared, answer)


def _signed(png: bytes, prepared: Prepared, answer: XrayAnswer) -> bytes:
    values = {f"maskel_{key}": value for key, value in provenance(prepared, answer).items()}
    return add_text(png, as_text(values))
