"""Keeps what is shown of the server fresh, as long as it is shown."""

from __future__ import annotations

import time

import bpy

from .. import compat
from ..preferences import watched
from ..redraw import redraw_sidebars
from ..session import SESSION

_TICK_SECONDS = 0.5
_REDRAW_SECONDS = 2.0
_shown = {"revision": -1, "time": 0.0}


def keep_fresh(context: bpy.types.Context) -> None:
    """Called by who draws the server's state; asks nobody here."""
    if compat.waits_for_results():
        return
    SESSION.monitor.look(watched(context))
    if not bpy.app.timers.is_registered(tick):
        bpy.app.timers.register(tick, first_interval=_TICK_SECONDS)


def tick() -> float | None:
    """Timer: redraw what has changed, and now and then all; a panel that is not drawn any more lets the monitor end."""
    monitor = SESSION.monitor
    now = time.monotonic()
    if monitor.revision != _shown["revision"] or now - _shown["time"] > _REDRAW_SECONDS:
        _shown.update(revision=monitor.revision, time=now)
        redraw_sidebars(bpy.context)
    return _TICK_SECONDS if monitor.running else None
