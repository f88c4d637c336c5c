"""Operators, one module an idea; each lists its classes."""

from __future__ import annotations

from . import generate, server, setup

CLASSES = (*generate.CLASSES, *server.CLASSES, *setup.CLASSES)
