"""Operators that start, stop and look after the local server."""

from __future__ import annotations

import threading
from collections.abc import Callable

import bpy

from .. import compat, support
from ..backend.command import OwnServer
from ..backend.process import ServerState
from ..client.http import HttpClient
from ..errors import MaskelError
from ..preferences import job_options, watched
from ..redraw import redraw_sidebars
from ..session import SESSION

_LOG_NAME = "MaSkel server log"


class MASKEL_OT_server_start(bpy.types.Operator):
    """Start the local X-ray server now, so that the first X-ray need not wait for it"""

    bl_idname = "maskel.server_start"
    bl_label = "Start Server"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Start and return; the panel shows the state."""
        return _start(self, context)


class MASKEL_OT_server_stop(bpy.types.Operator):
    """Stop the local X-ray server and give its memory back"""

    bl_idname = "maskel.server_stop"
    bl_label = "Stop Server"
    bl_options = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Stop; in a window without waiting for the process to end."""
        _aside(SESSION.backend.stop)
        return {"FINISHED"}


class MASKEL_OT_server_restart(bpy.types.Operator):
    """Stop the local X-ray server and start it again"""

    bl_idname = "maskel.server_restart"
    bl_label = "Restart Server"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Stop and start; in a window without waiting."""
        return _start(self, context, again=True)


class MASKEL_OT_server_free_memory(bpy.types.Operator):
    """Have the server unload the model, for Cycles or another program; the next X-ray loads it again"""

    bl_idname = "maskel.server_free_memory"
    bl_label = "Free Memory"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Ask the server; in a window without waiting for its answer."""
        if SESSION.busy:
            self.report({"WARNING"}, "An X-ray is in the making. Wait for it, or cancel it.")
            return {"CANCELLED"}
        SESSION.error = None
        ask = watched(context).endpoint

        def free() -> None:
            endpoint = ask()
            if endpoint is None:
                raise MaskelError("no_server", "No server runs.", "There is nothing to free.")
            HttpClient(endpoint.address, endpoint.token, allow_remote=endpoint.allow_remote).free_memory()

        _aside(free)
        return _told(self)


class MASKEL_OT_server_log(bpy.types.Operator):
    """Put the server's log into a text of this file, and show it in a window of its own"""

    bl_idname = "maskel.server_log"
    bl_label = "Show Log"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Without names and secrets, for a text is saved with the file."""
        text = bpy.data.texts.get(_LOG_NAME) or bpy.data.texts.new(_LOG_NAME)
        text.clear()
        text.write(
            support.whole_log() or "There is no log yet: neither an installation nor a server has run.\n"
        )
        if not compat.waits_for_results() and context.window is not None:
            _show_text(context, text)
        self.report({"INFO"}, f'The log is the text "{_LOG_NAME}"')
        return {"FINISHED"}


class MASKEL_OT_copy_diagnostics(bpy.types.Operator):
    """Copy versions, settings, the server's state and the end of its log, without names, paths of yours or secrets"""

    bl_idname = "maskel.copy_diagnostics"
    bl_label = "Copy Diagnostics"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Only what is known already: nothing is asked of the server here."""
        context.window_manager.clipboard = support.diagnostics(context)
        self.report({"INFO"}, "Diagnostics copied; paste them where you ask for help")
        return {"FINISHED"}


def _start(operator: bpy.types.Operator, context: bpy.types.Context, again: bool = False) -> set[str]:
    SESSION.error = None
    try:
        server = job_options(context).server
        if not isinstance(server, OwnServer):
            raise MaskelError(
                "running_server",
                f"A running server is named: {server.address.url}.",
                "Clear its address to have one started here.",
            )
        if not again:
            SESSION.backend.start(server.command, server.published)
            _follow()
            return {"FINISHED"}
    except MaskelError as error:
        SESSION.error = error
        return _told(operator)

    def restart() -> None:
        SESSION.backend.stop()
        SESSION.backend.start(server.command, server.published)

    _aside(restart)
    return _told(operator)


def _aside(work: Callable[[], None]) -> None:
    """Do what may wait: on a thread of its own where there is a window, else here. An error goes to the panel."""

    def run() -> None:
        try:
            work()
        except MaskelError as error:
            SESSION.error = error

    if compat.waits_for_results():
        run()
        return
    threading.Thread(target=run, name="maskel-server-work", daemon=True).start()
    _follow()


def _told(operator: bpy.types.Operator) -> set[str]:
    error = SESSION.error
    if error is None:
        return {"FINISHED"}
    operator.report({"ERROR"}, f"{error.message} {error.fix}")
    return {"CANCELLED"}


def _follow() -> None:
    if not compat.waits_for_results() and not bpy.app.timers.is_registered(follow_start):
        bpy.app.timers.register(follow_start, first_interval=0.3, persistent=True)


def follow_start() -> float | None:
    """Timer: redraw the panel until the server has settled."""
    redraw_sidebars(bpy.context)
    return 0.3 if SESSION.backend.state is ServerState.STARTING else None


def _show_text(context: bpy.types.Context, text: bpy.types.Text) -> None:
    """A window of its own: the user's areas stay as they are."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "TEXT_EDITOR" and area.spaces.active.text == text:
                area.tag_redraw()
                return
    bpy.ops.wm.window_new()
    area = context.window_manager.windows[-1].screen.areas[0]
    area.type = "TEXT_EDITOR"
    area.spaces.active.text = text


CLASSES = (
    MASKEL_OT_server_start,
    MASKEL_OT_server_stop,
    MASKEL_OT_server_restart,
    MASKEL_OT_server_free_memory,
    MASKEL_OT_server_log,
    MASKEL_OT_copy_diagnostics,
)
