"""Everything of a file that must not change, as comparable values."""

from __future__ import annotations

import bpy

# `tag` is a scratch flag that any of Blender's own tools sets; reading `uv_sculpt` crashes 4.2
_SKIPPED = {"rna_type", "bl_rna", "tag", "uv_sculpt"}


def values_of(struct, depth=0) -> dict[str, object]:
    """Plain values of an RNA struct; pointers as names, nested settings to a small depth."""
    found: dict[str, object] = {}
    for prop in struct.bl_rna.properties:
        if prop.identifier in _SKIPPED or prop.type == "COLLECTION":
            continue
        try:
            value = getattr(struct, prop.identifier)
        except (AttributeError, RuntimeError):
            continue
        if prop.type == "POINTER":
            if isinstance(value, bpy.types.ID):
                value = value.name_full
            elif value is not None and depth < 2 and not isinstance(value, bpy.types.Depsgraph):
                value = values_of(value, depth + 1)
            else:
                value = value is None
        elif hasattr(value, "__len__") and not isinstance(value, str | set | bytes):
            value = tuple(tuple(v) if hasattr(v, "__len__") else v for v in value)
        found[prop.identifier] = value
    return found


def snapshot(with_new: frozenset[str] = frozenset()) -> dict[str, object]:
    """The file and the context; names in `with_new` are left out."""
    view_layer = bpy.context.view_layer
    taken: dict[str, object] = {
        "mode": bpy.context.mode,
        "scene": bpy.context.scene.name,
        "view_layer": view_layer.name,
        "active": view_layer.objects.active.name if view_layer.objects.active else None,
        "selected": sorted(
            item.name for item in view_layer.objects if item.select_get() and item.name not in with_new
        ),
        "hidden": sorted(item.name for item in view_layer.objects if item.hide_get()),
        "handlers": {
            name: len(getattr(bpy.app.handlers, name))
            for name in dir(bpy.app.handlers)
            if isinstance(getattr(bpy.app.handlers, name), list)
        },
        "engines": sorted(
            cls.__name__ for cls in bpy.types.RenderEngine.__subclasses__() if cls.is_registered
        ),
    }
    for name in (
        "scenes",
        "objects",
        "worlds",
        "cameras",
        "collections",
        "meshes",
        "materials",
        "images",
        "armatures",
        "lights",
    ):
        blocks = {item.name: item for item in getattr(bpy.data, name) if item.name not in with_new}
        taken[name] = {key: values_of(item) for key, item in blocks.items()}
        taken[f"{name} users"] = {key: item.users for key, item in blocks.items()}
    for item in bpy.data.objects:
        if item.pose is not None:
            taken[f"pose {item.name}"] = {
                bone.name: [tuple(row) for row in bone.matrix_basis] for bone in item.pose.bones
            }
    taken["layers"] = [
        (layer.name, layer.exclude, layer.hide_viewport, layer.holdout)
        for layer in view_layer.layer_collection.children
        if layer.name not in with_new
    ]
    return taken
