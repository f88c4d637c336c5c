"""Which objects are "the character"."""

from __future__ import annotations

from collections.abc import Iterable

import bpy

from .errors import TargetError
from .marks import ROLE_KEY
from .silhouette.evaluate import MESH_TYPES
from .silhouette.options import DEFAULT_OPTIONS, SilhouetteOptions


def resolve(
    context: bpy.types.Context, target: str, collection: str = "", armature: str = ""
) -> tuple[str, list[bpy.types.Object]]:
    """Objects of the character.

    Args:
        context: Where active object, selection and view layer come from.
        target: ``ACTIVE`` (an armature or an empty stands for its meshes), ``SELECTED``, ``COLLECTION`` or ``ARMATURE``.
        collection: Name of the collection for ``COLLECTION``.
        armature: Name of the armature for ``ARMATURE``; "" for the one in the scene's settings.

    Returns:
        A name for the character, and its objects.

    Raises:
        TargetError: ``no_target``, ``no_collection``, ``no_armature``, ``hidden_target`` or ``all_left_out``.

    """
    if target == "ARMATURE":
        rig = _armature(context.scene, armature)
        return rig.name, from_objects(context, [rig])
    if target == "COLLECTION":
        settings = getattr(context.scene, "maskel", None)
        # by name alone, a local collection would be taken for a linked one
        picked = settings.collection if settings is not None else None
        same = picked is not None and picked.name == collection
        chosen = picked if same else bpy.data.collections.get(collection)
        if chosen is None:
            raise TargetError(
                "no_collection", f'There is no collection "{collection}".', "Pick the character's collection."
            )
        return chosen.name, from_objects(context, chosen.all_objects)
    layer_objects = context.view_layer.objects
    if target == "SELECTED":
        # read from the view layer: a context without a 3D viewport has no selected_objects
        selected = [item for item in layer_objects if item.select_get()]
        name = (
            layer_objects.active.name
            if layer_objects.active in selected
            else selected[0].name
            if selected
            else ""
        )
        return name, from_objects(context, selected)
    active = layer_objects.active
    return active.name if active else "", from_objects(context, [active] if active else [])


def of_settings(context: bpy.types.Context) -> tuple[str, list[bpy.types.Object]]:
    """The character that the scene's settings name; see `resolve`."""
    settings = context.scene.maskel
    return resolve(context, settings.target, settings.collection.name if settings.collection else "")


def from_objects(context: bpy.types.Context, objects: Iterable[bpy.types.Object]) -> list[bpy.types.Object]:
    """What stands for the given objects in a silhouette.

    Objects that a render of the view layer leaves out, and those the scene's settings leave out of silhouettes, are dropped.

    Raises:
        TargetError: ``no_target``, ``hidden_target`` or ``all_left_out``.

    """
    wanted: dict[str, bpy.types.Object] = {}
    # the view layer's own list lags behind objects that a script has just made
    everything = list(context.scene.objects)
    for item in objects:
        for shown in _shown_for(item, everything):
            wanted.setdefault(shown.name_full, shown)
    if not wanted:
        raise TargetError(
            "no_target",
            "There is no mesh to take a silhouette of.",
            "Click the character's mesh or armature to make it active, or choose its collection.",
        )
    rendered = _rendered(context.view_layer)
    usable = [item for name, item in wanted.items() if name in rendered and not item.hide_render]
    if not usable:
        raise TargetError(
            "hidden_target",
            "The character is hidden in renders.",
            "Switch on the camera icon of its objects and collections in the outliner.",
        )
    away = left_out(context.scene)
    body = [item for item in usable if item.name_full not in away]
    if not body:
        raise TargetError(
            "all_left_out",
            "All of the character is left out of silhouettes.",
            "Take its body off the list in the panel Who.",
        )
    return body


def left_out(scene: bpy.types.Scene) -> frozenset[str]:
    """Full names of the objects that the scene's settings leave out of silhouettes."""
    settings = getattr(scene, "maskel", None)
    if settings is None:
        return frozenset()
    names = {entry.object.name_full for entry in settings.character.left_out if entry.object is not None}
    for entry in settings.character.left_out_collections:
        if entry.collection is not None:
            names.update(item.name_full for item in entry.collection.all_objects)
    return frozenset(names)


def silhouette_options(scene: bpy.types.Scene) -> SilhouetteOptions:
    """How the scene's settings want silhouettes made."""
    settings = getattr(scene, "maskel", None)
    if settings is None:
        return DEFAULT_OPTIONS
    character = settings.character
    return SilhouetteOptions(
        left_out(scene), character.fill_holes, character.largest_hole / 100.0, character.side.lower()
    )


def _armature(scene: bpy.types.Scene, name: str) -> bpy.types.Object:
    rig = scene.objects.get(name) if name else scene.maskel.character.armature
    # a deleted object lives on in the pointer that names it
    if rig is None or rig.type != "ARMATURE" or scene.objects.get(rig.name) is None:
        raise TargetError(
            "no_armature",
            f'The scene has no armature "{name}".' if name else "No armature of this scene is chosen.",
            "Pick the character's armature.",
        )
    return rig


def _shown_for(item: bpy.types.Object, everything: list[bpy.types.Object]) -> list[bpy.types.Object]:
    if ROLE_KEY in item:
        return []
    if item.type in MESH_TYPES:
        # what a render scatters over the vertices or faces of an object are that object's children
        scattered = item.children if item.instance_type in ("VERTS", "FACES") else ()
        return [item, *(other for other in scattered if other.type in MESH_TYPES)]
    found: list[bpy.types.Object] = []
    if item.type == "EMPTY" and item.instance_type == "COLLECTION" and item.instance_collection is not None:
        found.append(item)
    if item.type in ("EMPTY", "ARMATURE"):
        below = set(item.children_recursive)
        found += [
            other
            for other in everything
            if other.type in MESH_TYPES
            and ROLE_KEY not in other
            and (other in below or _deformed_by(other, item))
        ]
    return found


def _deformed_by(item: bpy.types.Object, armature: bpy.types.Object) -> bool:
    return any(modifier.type == "ARMATURE" and modifier.object == armature for modifier in item.modifiers)


def _rendered(view_layer: bpy.types.ViewLayer) -> set[str]:
    """Full names of the objects in at least one collection that the view layer renders."""
    names: set[str] = set()
    stack = [view_layer.layer_collection]
    while stack:
        layer = stack.pop()
        if layer.collection.hide_render:
            continue
        if not layer.exclude:
            names.update(item.name_full for item in layer.collection.objects)
        stack.extend(layer.children)
    return names
