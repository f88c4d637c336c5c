"""The operator that makes X-rays."""

from __future__ import annotations

import bpy

from .. import compat
from ..errors import Cancelled, MaskelError
from ..jobs import START_SECONDS
from ..orders import Order, make_order
from ..pump import PUMP
from ..queue.entry import EntryState
from ..sequence.files import FOLDER, FrameRange
from ..session import SESSION
from ..settings.choices import PLACEMENTS, STYLES, TARGETS


def panel_options(settings: bpy.types.PropertyGroup) -> dict[str, str | int | bool]:
    """Properties of the operator as the panel's button gives them.

    Args:
        settings: `scene.maskel`.

    """
    frames = settings.frames
    return {
        "camera": settings.camera.name if settings.camera else "",
        "chosen": settings.views.source != "ACTIVE",
        "target": settings.target,
        "collection": settings.collection.name if settings.collection else "",
        "style": settings.style,
        "size": settings.size,
        "frames": frames.use_range,
        "frame_start": frames.start,
        "frame_end": frames.end,
        "frame_step": frames.step,
        "folder": frames.folder,
    }


class MASKEL_OT_generate(bpy.types.Operator):
    """Make an X-ray of the character as the camera sees it, and lay it over the character"""

    bl_idname = "maskel.generate"
    bl_label = "Generate X-ray"
    # the undo step is pushed when the result is there; pressing the button changes nothing yet
    bl_options = {"REGISTER"}

    camera: bpy.props.StringProperty(
        name="Camera", description="Name of the camera; empty for the scene's active one"
    )
    chosen: bpy.props.BoolProperty(
        name="Chosen Cameras",
        description="Look through the cameras that the panel From Where names, instead of one",
    )
    target: bpy.props.EnumProperty(name="Character", items=TARGETS)
    collection: bpy.props.StringProperty(
        name="Collection", description="Name of the collection, for the target Collection"
    )
    placement: bpy.props.EnumProperty(
        name="Placement",
        items=PLACEMENTS,
        # only what this very call says wins over how the X-ray is placed already
        options={"SKIP_SAVE"},
    )
    style: bpy.props.EnumProperty(name="Style", items=STYLES)
    size: bpy.props.IntProperty(
        name="Size", min=0, max=8192, description="Longer side in pixels; 0 as the render"
    )
    frames: bpy.props.BoolProperty(
        name="Frames", description="Make an image sequence of a range of frames instead of one X-ray"
    )
    frame_start: bpy.props.IntProperty(name="Start", default=1)
    frame_end: bpy.props.IntProperty(name="End", default=1)
    frame_step: bpy.props.IntProperty(name="Step", default=1, min=1)
    folder: bpy.props.StringProperty(
        name="Folder",
        default=FOLDER,
        description="Where the pictures of a sequence are written; // is the folder of the saved file",
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Called from scripts and in background mode: wait for the result."""
        try:
            order = self._order(context)
            PUMP.submit(order)
            PUMP.run(order, START_SECONDS + order.options.timeout)
            if all(entry.state is EntryState.CANCELLED for entry in order.entries):
                raise Cancelled
        except MaskelError as error:
            return self._fail(error)
        self.report({"INFO"}, f"X-ray placed: {SESSION.message}")
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Called by the button: put it into the queue and return at once."""
        # what a call does not say is as the panel says: from a menu, the search or a shortcut it is the panel's button
        given = self.properties.is_property_set
        for name, value in panel_options(context.scene.maskel).items():
            if not given(name) and not (name == "chosen" and given("camera")):
                setattr(self, name, value)
        if compat.waits_for_results() or context.window is None:
            return self.execute(context)
        try:
            order = self._order(context)
        except MaskelError as error:
            return self._fail(error)
        PUMP.submit(order)
        return {"FINISHED"}

    def _order(self, context: bpy.types.Context) -> Order:
        SESSION.error, SESSION.message = None, ""
        order = make_order(
            context,
            self.target,
            self.collection,
            None if self.chosen else self.camera,
            self.style,
            self.size,
            FrameRange(self.frame_start, self.frame_end, self.frame_step) if self.frames else None,
            self.folder,
            self.placement if self.properties.is_property_set("placement") else None,
        )
        for text in order.warnings:
            self.report({"WARNING"}, text)
        order.interactive = not compat.waits_for_results()
        if order.release and order.interactive:
            # the cameras stand in the scene from now on
            compat.push_undo("Place Rigging Cameras")
        return order

    def _fail(self, error: MaskelError) -> set[str]:
        if isinstance(error, Cancelled):
            SESSION.message = "Cancelled"
            self.report({"WARNING"}, error.message)
        else:
            SESSION.error = error
            self.report({"ERROR"}, f"{error.message} {error.fix}")
        return {"CANCELLED"}


CLASSES = (MASKEL_OT_generate,)
