"""What is saved with the scene. Groups come before the group that holds them."""

from __future__ import annotations

from . import result, scene
from .result import MaskelPicture
from .scene import MaskelSettings

CLASSES = (*result.CLASSES, *scene.CLASSES)

__all__ = ["CLASSES", "MaskelPicture", "MaskelSettings"]
