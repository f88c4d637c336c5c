"""Drives the queue on Blender's main thread: takes silhouettes, places results, never waits."""

from __future__ import annotations

import time
from collections.abc import Callable

import bpy

from . import compat, workflow
from .client.request import XrayAnswer
from .errors import MaskelError, unforeseen
from .orders import Order, Shot
from .placement.painting import Toning, toning_of
from .placement.results import latest, next_look
from .placement.roles import find_collection
from .queue.entry import Entry, EntryState
from .queue.job_queue import JobQueue
from .queue.keys import answer_key
from .redraw import redraw_sidebars
from .sequence.files import SequenceFiles
from .sequence.shown import place_sequence
from .session import SESSION
from .unstepped import Unstepped, showing
from .views import choice

BUDGET_SECONDS = 0.02
"""For placing results in one tick; at least one is placed."""

_SOON, _LATER = 0.01, 0.1
_REDRAW_SECONDS = 0.5
_POLL_SECONDS = 0.2
_MOST_WARNINGS = 8

_LOST = "lost"
"""Mark of a placed result that an undo takes away, unlike any of `_mark`."""


class Pump:
    """Only used on the main thread.

    Args:
        queue: What is to be made.
        background: More to do each tick; returns whether there is more to come. Live preview hangs here.
    """

    def __init__(self, queue: JobQueue, background: Callable[[], bool] = lambda: False) -> None:
        self._queue = queue
        self.background = background
        self.orders: list[Order] = []
        self._with_failures: list[Order] = []
        self.timer = self._on_timer
        """What Blender calls; kept, for it knows a timer by identity."""
        self._drawn = 0.0
        self._states: list[EntryState] = []

    def submit(self, order: Order) -> None:
        """Take an order; returns at once."""
        if not self._queue.active:
            self._with_failures.clear()
            SESSION.warnings = ()
        label = f"{order.target}, {{}}"
        for shot in order.shots:
            name = label.format(shot.camera if shot.frame is None else f"{shot.camera}, frame {shot.frame}")
            order.entries.append(self._queue.add(name, order.options, order.id, shot))
        self.orders.append(order)
        self.wake()

    def wake(self) -> None:
        """Have Blender call the pump until there is nothing more to do."""
        if not compat.waits_for_results() and not bpy.app.timers.is_registered(self.timer):
            bpy.app.timers.register(self.timer, first_interval=_SOON)

    def run(self, order: Order, seconds: float) -> None:
        """Make an order and wait for it, for scripts and background mode.

        Args:
            order: Taken before.
            seconds: At most this long for each X-ray.

        Raises:
            MaskelError: The first failure, or ``timeout``; what was made is placed nevertheless.

        """
        end = time.monotonic() + seconds * max(len(order.entries), 1)
        while order in self.orders:
            if time.monotonic() > end:
                self._queue.cancel(group=order.id)
                self._finish(order)
                raise MaskelError(
                    "timeout",
                    f"The X-rays were not made within {end - order.began:.0f} s.",
                    "Raise the timeout, or look at the server's log.",
                )
            if not self.tick():
                self._queue.wait_change(_POLL_SECONDS)
        for entry in order.entries:
            if entry.error is not None:
                raise entry.error

    def retry(self, number: int | None = None) -> None:
        """Make again what failed: one X-ray by its number in the queue, or all."""
        for order in list(self._with_failures):
            failed = [entry.id for entry in order.entries if entry.state is EntryState.FAILED]
            if number is None or number in failed:
                self._with_failures.remove(order)
                order.began = time.monotonic()
                self.orders.append(order)
        self._queue.retry(number)
        self.wake()

    def clear(self) -> None:
        """Forget everything: another file is loaded, or the add-on is disabled."""
        self._queue.close()
        self.orders.clear()
        self._with_failures.clear()
        if bpy.app.timers.is_registered(self.timer):
            bpy.app.timers.unregister(self.timer)

    def undoing(self) -> bool:
        """An undo or redo is about to happen: what no undo step knows yet is taken away, to be placed again; whether any was."""
        some = False
        for order in self.orders:
            # of these the picture stays, and would look as if nothing was lost
            for number, (painter, answer, name, _) in list(order.kept.items()):
                newest = _newest(order, painter)
                if newest is not None and newest.name in order.unstepped.renewed:
                    order.kept[number] = (painter, answer, name, _LOST)
            some = order.unstepped.withdraw(order.scene) or some
        return some

    def undone(self) -> None:
        """An undo or redo has happened: what was placed meanwhile may be gone."""
        for order in self.orders:
            order.recheck = True

    def tick(self) -> bool:
        """One step, at most one silhouette long; whether the next one should come soon."""
        soon = self._place()
        soon = self._capture() or soon
        for order in list(self.orders):
            if all(not entry.pending and entry.state is not EntryState.DONE for entry in order.entries):
                self._finish(order)
        self._redraw()
        return soon

    def _on_timer(self) -> float | None:
        soon = False
        try:
            more = self.background()
            if compat.hands_full():
                return _LATER
            soon = self.tick()
        except Exception as error:
            # a timer that raises is dropped without a word to the user
            SESSION.error = unforeseen(error)
            return _LATER if self.orders else None
        if self.orders or more:
            return _SOON if soon else _LATER
        return None

    def _capture(self) -> bool:
        entry = self._queue.next_planned()
        if entry is None:
            return False
        order = next((order for order in self.orders if order.id == entry.group), None)
        if order is None:
            self._queue.cancel(entry.id)
            return True
        shot: Shot = entry.tag
        try:
            scene = order.find_scene()
            prepared = workflow.prepare(
                bpy.context,
                order.target,
                order.find_objects(scene),
                shot.camera,
                order.style,
                order.size,
                frame=shot.frame,
                priority="normal" if len(order.entries) == 1 else "batch",
                scene=scene,
                options=order.body,
            )
        except MaskelError as error:
            self._queue.fail(entry, error)
        except Exception as error:
            self._queue.fail(entry, unforeseen(error))
        else:
            told = prepared.silhouette.warnings
            fresh = tuple(warning for warning in told if warning not in SESSION.warnings)
            SESSION.warnings = (SESSION.warnings + fresh)[:_MOST_WARNINGS]
            if shot.frame is None:
                camera = prepared.silhouette.view.camera
                look = next_look(scene, camera, order.target, order.look, order.placement)
                painter = _Painter(prepared, toning_of(order.style, look, prepared.place))
                self._queue.fill(entry, prepared.request, painter, painter)
            else:
                toning = toning_of(order.style, order.look, prepared.place)
                writer = _Writer(order.tracks[shot.camera].files, shot.frame, prepared, toning)
                kept = (shot, prepared.place, prepared.request.mask_sha256)
                self._queue.fill(entry, prepared.request, kept, writer)
        return True

    def _place(self) -> bool:
        """Place what has come; whether the time was up before all of it was placed."""
        end = time.monotonic() + BUDGET_SECONDS
        for order in self.orders:
            if order.recheck:
                self._place_again(order)
        for entry in self._queue.done():
            order = next((order for order in self.orders if order.id == entry.group), None)
            if order is not None:
                try:
                    self._place_one(order, entry)
                except MaskelError as error:
                    _forget(entry)
                    self._queue.fail(entry, error)
                except Exception as error:
                    self._queue.fail(entry, unforeseen(error))
            self._queue.placed(entry)
            if time.monotonic() > end:
                return True
        return False

    def _place_one(self, order: Order, entry: Entry) -> None:
        answer = entry.answer
        if answer is None:
            return
        if not order.tracks:
            painter: _Painter = entry.tag
            order.kept[entry.id] = _show(order, painter, answer)
            return
        shot, view, mask_sha256 = entry.tag
        track = order.tracks[shot.camera]
        track.views[shot.frame] = view
        if shot.frame < max(track.views):
            # answers come in any order; the last frame's speaks for the sequence
            return
        track.provenance = {
            "model": answer.model,
            "version": answer.version,
            "style": order.style,
            "mask_sha256": mask_sha256,
            "frame": shot.frame,
        }

    def _place_again(self, order: Order) -> None:
        order.recheck = False
        order.unstepped.sweep(order.scene)
        for number, (painter, answer, _, mark) in list(order.kept.items()):
            if _mark(_newest(order, painter)) != mark:
                try:
                    order.kept[number] = _show(order, painter, answer)
                except MaskelError as error:
                    SESSION.error = error
                    del order.kept[number]

    def _finish(self, order: Order) -> None:
        """All of an order is made: sequences, message, undo."""
        self.orders.remove(order)
        names = [name for _, _, name, _ in order.kept.values()]
        errors = [entry.error for entry in order.entries if entry.error is not None]
        for camera, track in order.tracks.items():
            if track.views:
                try:
                    names.append(_place_track(order, camera, track))
                except MaskelError as error:
                    errors.append(error)
                except Exception as error:
                    errors.append(unforeseen(error))
        if any(entry.state is EntryState.FAILED for entry in order.entries):
            self._with_failures.append(order)
        elif order.release and order.scene in bpy.data.scenes:
            choice.release(bpy.data.scenes[order.scene])
        seconds = time.monotonic() - order.began
        cancelled = sum(entry.state is EntryState.CANCELLED for entry in order.entries)
        order.kept.clear()
        # an undo step knows all of it now
        order.unstepped = Unstepped()
        if errors:
            SESSION.error = errors[0]
        SESSION.message = _message(names, len(errors), cancelled, seconds) + (
            f". {order.note}" if order.note else ""
        )
        if (names or order.tracks) and order.interactive:
            compat.push_undo("Generate X-ray" if len(names) == 1 else f"Generate {len(names)} X-rays")

    def _redraw(self) -> None:
        """The panels alone, and only if they have something else to say: a viewport may take long to draw."""
        states = [entry.state for entry in self._queue.entries]
        now = time.monotonic()
        if states != self._states or (self.orders and now - self._drawn > _REDRAW_SECONDS):
            self._states, self._drawn = states, now
            redraw_sidebars(bpy.context)


