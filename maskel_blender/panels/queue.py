"""The queue: what is in the making, what waits, what failed and why."""

from __future__ import annotations

import bpy

from ..queue.entry import Entry, EntryState
from ..session import SESSION
from .messages import error_box

_ICONS = {
    EntryState.PLANNED: "TIME",
    EntryState.WAITING: "TIME",
    EntryState.IN_FLIGHT: "PLAY",
    EntryState.RETRYING: "FILE_REFRESH",
    EntryState.DONE: "CHECKMARK",
    EntryState.PLACED: "CHECKMARK",
    EntryState.FAILED: "ERROR",
    EntryState.CANCELLED: "X",
}
ROWS = 8


class MASKEL_PT_queue(bpy.types.Panel):
    """Each X-ray with its state in words."""

    bl_idname = "MASKEL_PT_queue"
    bl_parent_id = "MASKEL_PT_main"
    bl_label = "Queue"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "MaSkel"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """With more than one X-ray, or one that failed."""
        entries = SESSION.queue.entries
        return len(entries) > 1 or any(entry.state is EntryState.FAILED for entry in entries)

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout = self.layout
        entries = SESSION.queue.entries
        shown = _most_telling(entries)
        column = layout.column(align=True)
        for entry in shown:
            row = column.row()
            row.label(text=f"{entry.label}: {entry.words}", icon=_ICONS[entry.state])
            if entry.pending:
                row.operator("maskel.cancel", text="", icon="X", emboss=False).number = entry.id
            elif entry.state is EntryState.FAILED:
                row.operator("maskel.retry", text="", icon="FILE_REFRESH", emboss=False).number = entry.id
        if len(entries) > len(shown):
            layout.label(text=f"and {len(entries) - len(shown)} more")
        summary = SESSION.queue.summary()
        if summary.failed:
            first = next(entry for entry in entries if entry.error is not None)
            if first.error is not SESSION.error:
                error_box(layout, context, first.error)


def _most_telling(entries: list[Entry]) -> list[Entry]:
    """A few: what is in the making and failed first, then what comes next, then what is done."""
    rank = {EntryState.IN_FLIGHT: 0, EntryState.FAILED: 1, EntryState.RETRYING: 2}
    chosen = sorted(entries, key=lambda entry: (rank.get(entry.state, 3 if entry.pending else 4), entry.id))
    return sorted(chosen[:ROWS], key=lambda entry: entry.id)


CLASSES = (MASKEL_PT_queue,)
