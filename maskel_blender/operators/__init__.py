"""Operators, one module an idea; each lists its classes."""

from __future__ import annotations

from . import generate, server

CLASSES = (*generate.CLASSES, *server.CLASSES)
