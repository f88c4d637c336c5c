"""History of the results in the file: pick one to look at it, hide, delete, save it, or use its settings again."""

from __future__ import annotations

import bpy

from ..placement import results, visibility
from ..provenance import is_doubtful
from ..settings.result import chosen_result


class MASKEL_UL_results(bpy.types.UIList):
    """Pictures of results among the file's images, newest first."""

    bl_idname = "MASKEL_UL_results"

    def draw_item(
        self,
        _context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: object,
        image: bpy.types.Image,
        _icon: int,
        _active: object,
        _active_name: str,
        _index: int,
    ) -> None:
        """One row: name, doubt, visibility."""
        layout.label(text=image.name, icon="LINKED" if image.library is not None else "IMAGE_DATA")
        if is_doubtful(image):
            layout.label(text="", icon="ERROR")
        hidden = visibility.reasons(image)
        layout.operator(
            "maskel.result_show", text="", icon="HIDE_ON" if hidden else "HIDE_OFF", emboss=False
        ).result = image.name

    def filter_items(
        self, _context: bpy.types.Context, data: object, name: str
    ) -> tuple[list[int], list[int]]:
        """Only results that something shows."""
        images = list(getattr(data, name))
        wanted = self.filter_name.lower()
        found = set(results.all_results())
        shown = [image in found and wanted in image.name.lower() for image in images]
        flags = [self.bitflag_filter_item if keep else 0 for keep in shown]
        order = sorted(range(len(images)), key=lambda i: (shown[i], results.age(images[i])), reverse=True)
        places = [0] * len(images)
        for place, i in enumerate(order):
            places[i] = place
        return flags, places


class MASKEL_PT_history(bpy.types.Panel):
    """Results in this file"""

    bl_idname = "MASKEL_PT_history"
    bl_label = "History"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "MaSkel"
    bl_parent_id = "MASKEL_PT_main"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout = self.layout
        settings = context.scene.maskel.result
        image = chosen_result(settings)
        if image is None:
            layout.label(text="No X-ray in this file yet", icon="INFO")
            return
        manager = context.window_manager
        layout.template_list(
            "MASKEL_UL_results", "", bpy.data, "images", manager, "maskel_result_row", rows=3
        )
        box = layout.column(align=True)
        box.scale_y = 0.8
        for text in describe(image):
            box.label(text=text)
        found = results.versions(image)
        if len(found) > 1:
            row = layout.row(align=True)
            row.operator("maskel.version_step", text="Older", icon="TRIA_LEFT").step = -1
            row.operator("maskel.version_step", text="Newer", icon="TRIA_RIGHT").step = 1
            row.operator("maskel.versions_delete_older", text="", icon="TRASH").result = image.name
        column = layout.column(align=True)
        column.operator("maskel.result_settings", icon="LOOP_BACK").result = image.name
        column.operator_context = "INVOKE_DEFAULT"
        column.operator("maskel.result_save", icon="FILE_TICK").result = image.name
        column.operator("maskel.result_delete", icon="X").result = image.name


def describe(image: bpy.types.Image) -> list[str]:
    """Lines that say how a result was made."""
    lines = [
        f"{image.get('maskel_camera', '')}, frame {image.get('maskel_frame', '')}, {image.get('maskel_style', '')}",
        f"Model {image.get('maskel_model', '') or 'unknown'}, version {image.get('maskel_version', '') or 'unknown'}",
        f"Mask {str(image.get('maskel_mask_sha256', ''))[:12]}",
        str(image.get("maskel_time", "")).replace("T", " ").replace("+00:00", " UTC"),
        "Not for medical use",
    ]
    if is_doubtful(image):
        lines.insert(0, f"Doubtful: familiarity {image['maskel_familiarity']:.2f}")
    return lines


CLASSES = (MASKEL_UL_results, MASKEL_PT_history)
