"""All differences between Blender 4.2 and 5.2, and between a window, `blender -b` and the bpy module, in one place."""

from __future__ import annotations

import signal
import threading
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


BLEND_PATH = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set()
"""Options of a path that may begin with //: where Blender knows them, it marks such a path red without."""


def waits_for_results() -> bool:
    """True where neither timers nor modal operators run: `blender -b`, and the bpy module."""
    return bpy.app.background


def survive_broken_pipes() -> None:
    """Have a connection that breaks raise an error; in Blender 4.3 the signal of it ends Blender.

    It stays so when the add-on goes, as its threads may still be sending then. Programs that Python starts are not affected.
    """
    broken = getattr(signal, "SIGPIPE", None)
    if broken is None or threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(broken) == signal.SIG_DFL:
        signal.signal(broken, signal.SIG_IGN)


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


def new_action(item: bpy.types.Object, name: str) -> bpy.types.Action:
    """An empty action of our own on an object, in place of the one it has."""
    item.animation_data_create()
    old = item.animation_data.action
    if old is not None:
        bpy.data.actions.remove(old)
    item.animation_data.action = bpy.data.actions.new(name)
    return item.animation_data.action


def new_fcurve(action: bpy.types.Action, item: bpy.types.Object, path: str, index: int) -> bpy.types.FCurve:
    """A curve of the object's action; from 4.4 on actions have slots, and from 5.0 on nothing else."""
    if hasattr(action, "fcurve_ensure_for_datablock"):
        return action.fcurve_ensure_for_datablock(item, path, index=index)
    return action.fcurves.new(path, index=index)


_EDITING = (
    "TRANSFORM_OT_",
    "SCULPT_OT_",
    "PAINT_OT_",
    "MESH_OT_",
    "CURVE_OT_",
    "CURVES_OT_",
    "POSE_OT_",
    "ARMATURE_OT_",
)


def hands_full(transforming: bool = True) -> bool:
    """Whether Blender renders, or the user is in the middle of a stroke or a drag: then nothing may change under them.

    Args:
        transforming: Whether moving, turning and scaling count too.

    """
    if bpy.app.is_job_running("RENDER"):
        return True
    return any(
        operator.bl_idname.startswith(_EDITING)
        and (transforming or not operator.bl_idname.startswith("TRANSFORM_OT_"))
        for window in bpy.context.window_manager.windows
        for operator in window.modal_operators
    )


def push_undo(message: str) -> bool:
    """One undo step of what was done outside of operators; False where Blender keeps none."""
    windows = bpy.context.window_manager.windows
    if not windows or not bpy.context.preferences.edit.use_global_undo:
        return False
    with bpy.context.temp_override(window=windows[0]):
        return bpy.ops.ed.undo_push(message=message) == {"FINISHED"}


def user_folder() -> Path | None:
    """The extension's own folder among the user's files; not made yet. None where it is not installed as an extension."""
    return private_folder(__package__, "")


def remove_scene(scene: bpy.types.Scene) -> None:
    """Remove a scene that no window shows; Blender 4.2 and 4.3 crash if the context has no window, as in `--command`."""
    windows = bpy.context.window_manager.windows
    if bpy.context.window is not None or not windows:
        bpy.data.scenes.remove(scene)
        return
    with bpy.context.temp_override(window=windows[0]):
        bpy.data.scenes.remove(scene)
