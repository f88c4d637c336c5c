"""The tab "MaSkel" in the sidebar of the 3D viewport, one module a panel; each lists its classes."""

from __future__ import annotations

from . import character, frames, history, main, preview, queue, result, server, views

CLASSES = (
    *main.CLASSES,
    *character.CLASSES,
    *views.CLASSES,
    *result.CLASSES,
    *history.CLASSES,
    *frames.CLASSES,
    *queue.CLASSES,
    *preview.CLASSES,
    *server.CLASSES,
)