class _Painter:
    """Called on the job's thread: makes the picture, so that the main thread need not."""

    def __init__(self, prepared: workflow.Prepared, toning: Toning) -> None:
        self.prepared, self._toning = prepared, toning
        self.picture: workflow.Picture | None = None

    def __call__(self, answer: XrayAnswer) -> None:
        self.picture = workflow.picture_of(self.prepared, answer, self._toning)


class _Writer:
    """Called on the job's thread: makes the picture of a frame and writes it."""

    def __init__(self, files: SequenceFiles, frame: int, prepared: workflow.Prepared, toning: Toning) -> None:
        self._files, self._frame, self._prepared, self._toning = files, frame, prepared, toning

    def __call__(self, answer: XrayAnswer) -> None:
        self._files.write(self._frame, workflow.frame_png(self._prepared, answer, self._toning))


def _show(order: Order, painter: _Painter, answer: XrayAnswer) -> tuple[_Painter, XrayAnswer, str, object]:
    """Place an X-ray; what `Order.kept` keeps of it."""
    scene = bpy.data.scenes.get(order.scene)
    before = _newest(order, painter)
    showed = showing(before)
    had_collection = scene is not None and find_collection(scene) is not None
    shown = workflow.place(painter.prepared, answer, order.placement, order.keep, painter.picture, order.look)
    image = _newest(order, painter)
    if image is not None:
        order.unstepped.note(before, showed, image, had_collection)
    return painter, answer, shown.name, _mark(image)


