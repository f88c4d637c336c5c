"""The loop of a batch: silhouettes on the main thread, requests beside it, files and manifest as answers come back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import bpy

from .. import __version__
from ..backend.process import Backend
from ..client.request import XrayAnswer
from ..errors import Cancelled, MaskelError
from ..jobs import JobOptions
from ..silhouette.sharing import sharing_meshes
from ..workflow import Prepared
from . import ends
from .characters import Character
from .flight import Flight, Landed
from .manifest import DONE, FAILED, Manifest, Record
from .outputs import answer_again, write_files
from .plan import Item, Plan
from .progress import Progress, Report, Stop

HOPELESS = frozenset(
    {
        "maskel_not_found",
        "cannot_start",
        "server_failed",
        "start_timeout",
        "version_mismatch",
        "unauthorized",
        "no_server",
        "not_maskel",
        "offline",
        "model_missing",
        "model_damaged",
    }
)
"""Errors of the server that every further item would meet as well: the batch ends at the first."""


@dataclass
class Batch:
    """One batch over a scene.

    Args:
        context: Whose scene and view layer count.
        plan: What to make.
        characters: Those of the plan, by name.
        server: How to reach the server.
        backend: The server of this Blender.
        manifest: Where to keep records, loaded.
        resume: Whether to leave out the finished items it holds.
        placement: How to place the pictures, see `ends.place`; None as the scene says, "" places none. Of several frames the
            present one is placed, or the first if it is not among them.
        progress: Called on the main thread after each item.
        stop: Asked now and then.
    """

    context: bpy.types.Context
    plan: Plan
    characters: Mapping[str, Character]
    server: JobOptions
    backend: Backend
    manifest: Manifest = field(default_factory=Manifest)
    resume: bool = True
    placement: str | None = ""
    progress: Callable[[Progress], None] = lambda _progress: None
    stop: Callable[[], Stop] = lambda: Stop.NO

    def run(self) -> Report:
        """Make all that is not finished.

        Raises:
            PlanError: ``cannot_write`` if the manifest cannot be begun, ``not_registered`` if nothing can be placed.

        """
        scene = self.context.scene
        if self.placement != "":
            ends.check_registered(scene)
        frames = {item.frame for item in self.plan.items}
        self._placed_frame = scene.frame_current if scene.frame_current in frames else min(frames)
        self._began, self._begun_at = time.monotonic(), _now()
        self._done = self._failed = self._skipped = self._landed = 0
        self._objects: dict[str, None] = {}
        self._error: MaskelError | None = None
        self._flight: Flight[tuple[Item, Prepared, float]] = Flight(
            self.server, self.backend, lambda: self.stop() is Stop.NOW
        )
        self.manifest.begin(self.resume)
        self.progress(self._progress())
        finished = {
            item.key
            for item in self.plan.items
            if self.manifest.records.get(item.key, _NONE).holds_for(item, self.plan)
        }
        try:
            with frame_kept(scene):
                for (frame, name), items in groupby(
                    self.plan.items, lambda item: (item.frame, item.character)
                ):
                    self._character(frame, self.characters[name], list(items), finished)
                while self._flight:
                    self._land()
        finally:
            self._flight.cut_off()
            self.manifest.close()
        return self._report()

    def _character(self, frame: int, character: Character, items: list[Item], finished: set[Any]) -> None:
        """All cameras of one character at one frame; the character is read once for them."""
        with sharing_meshes() if len(items) > 1 else nullcontext():
            for item in items:
                if self.stop() or self._error is not None:
                    return
                found = self.manifest.records[item.key] if item.key in finished else None
                if found is not None and not self._places(item):
                    self._skip(found)
                    continue
                if self.context.scene.frame_current != frame:
                    self.context.scene.frame_set(frame)
                began = time.monotonic()
                try:
                    prepared = ends.prepare(
                        self.context, character, item.camera, self.plan.settings, self._places(item)
                    )
                    if found is not None and found.mask_sha256 == prepared.request.mask_sha256:
                        self._place(item, prepared, answer_again(self.plan.folder, item, found))
                        self._skip(found)
                        continue
                except MaskelError as error:
                    self._fail(item, error, began)
                    continue
                if self._flight.full:
                    self._land()
                    if self.stop() or self._error is not None:
                        return
                self._flight.send(prepared.request, (item, prepared, began))

    def _land(self) -> None:
        landed: Landed[tuple[Item, Prepared, float]] = self._flight.land()
        item, prepared, began = landed.luggage
        self._landed += 1
        try:
            if landed.answer is None:
                raise landed.error or Cancelled()
            answer = landed.answer
            files = write_files(
                self.plan.folder,
                item,
                prepared.request.mask_png,
                prepared.silhouette.view,
                ends.signed(prepared, answer),
            )
            if self._places(item):
                self._place(item, prepared, answer)
        except Cancelled:
            # neither done nor failed: it is made when the batch goes on
            return
        except MaskelError as error:
            self._fail(item, error, began)
            return
        record = Record(
            *item.key,
            DONE,
            self.plan.settings.digest,
            files,
            answer.model,
            answer.version,
            round(time.monotonic() - began, 3),
            answer.seconds,
            prepared.request.mask_sha256,
            answer.familiarity,
            _now(),
            warnings=tuple(asdict(warning) for warning in prepared.silhouette.warnings),
        )
        self.manifest.add(record)
        self._done += 1
        self.progress(self._progress(record))

    def _places(self, item: Item) -> bool:
        return self.placement != "" and item.frame == self._placed_frame

    def _place(self, item: Item, prepared: Prepared, answer: XrayAnswer) -> None:
        placed = ends.place(prepared, answer, self.placement)
        self._objects[placed.name] = None

    def _skip(self, found: Record) -> None:
        self._done += 1
        self._skipped += 1
        self.progress(replace(self._progress(found), skipped=True))

    def _fail(self, item: Item, error: MaskelError, began: float) -> None:
        if error.code in HOPELESS:
            self._error = self._error or error
        record = Record(
            *item.key,
            FAILED,
            self.plan.settings.digest,
            seconds=round(time.monotonic() - began, 3),
            time=_now(),
            error={"code": error.code, "message": error.message, "fix": error.fix},
        )
        self.manifest.add(record)
        self._failed += 1
        self.progress(self._progress(record))

    def _progress(self, record: Record | None = None) -> Progress:
        seconds = time.monotonic() - self._began
        total = len(self.plan.items)
        left = total - self._done - self._failed
        pace = seconds / self._landed if self._landed else None
        return Progress(
            self._done, self._failed, total, seconds, None if pace is None else pace * left, record
        )

    def _report(self) -> Report:
        interrupted = bool(self.stop()) and self._done + self._failed < len(self.plan.items)
        head = {
            "status": "interrupted" if interrupted else "stopped" if self._error else "finished",
            "maskel": __version__,
            "blender": bpy.app.version_string,
            "file": bpy.data.filepath,
            "scene": self.context.scene.name,
            "folder": str(self.plan.folder),
            "pattern": "/".join(self.plan.pattern.parts),
            "settings": _values(self.plan),
            "placement": self.placement,
            "began": self._begun_at,
            "ended": _now(),
            "seconds": round(time.monotonic() - self._began, 3),
            "note": "Made by a model from silhouettes. Not for medical use",
        }
        try:
            document = self.manifest.finish(self.plan, head)
        except OSError as error:
            raise MaskelError(
                "cannot_write",
                f"{self.manifest.path} cannot be written: {error}.",
                f"What was done is kept in {self.manifest.journal_path}: free some space and run it again.",
            ) from None
        return Report(
            document,
            self._done,
            self._failed,
            self._skipped,
            interrupted,
            tuple(self._objects),
            self._error,
        )


_NONE = Record("", "", 0)


def _values(plan: Plan) -> dict[str, Any]:
    settings = plan.settings
    return {
        "style": settings.style,
        "view": settings.view,
        "size": settings.size,
        "formats": list(settings.formats),
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextmanager
def frame_kept(scene: bpy.types.Scene) -> Iterator[None]:
    """Come back to the user's frame, if it was left."""
    frame, subframe = scene.frame_current, scene.frame_subframe
    try:
        yield
    finally:
        if (scene.frame_current, scene.frame_subframe) != (frame, subframe):
            scene.frame_set(frame, subframe=subframe)
