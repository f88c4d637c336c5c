"""All differences between Blender 4.2 and 5.2, and between a window, `blender -b` and the bpy module, in one place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy

PLANAR_CAMERAS = ("PERSP", "ORTHO")
"""Camera types with a projection matrix; Blender answers with a perspective matrix for all others."""

_RENDER_HANDLERS = (
    "render_pre",
    "render_post",
    "render_init",
    "render_complete",
    "render_cancel",
    "render_write",
    "render_stats",
    "frame_change_pre",
    "frame_change_post",
    "depsgraph_update_pre",
    "depsgraph_update_post",
)


def waits_for_results() -> bool:
    """True where neither timers nor modal operators run: `blender -b`, and the bpy module."""
    return bpy.app.background


def online_access() -> bool:
    """Whether the user allows the internet; loopback never needs it."""
    return bool(getattr(bpy.app, "online_access", True))


def private_folder(package: str, name: str) -> Path | None:
    """A folder of the extension's own, kept over updates; not made yet. None where the add-on is no extension."""
    try:
        return Path(bpy.utils.extension_path_user(package, path=name))
    except ValueError:
        return None


def use_nodes(material: bpy.types.Material) -> bpy.types.NodeTree:
    """The material's node tree; from 5.0 on every material has one and setting `use_nodes` warns."""
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True
    return material.node_tree


def scene_has_camera(kind: str) -> bool:
    """Whether a camera type has a planar projection."""
    return kind in PLANAR_CAMERAS


@contextmanager
def quiet_handlers() -> Iterator[None]:
    """Keep other add-ons' render and frame handlers from running for a scene that is not the user's."""
    saved = {
        name: list(handlers)
        for name in _RENDER_HANDLERS
        if (handlers := getattr(bpy.app.handlers, name, None))
    }
    try:
        for name in saved:
            getattr(bpy.app.handlers, name).clear()
        yield
    finally:
        for name, handlers in saved.items():
            getattr(bpy.app.handlers, name).extend(handlers)
