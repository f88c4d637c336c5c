"""What is saved with the scene. Groups come before the group that holds them."""

from __future__ import annotations

from . import character, frames, result, scene, views
from .result import MaskelPicture
from .scene import MaskelSettings

CLASSES = (
    *character.CLASSES,
    *views.CLASSES,
    *result.CLASSES,
    *frames.CLASSES,
    *scene.CLASSES,
)

__all__ = ["CLASSES", "MaskelPicture", "MaskelSettings"]
