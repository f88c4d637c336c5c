"""Which frames."""

from __future__ import annotations

import bpy

from ..errors import MaskelError
from ..orders import frames_folder
from ..placement.background import switched_off_sequences
from ..sequence.files import FrameRange
from .messages import error_box, hint


class MASKEL_PT_frames(bpy.types.Panel):
    """A frame range as an image sequence."""

    bl_idname = "MASKEL_PT_frames"
    bl_parent_id = "MASKEL_PT_main"
    bl_label = "Frames"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "MaSkel"
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header(self, context: bpy.types.Context) -> None:
        """The switch."""
        self.layout.prop(context.scene.maskel.frames, "use_range", text="")

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout = self.layout
        frames = context.scene.maskel.frames
        column = layout.column()
        column.active = frames.use_range
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(frames, "start")
        column.prop(frames, "end")
        column.prop(frames, "step")
        column.prop(frames, "folder")
        if not frames.use_range:
            return
        try:
            count = len(FrameRange(frames.start, frames.end, frames.step).frames)
            layout.label(text=f"{count} pictures", icon="RENDER_ANIMATION")
            message = frames_folder(frames.folder)[1]
        except MaskelError as error:
            error_box(layout, context, error)
        else:
            hint(
                layout,
                context,
                "Frames are shown as What Comes Back says and renewed in place. For another style, look or placement generate "
                "them again: the model is not asked anew.",
            )
            for camera in switched_off_sequences(context.scene):
                hint(layout, context, f'The background images of "{camera.name}" are switched off.', "ERROR")
                layout.prop(camera, "show_background_images")
            if message:
                hint(layout, context, "The file is not saved: the frames go to the extension's own folder.")


CLASSES = (MASKEL_PT_frames,)