def _newest(order: Order, painter: _Painter) -> bpy.types.Image | None:
    scene = bpy.data.scenes.get(order.scene)
    camera = painter.prepared.silhouette.view.camera
    return latest(scene, camera, order.target) if scene is not None else None


def _mark(image: bpy.types.Image | None) -> object:
    """What tells the newest result of a camera from the one before; None if there is none."""
    return None if image is None else (image.get("maskel_time"), image.get("maskel_mask_sha256"))


def _forget(entry: Entry) -> None:
    """An answer that cannot be used must not come again."""
    if entry.request is not None and entry.answer is not None:
        SESSION.cache.forget(answer_key(entry.request, entry.answer))


def _place_track(order: Order, camera: str, track) -> str:
    track.files.fill_gaps(set(track.views))
    scene = order.find_scene()
    return place_sequence(
        scene, order.target, camera, track.files, track.views, track.provenance, order.look
    ).name


def _message(names: list[str], failed: int, cancelled: int, seconds: float) -> str:
    parts = []
    if names:
        parts.append(f"{names[0] if len(names) == 1 else f'{len(names)} X-rays'}: {seconds:.1f} s")
    if failed:
        parts.append(f"{failed} failed")
    if cancelled:
        parts.append("Cancelled" if not names and not failed else f"{cancelled} cancelled")
    return ", ".join(parts)


PUMP = Pump(SESSION.queue)
