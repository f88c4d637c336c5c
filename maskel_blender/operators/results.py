"""Operators on results: show, hide, step through versions, delete, use settings again, save."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..errors import MaskelError
from ..placement import results, visibility
from ..placement.images import png_of
from ..placement.roles import is_picture
from ..placement.state import quietly, read_look, write_look
from ..redraw import redraw
from ..session import SESSION
from ..settings.result import chosen_result


class _ResultOperator:
    """Finds the result by name, or takes the one the panels speak of; a typed error becomes a report."""

    result: bpy.props.StringProperty(
        name="Result",
        description="Name of the result's image; empty for the one picked in the panel",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with something to act on."""
        if context.scene is None or not results.all_results():
            cls.poll_message_set("There is no X-ray in this file yet")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Act on the result."""
        try:
            image = self._find(context)
            if image.library is not None:
                raise MaskelError(
                    "linked",
                    f'"{image.name}" is linked from another file.',
                    "Change it there, or make it local first.",
                )
            self.act(context, image)
        except MaskelError as error:
            SESSION.error = error
            self.report({"ERROR"}, f"{error.message} {error.fix}")
            return {"CANCELLED"}
        SESSION.error = None
        redraw(context)
        return {"FINISHED"}

    def _find(self, context: bpy.types.Context) -> bpy.types.Image:
        named = bpy.data.images.get(self.result)
        image = named if self.result else chosen_result(context.scene.maskel.result)
        if image is None or not is_picture(image):
            raise MaskelError("no_result", f'There is no X-ray "{self.result}".', "Pick one in the history.")
        return image


class MASKEL_OT_result_show(_ResultOperator, bpy.types.Operator):
    """Show or hide this X-ray; what you have hidden by Blender's own means stays hidden"""

    bl_idname = "maskel.result_show"
    bl_label = "Show or Hide X-ray"
    bl_options = {"REGISTER", "UNDO"}

    def act(self, _context: bpy.types.Context, image: bpy.types.Image) -> None:
        """Turn its visibility over; an older version takes the newer one's place."""
        if visibility.OLDER in visibility.reasons(image):
            visibility.set_reason(image, visibility.ASKED, False)
            results.show_version(image)
        else:
            visibility.set_reason(image, visibility.ASKED, visibility.ASKED not in visibility.reasons(image))


class MASKEL_OT_result_delete(_ResultOperator, bpy.types.Operator):
    """Delete this X-ray with the plane, Empty or background that shows it"""

    bl_idname = "maskel.result_delete"
    bl_label = "Delete X-ray"
    bl_options = {"REGISTER", "UNDO"}

    def act(self, context: bpy.types.Context, image: bpy.types.Image) -> None:
        """Delete it."""
        settings = context.scene.maskel.result
        if settings.chosen == image.name_full:
            settings.chosen = ""
        results.delete(image)


class MASKEL_OT_result_settings(_ResultOperator, bpy.types.Operator):
    """Take this X-ray's settings for the next one"""

    bl_idname = "maskel.result_settings"
    bl_label = "Use These Settings Again"
    bl_options = {"REGISTER", "UNDO"}

    def act(self, context: bpy.types.Context, image: bpy.types.Image) -> None:
        """Copy them to the scene."""
        use_again(context.scene, image)


class MASKEL_OT_version_step(_ResultOperator, bpy.types.Operator):
    """Show the version before or after the one that is shown"""

    bl_idname = "maskel.version_step"
    bl_label = "Step Through Versions"
    bl_options = {"REGISTER", "UNDO"}

    step: bpy.props.IntProperty(name="Step", default=-1, description="-1 to the older, 1 to the newer")

    def act(self, context: bpy.types.Context, image: bpy.types.Image) -> None:
        """Step, and stay at the ends."""
        found = results.versions(image)
        shown = [other for other in found if visibility.OLDER not in visibility.reasons(other)]
        at = found.index(shown[-1] if shown else image)
        chosen = found[min(max(at + self.step, 0), len(found) - 1)]
        results.show_version(chosen)
        context.scene.maskel.result.chosen = chosen.name_full


class MASKEL_OT_versions_delete_older(_ResultOperator, bpy.types.Operator):
    """Delete all versions older than this one"""

    bl_idname = "maskel.versions_delete_older"
    bl_label = "Delete Older Versions"
    bl_options = {"REGISTER", "UNDO"}

    def act(self, _context: bpy.types.Context, image: bpy.types.Image) -> None:
        """Delete them."""
        found = results.versions(image)
        older = found[: found.index(image)]
        for other in older:
            results.delete(other)
        self.report({"INFO"}, f"{len(older)} older versions deleted")


class MASKEL_OT_result_save(_ResultOperator, bpy.types.Operator):
    """Write this X-ray as a PNG file that says where it comes from"""

    bl_idname = "maskel.result_save"
    bl_label = "Save X-ray As..."

    filepath: bpy.props.StringProperty(subtype="FILE_PATH")
    filter_glob: bpy.props.StringProperty(default="*.png", options={"HIDDEN"})
    check_existing: bpy.props.BoolProperty(default=True, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask where to."""
        try:
            image = self._find(context)
        except MaskelError as error:
            self.report({"ERROR"}, f"{error.message} {error.fix}")
            return {"CANCELLED"}
        self.result = image.name
        self.filepath = f"{bpy.path.clean_name(image.name)}.png"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def act(self, _context: bpy.types.Context, image: bpy.types.Image) -> None:
        """Write it."""
        if not self.filepath:
            raise MaskelError("no_file", "No file is named.", "Name one to write.")
        path = Path(bpy.path.abspath(bpy.path.ensure_ext(self.filepath, ".png")))
        try:
            path.write_bytes(png_of(image))
        except OSError as error:
            raise MaskelError(
                "cannot_write",
                f'"{path}" cannot be written: {error.strerror or error}.',
                "Choose a folder you may write to.",
            ) from None
        self.report({"INFO"}, f"Saved {path}")


def use_again(scene: bpy.types.Scene, image: bpy.types.Image) -> None:
    """Copy a result's settings to the scene: style, look, size, and its camera if it is still there."""
    settings = scene.maskel
    write_look(settings.result.look, read_look(image.maskel.look))
    with quietly():
        settings.style = image.maskel.style
    settings.size = int(image.get("maskel_size", 0))
    camera = scene.objects.get(str(image.get("maskel_camera", "")))
    if camera is not None and camera.type == "CAMERA":
        settings.camera = camera
        settings.views.source = "ACTIVE"


CLASSES = (
    MASKEL_OT_result_show,
    MASKEL_OT_result_delete,
    MASKEL_OT_result_settings,
    MASKEL_OT_version_step,
    MASKEL_OT_versions_delete_older,
    MASKEL_OT_result_save,
)
