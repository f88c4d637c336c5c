"""Settings of which frames are made."""

from __future__ import annotations

import bpy

from .. import compat
from ..sequence.files import FOLDER


class FrameSettings(bpy.types.PropertyGroup):
    """`scene.maskel.frames`."""

    use_range: bpy.props.BoolProperty(
        name="Frame Range",
        description="Make an image sequence of a range of frames, in step with the timeline, instead of one X-ray",
    )
    start: bpy.props.IntProperty(name="Start", default=1, description="First frame")
    end: bpy.props.IntProperty(name="End", default=24, description="Last frame")
    step: bpy.props.IntProperty(
        name="Step",
        default=1,
        min=1,
        soft_max=25,
        description="Make every so many-th frame; it holds between",
    )
    folder: bpy.props.StringProperty(
        name="Folder",
        subtype="DIR_PATH",
        options=compat.BLEND_PATH,
        default=FOLDER,
        description="Where the pictures are written; // is the folder of the saved file",
    )


CLASSES = (FrameSettings,)
