"""MaSkel for Blender: an X-ray of a character from its silhouette, registered to the camera.

Importing the package touches neither bpy nor the user's files, so `client` and `backend` are usable and tested without Blender.
"""

from __future__ import annotations

__version__ = "0.1.0"


def register() -> None:
    """Called by Blender when the extension is enabled."""
    from . import registration

    registration.register()


def unregister() -> None:
    """Called by Blender when the extension is disabled, or when Blender quits."""
    from . import registration

    registration.unregister()
