"""Between property groups and plain values; writing from code does not set off what writing by the user does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields

import bpy

from .look import Look

_NAMES = tuple(field.name for field in fields(Look))
_quiet = 0


@contextmanager
def quietly() -> Iterator[None]:
    """Nothing follows from the properties that are written within."""
    global _quiet
    _quiet += 1
    try:
        yield
    finally:
        _quiet -= 1


def is_quiet() -> bool:
    """Whether code is writing."""
    return _quiet > 0


def read_look(group: bpy.types.PropertyGroup) -> Look:
    """Values of a `MaskelLook`."""
    values = {name: getattr(group, name) for name in _NAMES}
    for name in ("bone_colour", "soft_colour"):
        values[name] = tuple(values[name])
    return Look(**values)


def write_look(group: bpy.types.PropertyGroup, look: Look) -> None:
    """Write what differs."""
    with quietly():
        before = read_look(group)
        for name in _NAMES:
            if getattr(before, name) != getattr(look, name):
                setattr(group, name, getattr(look, name))
