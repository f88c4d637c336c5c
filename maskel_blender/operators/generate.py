"""Operators that make X-rays: generate, cancel."""

from __future__ import annotations

import bpy

from .. import compat, targets, workflow
from ..errors import Cancelled, MaskelError
from ..jobs import START_SECONDS, Job
from ..preferences import job_options
from ..session import SESSION
from ..settings.choices import PLACEMENTS, STYLES, TARGETS
from .redraw import redraw

_POLL_SECONDS = 0.1


class MASKEL_OT_generate(bpy.types.Operator):
    """Make an X-ray of the character as the camera sees it, and lay it over the character"""

    bl_idname = "maskel.generate"
    bl_label = "Generate X-ray"
    bl_options = {"REGISTER", "UNDO"}

    camera: bpy.props.StringProperty(
        name="Camera", description="Name of the camera; empty for the scene's active one"
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

    _prepared: workflow.Prepared
    _job: Job
    _timer: bpy.types.Timer | None = None

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Called from scripts and in background mode: wait for the result."""
        try:
            self._begin(context)
            self._job.wait(START_SECONDS + job_options(context).timeout)
            return self._finish()
        except MaskelError as error:
            return self._fail(error)
        finally:
            SESSION.job = None

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Called by the button: return at once and look after the job by timer."""
        if compat.waits_for_results() or context.window is None:
            return self.execute(context)
        try:
            self._begin(context)
        except MaskelError as error:
            return self._fail(error)
        manager = context.window_manager
        self._timer = manager.event_timer_add(_POLL_SECONDS, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Show progress, listen for ESC, and place the picture when it is there."""
        if event.type == "ESC" and event.value == "PRESS":
            self._job.cancel()
        elif event.type != "TIMER":
            return {"PASS_THROUGH"}
        if self._job.running:
            if context.workspace is not None:
                context.workspace.status_text_set(
                    f"MaSkel: {self._job.state.value}, {self._job.seconds:.0f} s    ESC: Cancel"
                )
            redraw(context)
            return {"PASS_THROUGH"}
        self._tidy(context)
        try:
            return self._finish()
        except MaskelError as error:
            return self._fail(error)
        finally:
            redraw(context)

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender itself ends the operator: a file is loaded, or it quits."""
        self._job.cancel()
        self._tidy(context)

    def _begin(self, context: bpy.types.Context) -> None:
        if SESSION.busy:
            raise MaskelError("busy", "An X-ray is already in the making.", "Wait for it, or cancel it.")
        SESSION.error, SESSION.message = None, ""
        # asked first: it is cheap, and without a server the silhouette would be for nothing
        options = job_options(context)
        name, objects = targets.resolve(context, self.target, self.collection)
        self._prepared = workflow.prepare(context, name, objects, self.camera, self.style, self.size)
        SESSION.job = self._job = Job(self._prepared.request, options, SESSION.backend)

    def _finish(self) -> set[str]:
        answer = self._job.result()
        placement = self.placement if self.properties.is_property_set("placement") else None
        plane = workflow.place(self._prepared, answer, placement)
        SESSION.message = f"{plane.name}: {self._job.seconds:.1f} s"
        self.report({"INFO"}, f"X-ray placed: {plane.name}")
        return {"FINISHED"}

    def _fail(self, error: MaskelError) -> set[str]:
        if isinstance(error, Cancelled):
            SESSION.message = "Cancelled"
            self.report({"WARNING"}, error.message)
        else:
            SESSION.error = error
            self.report({"ERROR"}, f"{error.message} {error.fix}")
        return {"CANCELLED"}

    def _tidy(self, context: bpy.types.Context) -> None:
        SESSION.job = None
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        if context.workspace is not None:
            context.workspace.status_text_set(None)


class MASKEL_OT_cancel(bpy.types.Operator):
    """Cancel the X-ray in the making"""

    bl_idname = "maskel.cancel"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Only while there is something to cancel."""
        return SESSION.busy

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Cancel; the running operator notices and ends."""
        if SESSION.job is not None:
            SESSION.job.cancel()
        return {"FINISHED"}


CLASSES = (MASKEL_OT_generate, MASKEL_OT_cancel)
