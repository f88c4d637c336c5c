"""Characters by name: an object, an armature with its meshes, a collection, or several objects together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import bpy

from .. import targets
from ..errors import TargetError

Who = str | bpy.types.Object | bpy.types.Collection | Sequence[bpy.types.Object] | None
"""A character: a name (object, armature or collection), an object, a collection, several objects, or None for the active one."""


@dataclass(frozen=True)
class Character:
    """Names, not references: these outlive an undo, and objects are looked up anew at each frame.

    Args:
        name: What the character is called.
        objects: Its objects; an armature or an empty stands for its meshes.
        collection: Its collection, instead of objects.
    """

    name: str
    objects: tuple[str, ...] = ()
    collection: str = ""

    def resolve(self, context: bpy.types.Context) -> list[bpy.types.Object]:
        """The objects of its silhouette at the present frame.

        Raises:
            TargetError: ``no_target``, ``no_collection`` or ``hidden_target``.

        """
        if self.collection:
            return targets.resolve(context, "COLLECTION", self.collection)[1]
        return targets.from_objects(context, [_object(context, name) for name in self.objects])


def of(context: bpy.types.Context, who: Who) -> Character:
    """The character that is meant.

    Raises:
        TargetError: ``no_target`` or ``no_collection``.

    """
    if who is None:
        return active(context)
    if isinstance(who, str):
        return named(context, who)
    if isinstance(who, bpy.types.Collection):
        return of_collection(who.name)
    return together(context, [who.name] if isinstance(who, bpy.types.Object) else [item.name for item in who])


def active(context: bpy.types.Context) -> Character:
    """The active object.

    Raises:
        TargetError: ``no_target``.

    """
    item = context.view_layer.objects.active
    if item is None:
        raise TargetError(
            "no_target", "No object is active.", "Name the character: an object, an armature or a collection."
        )
    return Character(item.name, (item.name,))


def named(context: bpy.types.Context, name: str) -> Character:
    """The object of that name, else the collection.

    Raises:
        TargetError: ``no_target``.

    """
    if context.scene.objects.get(name) is not None:
        return Character(name, (name,))
    if bpy.data.collections.get(name) is not None:
        return Character(name, collection=name)
    raise TargetError(
        "no_target",
        f'There is no object or collection "{name}".',
        "Name one of the scene's objects, or a collection.",
    )


def together(context: bpy.types.Context, names: Sequence[str]) -> Character:
    """Several objects as one character, called like the first.

    Raises:
        TargetError: ``no_target``.

    """
    if not names:
        raise TargetError("no_target", "No object was given.", "Name the character's objects.")
    for name in names:
        _object(context, name)
    return Character(names[0], tuple(names))


def of_collection(name: str) -> Character:
    """A collection.

    Raises:
        TargetError: ``no_collection``.

    """
    if bpy.data.collections.get(name) is None:
        raise TargetError(
            "no_collection", f'There is no collection "{name}".', "Name the character's collection."
        )
    return Character(name, collection=name)


def _object(context: bpy.types.Context, name: str) -> bpy.types.Object:
    item = context.scene.objects.get(name)
    if item is None:
        raise TargetError(
            "no_target", f'The scene has no object "{name}".', "Name one of the scene's objects."
        )
    return item
