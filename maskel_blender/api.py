"""X-rays from Python: scripts, other add-ons, pipelines.

    from maskel_blender import api

    result = api.xray(camera="Front", character="Hero", style="bone")
    plan = api.plan("all", ["Hero", "Friend"], "1-50", output="out/{camera}/{character}_{frame:04d}.png")
    report = api.batch(plan, manifest="out/manifest.json", progress=print)

Installed as an extension the package is called ``bl_ext.user_default.maskel_blender``. All calls are made on Blender's main
thread, wait for their result, and raise `MaskelError` with ``code``, ``message`` and ``fix``. They work in `blender -b`, in the
bpy module and in a window's Python console; a window stands still meanwhile, so there they wait less long by default: the
operator ``bpy.ops.maskel.generate('INVOKE_DEFAULT')`` is the way to go on working. What a call does not have to change it
leaves: selection, active object, render settings, frame. Another frame than the present one is set as a render sets it and then
set back: what was changed of animated values and not keyed is lost, which it is not with the operator.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from . import compat
from .backend.command import OwnServer
from .batch import cameras as camera_names
from .batch import characters as by_name
from .batch import ends
from .batch.characters import Character, Who
from .batch.frames import parse_frames
from .batch.joints import SeenJoint, see
from .batch.layout import lay_out, user_path
from .batch.manifest import Manifest
from .batch.outputs import write_files
from .batch.plan import Plan, Settings
from .batch.progress import Progress, Report, Stop
from .batch.run import Batch, frame_kept
from .client.http import HttpClient
from .client.png import decode_png
from .client.request import Layer
from .errors import MaskelError
from .jobs import START_SECONDS, Job
from .preferences import job_options
from .session import SESSION
from .silhouette.checks import SilhouetteWarning

__all__ = [
    "BatchPlan",
    "MaskelError",
    "Progress",
    "Report",
    "Result",
    "SeenJoint",
    "Server",
    "batch",
    "plan",
    "server",
    "silhouette",
    "stop_server",
    "xray",
]

WINDOW_SECONDS = 60.0
"""How long a call may hold up a window, unless told otherwise."""


@dataclass(frozen=True)
class Result:
    """One X-ray.

    Args:
        object: What was placed in the scene; None if nothing was.
        image: (h, w) uint8, bone bright, 0 outside the body, row 0 at the top.
        mask: (H, W) uint8, the silhouette it was made of, 255 = body.
        files: What was written, by kind (``xray``, ``mask``, ``bone``, ``soft``, ``layers``, ``joints``).
        joints: By name, in pixels of `image` and as rays in the world; empty unless asked for.
        layers: ``bone`` and ``soft``: `pixels` (h, w) uint16, line integral = pixel * `scale`; empty unless asked for or placed.
        camera: Name of the camera.
        character: Name of the character.
        frame: Frame.
        model: Model id.
        version: Server version.
        seconds: Time of inference as the server tells it.
        familiarity: How like the training masks the silhouette is, 0..1; None if the server does not say.
        warnings: What will hurt the X-ray, worst first.
    """

    object: bpy.types.Object | None
    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    files: dict[str, Path]
    joints: dict[str, SeenJoint]
    layers: dict[str, Layer]
    camera: str
    character: str
    frame: int
    model: str
    version: str
    seconds: float
    familiarity: float | None
    warnings: tuple[SilhouetteWarning, ...]


@dataclass(frozen=True)
class BatchPlan:
    """What `batch` is to make; from `plan`.

    Args:
        plan: The items with their files.
        characters: Who is who.
    """

    plan: Plan
    characters: dict[str, Character]

    def __len__(self) -> int:
        return len(self.plan.items)


@dataclass(frozen=True)
class Server:
    """The server that X-rays come from.

    Args:
        url: Its address.
        status: ``ready``, or what else it says of itself.
        version: Its version.
        model: Model id.
        device: What the model runs on.
    """

    url: str
    status: str
    version: str
    model: str
    device: str


def xray(
    camera: str = "",
    character: Who = None,
    frame: int | None = None,
    style: str = "dxa",
    size: int = 0,
    view: str = "unknown",
    joints: bool = False,
    layers: bool = False,
    place: bool = True,
    placement: str | None = None,
    output: str | Path | None = None,
    timeout: float | None = None,
) -> Result:
    """Make one X-ray and wait for it.

    Args:
        camera: Name of the camera; "" for the scene's active one.
        character: Whom to X-ray.
        frame: Frame to look at; None for the present one. The scene comes back to where it was.
        style: ``dxa``, ``radiograph``, ``bone`` or ``inverted``.
        size: Longer side in pixels, 1 to 8192; 0 = as the render.
        view: Side of the character that is seen: ``unknown``, ``front``, ``back``, ``left`` or ``right``.
        joints: Whether to ask for joints.
        layers: Whether to ask for the predicted layers.
        place: Whether to place the X-ray in the scene.
        placement: ``PLANE``, ``EMPTY`` or ``BACKGROUND``; None = as what it replaces is placed, else as the panel says.
        output: Folder, or folder and pattern, to write files to; None writes none.
        timeout: Seconds to wait, the start of the server included; None takes the preferences' time, in a window a minute.

    Raises:
        MaskelError: Whatever went wrong; nothing was placed then.

    """
    context = bpy.context
    formats = ("mask", *(("layers",) if layers else ()), *(("joints",) if joints else ()))
    settings = Settings(style, view, size, formats)
    settings.check()
    if place:
        ends.check_registered(context.scene)
    options = job_options(context)
    who = by_name.of(context, character)
    planned = None
    if output is not None:
        names, _ = camera_names.choose(context.scene, [camera] if camera else [])
        frames = None if frame is None else [frame]
        planned = lay_out(context.scene, names[:1], [who], frames, output, settings)
    with _at(context.scene, frame):
        prepared = ends.prepare(context, who, camera, settings, layers=place)
    job = Job(prepared.request, options, SESSION.backend)
    _wait(job, _seconds(timeout, START_SECONDS + options.timeout))
    answer = job.result()
    image = decode_png(answer.image_png)
    files = {}
    if planned is not None:
        (item,) = planned.items
        written = write_files(
            planned.folder,
            item,
            prepared.request.mask_png,
            prepared.silhouette.view,
            ends.signed(prepared, answer),
        )
        files = {file.kind: planned.folder / file.path for file in written}
    placed = ends.place(prepared, answer, placement) if place else None
    return Result(
        object=placed,
        image=image,
        mask=prepared.silhouette.mask,
        files=files,
        joints=see(answer.joints, prepared.silhouette.view, image.shape[1], image.shape[0]),
        layers=answer.layers,
        camera=prepared.silhouette.view.camera,
        character=who.name,
        frame=prepared.frame,
        model=answer.model,
        version=answer.version,
        seconds=answer.seconds,
        familiarity=answer.familiarity,
        warnings=prepared.silhouette.warnings,
    )


def silhouette(camera: str = "", character: Who = None, frame: int | None = None) -> NDArray[np.uint8]:
    """The silhouette that an X-ray would be made of; needs no server.

    Args:
        camera: Name of the camera; "" for the scene's active one.
        character: Whose.
        frame: Frame to look at; None for the present one.

    Returns:
        (H, W) uint8 at the render's size, 255 = body, row 0 at the top.

    Raises:
        MaskelError: No such camera or character, or it is not in view.

    """
    context = bpy.context
    who = by_name.of(context, character)
    with _at(context.scene, frame):
        return ends.prepare(context, who, camera, Settings()).silhouette.mask


def plan(
    cameras: str | Sequence[str] = (),
    characters: Who | Sequence[Who] = None,
    frames: str | Sequence[int] | None = None,
    *,
    output: str | Path,
    style: str = "dxa",
    size: int = 0,
    view: str = "unknown",
    formats: Sequence[str] = ("mask",),
) -> BatchPlan:
    """Lay out a batch: every character by every camera at every frame. Nothing is begun.

    Args:
        cameras: Names, globs (``Cam*``) or ``all``; none for the scene's active camera.
        characters: One, or several in a list: names, objects or collections. Each gets X-rays of its own.
        frames: Like ``1-50``, ``1-50x2``, ``1,5,9``, or numbers; None for the present frame.
        output: Folder, or folder and pattern: ``out/{camera}/{character}_{frame:04d}.png``.
        style: As for `xray`.
        size: As for `xray`.
        view: As for `xray`.
        formats: What to write beside the X-rays, of ``mask``, ``layers`` and ``joints``.

    Raises:
        MaskelError: No such camera or character, a pattern that would write two items to one file, and the like.

    """
    context = bpy.context
    wanted = [cameras] if isinstance(cameras, str) else list(cameras)
    names, _ = camera_names.choose(context.scene, wanted)
    several = characters if isinstance(characters, (list, tuple)) else [characters]
    who = [by_name.of(context, one) for one in several]
    numbers = parse_frames(frames) if isinstance(frames, str) else frames
    settings = Settings(style, view, size, tuple(formats))
    made = lay_out(context.scene, names, who, numbers, output, settings)
    return BatchPlan(made, {one.name: one for one in who})


def batch(
    plan: BatchPlan,
    manifest: str | Path | None = None,
    resume: bool = True,
    placement: str | None = "",
    progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
    timeout: float | None = None,
) -> Report:
    """Make a batch; files are written as the X-rays come in, and an item that fails does not end the others.

    Args:
        plan: What to make, from `plan`.
        manifest: File to keep a record of every item in.
        resume: Whether to leave out what the manifest says is finished and whose files are unchanged.
        placement: ``PLANE``, ``EMPTY`` or ``BACKGROUND`` to place the X-rays of one frame in the scene as well: the present
            frame if it is among them, else the first; None places them as the panel says. "" only writes files.
        progress: Called after each item.
        stop: Asked now and then; True ends the batch after what is in work.
        timeout: Seconds for all of it; None is no limit, in a window a minute.

    Raises:
        MaskelError: ``timeout`` (what was made is in the manifest), ``cannot_write``, ``bad_manifest``, or no server to ask.

    """
    context = bpy.context
    options = job_options(context)
    records = Manifest(None if manifest is None else user_path(manifest))
    if resume:
        records.load()
    limit = timeout if timeout is not None or compat.waits_for_results() else WINDOW_SECONDS
    end = None if limit is None else time.monotonic() + limit

    def late() -> bool:
        return end is not None and time.monotonic() > end

    def when_to_stop() -> Stop:
        if late():
            return Stop.NOW
        return Stop.SOON if stop is not None and stop() else Stop.NO

    run = Batch(
        context,
        plan.plan,
        plan.characters,
        options,
        SESSION.backend,
        records,
        resume,
        placement,
        progress or (lambda _progress: None),
        when_to_stop,
    )
    report = run.run()
    if report.interrupted and late():
        raise MaskelError(
            "timeout",
            f"{report.done} of {len(plan)} X-rays were made within {limit:.0f} s.",
            "Call again with the same manifest to go on, give a longer timeout, or use `blender -b FILE --command maskel`.",
        )
    return report


def server(timeout: float | None = None) -> Server:
    """Find the server, start it if it is our own, and wait until it is ready.

    Args:
        timeout: Seconds to wait; None takes two minutes, in a window one.

    Raises:
        MaskelError: There is none, it does not start, or it speaks another version.

    """
    options = job_options(bpy.context)
    seconds = _seconds(timeout, START_SECONDS)
    if isinstance(options.server, OwnServer):
        SESSION.backend.start(options.server.command)
        address, token = SESSION.backend.wait_ready(seconds)
    else:
        address, token = options.server.address, options.server.token
    health = HttpClient(address, token, seconds, options.allow_remote).wait_until_ready(seconds)
    return Server(address.url, health.status, health.version, health.model, health.device)


def stop_server() -> None:
    """End the server that was started here; one that somebody else runs is left alone."""
    SESSION.backend.stop()


@contextmanager
def _at(scene: bpy.types.Scene, frame: int | None) -> Iterator[None]:
    with frame_kept(scene):
        if frame is not None and frame != scene.frame_current:
            scene.frame_set(frame)
        yield


def _seconds(timeout: float | None, usual: float) -> float:
    if timeout is not None:
        return timeout
    return usual if compat.waits_for_results() else min(usual, WINDOW_SECONDS)


def _wait(job: Job, seconds: float) -> None:
    try:
        job.wait(seconds)
    except MaskelError as error:
        if compat.waits_for_results():
            raise
        raise MaskelError(
            error.code,
            error.message,
            "Use bpy.ops.maskel.generate('INVOKE_DEFAULT'), which does not hold up the window, or give a longer timeout.",
        ) from None
