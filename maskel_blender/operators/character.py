"""Operators that say what counts as body, and that try a silhouette without a server."""

from __future__ import annotations

import bpy

from .. import targets, views
from ..errors import MaskelError
from ..redraw import redraw
from ..session import SESSION
from ..silhouette.camera import find_camera
from ..silhouette.capture import capture
from ..silhouette.evaluate import MESH_TYPES

_LISTS = (("OBJECT", "Object", ""), ("COLLECTION", "Collection", ""))


def _candidates(context: bpy.types.Context) -> list[bpy.types.Object]:
    """Selected objects that show in silhouettes; read from the view layer, for scripts have no 3D viewport."""
    return [
        item
        for item in context.view_layer.objects
        if item.select_get() and (item.type in MESH_TYPES or item.instance_type == "COLLECTION")
    ]


class MASKEL_OT_leave_out(bpy.types.Operator):
    """Do not count the selected objects (hair, clothes, props) as body in silhouettes"""

    bl_idname = "maskel.leave_out"
    bl_label = "Leave out of Silhouettes"
    bl_options = {"REGISTER", "UNDO"}
    REASON = "Select what is not body first"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Something must be selected that could count."""
        if not _candidates(context):
            cls.poll_message_set(cls.REASON)
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add them to the list, each once."""
        settings = context.scene.maskel.character
        known = {entry.object for entry in settings.left_out}
        for item in _candidates(context):
            if item not in known:
                settings.left_out.add().object = item
        settings.left_out_index = len(settings.left_out) - 1
        return {"FINISHED"}


class MASKEL_OT_leave_out_collection(bpy.types.Operator):
    """Do not count the objects of a collection as body in silhouettes"""

    bl_idname = "maskel.leave_out_collection"
    bl_label = "Leave Collection out of Silhouettes"
    bl_options = {"REGISTER", "UNDO"}

    collection: bpy.props.StringProperty(
        name="Collection", description="Name of the collection; empty for the active one of the outliner"
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add it to the list, once."""
        chosen = bpy.data.collections.get(self.collection) if self.collection else context.collection
        if chosen is None or chosen == context.scene.collection:
            self.report(
                {"ERROR"}, "Click a collection in the outliner first; the whole scene cannot be left out."
            )
            return {"CANCELLED"}
        settings = context.scene.maskel.character
        if chosen not in {entry.collection for entry in settings.left_out_collections}:
            settings.left_out_collections.add().collection = chosen
        settings.left_out_collections_index = len(settings.left_out_collections) - 1
        return {"FINISHED"}


class MASKEL_OT_count_again(bpy.types.Operator):
    """Count it as body again"""

    bl_idname = "maskel.count_again"
    bl_label = "Count as Body Again"
    bl_options = {"REGISTER", "UNDO"}

    kind: bpy.props.EnumProperty(name="List", items=_LISTS)
    index: bpy.props.IntProperty(
        name="Index", default=-1, min=-1, description="Which of the list; -1 for all"
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Take it off the list."""
        settings = context.scene.maskel.character
        entries = settings.left_out if self.kind == "OBJECT" else settings.left_out_collections
        if self.index < 0:
            entries.clear()
        elif self.index < len(entries):
            entries.remove(self.index)
        else:
            self.report({"ERROR"}, f"The list has no entry {self.index}.")
            return {"CANCELLED"}
        return {"FINISHED"}


class MASKEL_OT_check_silhouette(bpy.types.Operator):
    """Take the silhouette without making an X-ray, and say what may be wrong with it"""

    bl_idname = "maskel.check_silhouette"
    bl_label = "Check Silhouette"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Look through each chosen camera in turn; the rigging set is looked through where it stands."""
        SESSION.error, SESSION.message, SESSION.warnings = None, "", ()
        scene = context.scene
        try:
            objects = targets.of_settings(context)[1]
            chosen = views.standing(context)
            options = targets.silhouette_options(scene)
            told = []
            for name in chosen.cameras:
                silhouette = capture(scene, objects, find_camera(scene, name), 1, options)
                SESSION.warnings += silhouette.warnings
                told.append(f"{name}: {silhouette.side}")
        except MaskelError as error:
            SESSION.error = error
            self.report({"ERROR"}, f"{error.message} {error.fix}")
            return {"CANCELLED"}
        finally:
            redraw(context)
        for refusal in chosen.refusals:
            self.report({"WARNING"}, f"{refusal.message} {refusal.fix}")
        for warning in SESSION.warnings:
            self.report({"WARNING"}, f"{warning.message} {warning.fix}")
        SESSION.message = f"Sees {', '.join(told)}"
        return {"FINISHED"}


CLASSES = (
    MASKEL_OT_leave_out,
    MASKEL_OT_leave_out_collection,
    MASKEL_OT_count_again,
    MASKEL_OT_check_silhouette,
)
