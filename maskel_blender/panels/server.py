"""The server's part of the panel: its state in words, start and stop."""

from __future__ import annotations

import os

import bpy

from ..backend.process import ServerState
from ..preferences import preferences
from ..session import SESSION
from .messages import error_box

_STATE_ICONS = {
    ServerState.NOT_FOUND: "ERROR",
    ServerState.STOPPED: "RADIOBUT_OFF",
    ServerState.STARTING: "TIME",
    ServerState.READY: "RADIOBUT_ON",
    ServerState.FAILED: "ERROR",
}


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
            error_box(layout, context, failure)
        if state in (ServerState.STARTING, ServerState.READY):
            layout.operator("maskel.server_stop", icon="PAUSE")
        else:
            layout.operator("maskel.server_start", icon="PLAY")


CLASSES = (MASKEL_PT_server,)
