"""Operators for the list of cameras and the rigging set."""

from __future__ import annotations

import bpy

from .. import targets
from ..errors import MaskelError
from ..session import SESSION
from ..silhouette.camera import find_camera
from ..views import rigging


def _selected_cameras(context: bpy.types.Context) -> list[bpy.types.Object]:
    return [item for item in context.view_layer.objects if item.select_get() and item.type == "CAMERA"]


class MASKEL_OT_cameras_add(bpy.types.Operator):
    """Add the selected cameras to the list"""

    bl_idname = "maskel.cameras_add"
    bl_label = "Add Selected Cameras"
    bl_options = {"REGISTER", "UNDO"}
    REASON = "Select cameras first"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A camera must be selected."""
        if not _selected_cameras(context):
            cls.poll_message_set(cls.REASON)
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add those that can be used, each once; say why of the others."""
        settings = context.scene.maskel.views
        known = {entry.object for entry in settings.cameras}
        for item in _selected_cameras(context):
            try:
                find_camera(context.scene, item.name)
            except MaskelError as error:
                self.report({"WARNING"}, f"{error.message} {error.fix}")
                continue
            if item not in known:
                settings.cameras.add().object = item
        settings.cameras_index = len(settings.cameras) - 1
        return {"FINISHED"}


class MASKEL_OT_cameras_remove(bpy.types.Operator):
    """Take a camera off the list"""

    bl_idname = "maskel.cameras_remove"
    bl_label = "Take off the List"
    bl_options = {"REGISTER", "UNDO"}

    index: bpy.props.IntProperty(
        name="Index", default=-1, min=-1, description="Which of the list; -1 for all"
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Take it off."""
        entries = context.scene.maskel.views.cameras
        if self.index < 0:
            entries.clear()
        elif self.index < len(entries):
            entries.remove(self.index)
        else:
            self.report({"ERROR"}, f"The list has no entry {self.index}.")
            return {"CANCELLED"}
        return {"FINISHED"}


class MASKEL_OT_rigging_add(bpy.types.Operator):
    """Place the rigging set's cameras around the character in its current pose; those that are there are moved"""

    bl_idname = "maskel.rigging_add"
    bl_label = "Place Rigging Cameras"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Find the character and place them."""
        SESSION.error = None
        try:
            names = rigging.place(context, targets.of_settings(context)[1])
        except MaskelError as error:
            SESSION.error = error
            self.report({"ERROR"}, f"{error.message} {error.fix}")
            return {"CANCELLED"}
        self.report({"INFO"}, f"Placed: {', '.join(names)}")
        return {"FINISHED"}


class MASKEL_OT_rigging_remove(bpy.types.Operator):
    """Remove the cameras of the rigging set, but for one that is the scene's active camera"""

    bl_idname = "maskel.rigging_remove"
    bl_label = "Remove Rigging Cameras"
    bl_options = {"REGISTER", "UNDO"}
    REASON = "No cameras are placed yet"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be some."""
        if not rigging.cameras(context.scene):
            cls.poll_message_set(cls.REASON)
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Remove them."""
        self.report({"INFO"}, f"Removed {rigging.remove(context.scene)} cameras")
        return {"FINISHED"}


CLASSES = (
    MASKEL_OT_cameras_add,
    MASKEL_OT_cameras_remove,
    MASKEL_OT_rigging_add,
    MASKEL_OT_rigging_remove,
)
