"""The tab "MaSkel" in the sidebar of the 3D viewport, one module a panel; each lists its classes."""

from __future__ import annotations

from . import history, main, result, server

CLASSES = (*main.CLASSES, *result.CLASSES, *history.CLASSES, *server.CLASSES)
