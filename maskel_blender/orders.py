"""What one press of the button asks for: cameras times frames. Names, not references, which an undo would invalidate."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import bpy

from . import compat, targets
from .client.request import XrayAnswer
from .errors import MaskelError, TargetError
from .jobs import JobOptions
from .placement.background import takers
from .placement.frame import Frame
from .placement.look import DEFAULT_LOOK, Look
from .placement.state import read_look
from .preferences import job_options
from .queue.entry import Entry
from .sequence.files import FOLDER, FrameRange, SequenceFiles, stem_of
from .silhouette.camera import find_camera
from .silhouette.options import DEFAULT_OPTIONS, SilhouetteOptions
from .unstepped import Unstepped
from .views import choice


@dataclass(frozen=True)
class Shot:
    """One X-ray: a camera, and a frame if it is one of a sequence."""

    camera: str
    frame: int | None = None


@dataclass
class Track:
    """The sequence of one camera as far as it is made."""

    files: SequenceFiles
    views: dict[int, Frame] = field(default_factory=dict)
    provenance: dict[str, str | int | float] = field(default_factory=dict)


@dataclass(eq=False)
class Order:
    """Everything to make, and what has come of it.

    Args:
        scene: Name of the scene.
        target: Name of the character.
        objects: Name and library of its objects.
        cameras: Names of cameras.
        options: How to reach the server.
        style: Display style.
        size: Longer side in pixels; 0 as the render.
        body: What counts as body, as it was when the order was made.
        placement: See `workflow.place`.
        look: How results are shown that replace none; how sequences are, whatever they replace.
        keep: Whether what they would replace is kept as a hidden version.
        tracks: By camera, for a frame range; empty for single X-rays.
        interactive: Whether a user looks on: then results make an undo step.
        release: Whether to remove the rigging set at the end.
        note: What else to tell the user at the end.
        warnings: What to tell at once.
    """

    scene: str
    target: str
    objects: tuple[tuple[str, str | None], ...]
    cameras: tuple[str, ...]
    options: JobOptions
    style: str = "dxa"
    size: int = 0
    body: SilhouetteOptions = DEFAULT_OPTIONS
    placement: str | None = None
    look: Look = DEFAULT_LOOK
    keep: bool = False
    tracks: dict[str, Track] = field(default_factory=dict)
    interactive: bool = False
    release: bool = False
    note: str = ""
    warnings: tuple[str, ...] = ()
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    began: float = field(default_factory=time.monotonic)
    entries: list[Entry] = field(default_factory=list)
    kept: dict[int, tuple[Any, XrayAnswer, str, object]] = field(default_factory=dict)
    """Placed X-rays by entry, with the name of the object and what tells them from those before, until all are placed: an
    undo meanwhile takes them away."""
    unstepped: Unstepped = field(default_factory=Unstepped)
    """What of it no undo step knows yet."""
    recheck: bool = False
    """Whether an undo has happened since they were placed."""

    @property
    def shots(self) -> list[Shot]:
        """In the order they are made."""
        if not self.tracks:
            return [Shot(camera) for camera in self.cameras]
        return [
            Shot(camera, frame) for camera in self.cameras for frame in self.tracks[camera].files.range.frames
        ]

    def find_scene(self) -> bpy.types.Scene:
        """The scene.

        Raises:
            MaskelError: ``scene_gone``.

        """
        scene = bpy.data.scenes.get(self.scene)
        if scene is None:
            raise MaskelError("scene_gone", f'The scene "{self.scene}" is gone.', "Generate the X-ray again.")
        return scene

    def find_objects(self, scene: bpy.types.Scene) -> list[bpy.types.Object]:
        """What is left of the character.

        Raises:
            TargetError: ``character_gone``.

        """
        found = [
            bpy.data.objects.get(name if library is None else (name, library))
            for name, library in self.objects
        ]
        found = [item for item in found if item is not None and item.users_scene]
        if not found:
            raise TargetError(
                "character_gone",
                f'The character "{self.target}" is gone.',
                "Undo what deleted it, or generate the X-ray of another one.",
            )
        return found


def names_of(objects: Sequence[bpy.types.Object]) -> tuple[tuple[str, str | None], ...]:
    """Name and library of objects."""
    return tuple((item.name, item.library.filepath if item.library else None) for item in objects)


def frames_folder(folder: str) -> tuple[Path, str]:
    """Where frames are written.

    Args:
        folder: As the user names it; ``//`` stands for the place of the saved file.

    Returns:
        The folder, and a message if it is not where the user would look for it.

    Raises:
        MaskelError: ``not_saved``: no file to be next to, and no folder of our own.

    """
    folder = folder or FOLDER
    stem = stem_of(Path(bpy.data.filepath).stem) if bpy.data.filepath else "unsaved"
    if bpy.data.filepath or not folder.startswith("//"):
        return Path(bpy.path.abspath(folder)) / stem, ""
    own = compat.user_folder()
    if own is None:
        raise MaskelError(
            "not_saved",
            "The file was never saved, so there is no folder next to it for the frames.",
            "Save the file, or name a folder for the frames.",
        )
    place = own / "frames" / f"{stem}-{uuid.uuid4().hex[:8]}"
    return place, f"The file was never saved; the frames go to {place}"


def make_order(
    context: bpy.types.Context,
    target: str = "ACTIVE",
    collection: str = "",
    camera: str | None = "",
    style: str = "dxa",
    size: int = 0,
    frames: FrameRange | None = None,
    folder: str = FOLDER,
    placement: str | None = None,
) -> Order:
    """What is to be made of the scene as it is.

    Args:
        context: Whose scene, selection and preferences count.
        target: See `targets.resolve`.
        collection: See `targets.resolve`.
        camera: Name of a camera, "" for the scene's own; None for those that the panel From Where names.
        style: Display style.
        size: Longer side in pixels; 0 as the render.
        frames: For an image sequence; None for the frame the scene is at.
        folder: Where the pictures of a sequence go.
        placement: See `workflow.place`; of a sequence, None is as the scene's settings say.

    Raises:
        MaskelError: No server, no character, no camera, no folder, or ``camera_linked`` for a sequence in the background.

    """
    scene = context.scene
    # asked first: it is cheap, and without a server the silhouettes would be for nothing
    options = job_options(context)
    name, objects = targets.resolve(context, target, collection)
    warnings: tuple[str, ...] = ()
    if camera is None:
        found = choice.choose(context, objects=objects)
        cameras = tuple(found.cameras)
        warnings = tuple(f"{refusal.message} {refusal.fix}" for refusal in found.refusals)
    else:
        cameras = (find_camera(scene, camera).name,)
    tracks, note = {}, ""
    look = read_look(scene.maskel.result.look)
    if frames is not None:
        look = replace(look, placement=placement or look.placement)
        if look.placement == "BACKGROUND":
            # asked before anything is made of it: a sequence takes long
            taking, refusals = takers(scene, cameras)
            if not taking:
                raise refusals[0]
            cameras = tuple(taking)
            warnings += tuple(f"{refusal.message} {refusal.fix}" for refusal in refusals)
        place, note = frames_folder(folder)
        tracks = {one: Track(SequenceFiles(place, stem_of(name, one), frames)) for one in cameras}
    return Order(
        scene.name,
        name,
        names_of(objects),
        cameras,
        options,
        style,
        size,
        targets.silhouette_options(scene),
        placement,
        look,
        scene.maskel.result.keep == "VERSIONS",
        tracks,
        release=camera is None and scene.maskel.views.source == "RIGGING",
        note=note,
        warnings=warnings,
    )
