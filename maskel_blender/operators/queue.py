"""Operators on the queue: cancel, try again."""

from __future__ import annotations

import bpy

from ..pump import PUMP
from ..queue.entry import EntryState
from ..session import SESSION


class MASKEL_OT_cancel(bpy.types.Operator):
    """Cancel X-rays that are in the making or wait; what is placed stays"""

    bl_idname = "maskel.cancel"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    number: bpy.props.IntProperty(
        name="Number", default=-1, min=-1, description="Which of the queue; -1 for all", options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Only while there is something to cancel."""
        if not any(entry.pending for entry in SESSION.queue.entries):
            cls.poll_message_set("No X-ray is in the making")
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Cancel; the pump tidies up."""
        SESSION.queue.cancel(None if self.number < 0 else self.number)
        PUMP.wake()
        return {"FINISHED"}


class MASKEL_OT_retry(bpy.types.Operator):
    """Try again what failed"""

    bl_idname = "maskel.retry"
    bl_label = "Retry"
    bl_options = {"INTERNAL"}

    number: bpy.props.IntProperty(
        name="Number", default=-1, min=-1, description="Which of the queue; -1 for all", options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Only where something failed."""
        if not any(entry.state is EntryState.FAILED for entry in SESSION.queue.entries):
            cls.poll_message_set("No X-ray has failed")
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Put it back into the line."""
        SESSION.error, SESSION.message = None, ""
        PUMP.retry(None if self.number < 0 else self.number)
        return {"FINISHED"}


CLASSES = (MASKEL_OT_cancel, MASKEL_OT_retry)
