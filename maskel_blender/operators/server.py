"""Operators that start and stop the local server."""

from __future__ import annotations

import threading

import bpy

from .. import compat
from ..backend.command import OwnServer
from ..backend.process import ServerState
from ..errors import MaskelError
from ..preferences import job_options
from ..session import SESSION
from .redraw import redraw


class MASKEL_OT_server_start(bpy.types.Operator):
    """Start the local X-ray server now, so that the first X-ray need not wait for it"""

    bl_idname = "maskel.server_start"
    bl_label = "Start Server"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Start and return; the panel shows the state."""
        SESSION.error = None
        try:
            server = job_options(context).server
            if not isinstance(server, OwnServer):
                raise MaskelError(
                    "running_server",
                    f"A running server is named: {server.address.url}.",
                    "Clear its address to have one started here.",
                )
            SESSION.backend.start(server.command)
        except MaskelError as error:
            SESSION.error = error
            self.report({"ERROR"}, f"{error.message} {error.fix}")
            return {"CANCELLED"}
        if not compat.waits_for_results():
            bpy.app.timers.register(_follow_start, first_interval=0.3)
        return {"FINISHED"}


class MASKEL_OT_server_stop(bpy.types.Operator):
    """Stop the local X-ray server and give its memory back"""

    bl_idname = "maskel.server_stop"
    bl_label = "Stop Server"
    bl_options = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Stop; in a window without waiting for the process to end."""
        if compat.waits_for_results():
            SESSION.backend.stop()
        else:
            threading.Thread(target=SESSION.backend.stop, name="maskel-stop", daemon=True).start()
            bpy.app.timers.register(_follow_start, first_interval=0.3)
        return {"FINISHED"}


def _follow_start() -> float | None:
    """Timer: redraw the panel until the server has settled."""
    redraw(bpy.context)
    return 0.3 if SESSION.backend.state is ServerState.STARTING else None


CLASSES = (MASKEL_OT_server_start, MASKEL_OT_server_stop)
