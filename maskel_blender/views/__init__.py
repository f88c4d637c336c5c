"""Where the character is seen from: the choice of cameras, and the rigging set around it."""

from __future__ import annotations

from .choice import Choice, choose, release, standing

__all__ = ["Choice", "choose", "release", "standing"]
