"""A layout to draw panels into without a window: it takes real properties and operators only, and tells what was drawn."""

from __future__ import annotations

import bpy


class Layout:
    """Stands for bpy.types.UILayout and all layouts within it."""

    def __init__(self, drawn: list[str] | None = None) -> None:
        self.drawn = [] if drawn is None else drawn

    def column(self, **_options: bool) -> Layout:
        return Layout(self.drawn)

    row = box = grid_flow = split = column

    def separator(self) -> None:
        pass

    def label(self, text: str = "", icon: str = "NONE") -> None:
        self._check_icon(icon)
        self.drawn.append(text)

    def prop(self, data: bpy.types.bpy_struct, name: str) -> None:
        assert name in data.bl_rna.properties, f"{data} has no property {name}"
        self.drawn.append(name)

    def operator(self, name: str, text: str | None = None, icon: str = "NONE", emboss: bool = True):
        self._check_icon(icon)
        group, function = name.split(".")
        kind = getattr(getattr(bpy.ops, group), function).get_rna_type()
        self.drawn.append(name if text is None else f"{name} {text}")

        class Properties:
            def __setattr__(self, key, value):
                assert key in kind.properties, f"{name} has no property {key}"

        return Properties()

    def template_list(self, kind, _identifier, data, name, active_data, active_name, rows=5) -> None:
        assert name in data.bl_rna.properties
        assert active_name in active_data.bl_rna.properties
        cls = bpy.types.UIList.bl_rna_get_subclass_py(kind)
        for index, item in enumerate(getattr(data, name)):
            cls.draw_item(None, bpy.context, self, data, item, 0, active_data, active_name, index)

    @staticmethod
    def _check_icon(icon: str) -> None:
        assert icon in bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items


def draw(panel: str) -> list[str]:
    """What a panel draws: labels, and names of properties and operators."""
    cls = bpy.types.Panel.bl_rna_get_subclass_py(panel)

    class Shown:
        layout = Layout()

    cls.draw(Shown, bpy.context)
    return Shown.layout.drawn
