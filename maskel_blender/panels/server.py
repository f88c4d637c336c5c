"""The server's part of the panel: its state in words, what it uses, and what can be done."""

from __future__ import annotations

import bpy

from ..backend import words
from ..errors import MaskelError
from ..install.sizes import human
from ..preferences import named_address
from ..session import SESSION
from .freshness import keep_fresh
from .messages import error_box, wrapped

_ICONS = {
    words.NOT_INSTALLED: "IMPORT",
    words.STOPPED: "RADIOBUT_OFF",
    words.STARTING: "TIME",
    words.READY: "RADIOBUT_ON",
    words.IDLE: "RADIOBUT_ON",
    words.BUSY: "SORTTIME",
    words.ELSEWHERE: "COMMUNITY",
}


def server_word(context: bpy.types.Context) -> str:
    """One of `backend.words`, from what is known without asking."""
    snapshot = SESSION.monitor.snapshot
    if named_address(context):
        return words.named_server(snapshot.status, snapshot.error is not None, SESSION.busy)
    error = snapshot.error
    installed = error is None or error.code != "maskel_not_found"
    return words.own_server(SESSION.backend.state, installed, snapshot.status, SESSION.busy)


class MASKEL_PT_server(bpy.types.Panel):
    """The server's state in words."""

    bl_idname = "MASKEL_PT_server"
    bl_parent_id = "MASKEL_PT_main"
    bl_label = "Server"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "MaSkel"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel from what the monitor has seen; nothing is asked here."""
        keep_fresh(context)
        layout = self.layout
        word, named = server_word(context), named_address(context)
        layout.label(text=f"Server: {word}", icon=_ICONS.get(word, "ERROR"))
        wrapped(layout, context, words.EXPLANATIONS[word])
        if named:
            layout.label(text=f"Uses {named}", icon="LINKED")
        elif SESSION.backend.adopted:
            layout.label(text="Started outside Blender", icon="LINKED")
        error = _error(word)
        if error is not None and SESSION.error is None:
            error_box(layout, context, error)
        _facts(layout)
        _buttons(layout, word, mine=not named and not SESSION.backend.adopted)
        header, body = layout.panel("MASKEL_PT_server_log", default_closed=True)
        header.label(text="Log and Diagnostics")
        if body is not None:
            for line in SESSION.monitor.snapshot.log:
                body.label(text=line)
            row = body.row(align=True)
            row.operator("maskel.server_log", icon="TEXT")
            row.operator("maskel.copy_diagnostics", icon="COPYDOWN")


def _error(word: str) -> MaskelError | None:
    error = SESSION.backend.failure or SESSION.monitor.snapshot.error
    return None if word == words.NOT_INSTALLED else error


def _facts(layout: bpy.types.UILayout) -> None:
    status = SESSION.monitor.snapshot.status
    if status is None:
        return
    column = layout.column(align=True)
    health = status.health
    column.label(text=f"Version {health.version}, {health.model or 'no model yet'}")
    column.label(text=f"Device: {health.device or 'not known yet'}")
    if status.memory_bytes is not None:
        column.label(text=f"Memory: {human(status.memory_bytes)}")
    if status.device_memory_bytes:
        column.label(text=f"Graphics memory: {human(status.device_memory_bytes)}")
    if status.waiting:
        column.label(text=f"Waiting X-rays: {status.waiting}")


def _buttons(layout: bpy.types.UILayout, word: str, mine: bool) -> None:
    if word == words.NOT_INSTALLED:
        layout.operator("maskel.setup_open", text="Set Up...", icon="PREFERENCES")
        return
    if word in (words.READY, words.ELSEWHERE):
        layout.operator("maskel.server_free_memory", icon="TRASH")
    if not mine:
        return
    row = layout.row(align=True)
    if word in (words.STOPPED, words.FAILED):
        row.operator("maskel.server_start", icon="PLAY")
    else:
        row.operator("maskel.server_stop", icon="PAUSE")
    if word not in (words.STOPPED, words.STARTING):
        row.operator("maskel.server_restart", text="Restart", icon="FILE_REFRESH")


CLASSES = (MASKEL_PT_server,)
