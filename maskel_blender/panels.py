"""The tab "MaSkel" in the sidebar of the 3D viewport."""

from __future__ import annotations

import os
import textwrap

import bpy

from .backend.process import ServerState
from .errors import MaskelError
from .preferences import preferences
from .session import SESSION

_STATE_ICONS = {
    ServerState.NOT_FOUND: "ERROR",
    ServerState.STOPPED: "RADIOBUT_OFF",
    ServerState.STARTING: "TIME",
    ServerState.READY: "RADIOBUT_ON",
    ServerState.FAILED: "ERROR",
}


class MASKEL_PT_main(bpy.types.Panel):
    """Settings and the button."""

    bl_idname = "MASKEL_PT_main"
    bl_label = "MaSkel"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "MaSkel"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout = self.layout
        settings = context.scene.maskel
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.enabled = not SESSION.busy
        column.prop(settings, "target")
        if settings.target == "COLLECTION":
            column.prop(settings, "collection")
        column.prop(settings, "camera")
        column.prop(settings, "style")
        column.prop(settings, "size")
        job = SESSION.job
        if job is not None and job.running:
            layout.progress(factor=job.progress, text=f"{job.state.value}, {job.seconds:.0f} s")
            layout.operator("maskel.cancel", icon="CANCEL")
        else:
            row = layout.row()
            row.scale_y = 1.5
            row.operator_context = "INVOKE_DEFAULT"
            button = row.operator("maskel.generate", icon="ARMATURE_DATA")
            button.target, button.style, button.size = settings.target, settings.style, settings.size
            button.camera = settings.camera.name if settings.camera else ""
            button.collection = settings.collection.name if settings.collection else ""
            button.placement = "PLANE"
        if SESSION.error is not None:
            _error_box(layout, context, SESSION.error)
        elif SESSION.message:
            layout.label(text=SESSION.message, icon="CHECKMARK")


class MASKEL_PT_server(bpy.types.Panel):
    """The server's state in words."""

    bl_idname = "MASKEL_PT_server"
    bl_parent_id = "MASKEL_PT_main"
    bl_label = "Server"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "MaSkel"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout = self.layout
        values = preferences(context)
        running = os.environ.get("MASKEL_SERVER") or (
            values.server if values is not None and not os.environ.get("MASKEL_COMMAND") else ""
        )
        if running:
            layout.label(text=f"Uses {running}", icon="LINKED")
            return
        state = SESSION.backend.state
        layout.label(text=f"Local server: {state.value}", icon=_STATE_ICONS[state])
        failure = SESSION.backend.failure
        if failure is not None and SESSION.error is None:
            _error_box(layout, context, failure)
        if state in (ServerState.STARTING, ServerState.READY):
            layout.operator("maskel.server_stop", icon="PAUSE")
        else:
            layout.operator("maskel.server_start", icon="PLAY")


def _error_box(layout: bpy.types.UILayout, context: bpy.types.Context, error: MaskelError) -> None:
    box = layout.box()
    scale = context.preferences.system.ui_scale
    width = max(int(context.region.width / (7.5 * scale)) - 6, 16) if context.region else 40
    for text, icon in ((error.message, "ERROR"), (error.fix, "TOOL_SETTINGS")):
        for number, line in enumerate(textwrap.wrap(text, width)):
            box.label(text=line, icon=icon if number == 0 else "BLANK1")


CLASSES = (MASKEL_PT_main, MASKEL_PT_server)
