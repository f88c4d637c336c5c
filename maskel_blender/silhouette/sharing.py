"""Meshes that are read once for several cameras: reading them costs more than drawing their silhouette. No bpy."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_kept: list[tuple[object, object]] | None = None


@contextmanager
def sharing_meshes() -> Iterator[None]:
    """Within, what is read of the character is kept. Only for one character at one moment of an unchanged scene."""
    global _kept
    before, _kept = _kept, []
    try:
        yield
    finally:
        _kept = before


def shared_within(read: Callable[P, T]) -> Callable[P, T]:
    """Decorate what reads a dependency graph, its first argument: within `sharing_meshes` it reads once."""

    @functools.wraps(read)
    def once(*args: P.args, **kwargs: P.kwargs) -> T:
        if _kept is None:
            return read(*args, **kwargs)
        asked = (read, args[1:], kwargs)
        for known, value in _kept:
            if known == asked:
                return value  # type: ignore[return-value]
        value = read(*args, **kwargs)
        _kept.append((asked, value))
        return value

    return once
