"""Operators, one module an idea; each lists its classes."""

from __future__ import annotations

from . import character, generate, preview, queue, server, views

CLASSES = (
    *character.CLASSES,
    *views.CLASSES,
    *generate.CLASSES,
    *queue.CLASSES,
    *preview.CLASSES,
    *server.CLASSES,
)
