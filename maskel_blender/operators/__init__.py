"""Operators, one module an idea; each lists its classes."""

from __future__ import annotations

from . import generate, presets, results, server

CLASSES = (*generate.CLASSES, *results.CLASSES, *presets.CLASSES, *server.CLASSES)
