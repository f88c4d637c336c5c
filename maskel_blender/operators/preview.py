"""The operator that switches live preview."""

from __future__ import annotations

import bpy

from ..errors import MaskelError
from ..preview import PREVIEW
from ..pump import PUMP
from ..redraw import redraw_sidebars
from ..session import SESSION

SOURCES = (
    ("CAMERA", "Camera", "Follow the scene's active camera"),
    ("VIEW", "Viewport", "Follow this viewport's own view while orbiting"),
)


class MASKEL_OT_preview(bpy.types.Operator):
    """Show a coarse X-ray that follows the character and the view, until it is switched off"""

    bl_idname = "maskel.preview"
    bl_label = "Live Preview"
    bl_options = {"INTERNAL"}

    source: bpy.props.EnumProperty(name="Source", items=SOURCES)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Switch on, over to another source, or off."""
        off = PREVIEW.on and PREVIEW.source == self.source
        PREVIEW.stop()
        if not off:
            SESSION.error = None
            try:
                PREVIEW.start(context, self.source)
            except MaskelError as error:
                SESSION.error = error
                self.report({"ERROR"}, f"{error.message} {error.fix}")
                return {"CANCELLED"}
            PUMP.wake()
        redraw_sidebars(context)
        return {"FINISHED"}


CLASSES = (MASKEL_OT_preview,)
