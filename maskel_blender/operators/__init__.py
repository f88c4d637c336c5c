"""Operators, one module an idea; each lists its classes."""

from __future__ import annotations

from . import character, generate, presets, preview, queue, results, server, setup, views

CLASSES = (
    *character.CLASSES,
    *views.CLASSES,
    *generate.CLASSES,
    *results.CLASSES,
    *presets.CLASSES,
    *queue.CLASSES,
    *preview.CLASSES,
    *server.CLASSES,
    *setup.CLASSES,
)
