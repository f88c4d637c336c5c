"""A plan out of what command line and Python API are given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy

from .characters import Character
from .naming import split_output
from .plan import Plan, Settings, default_pattern


def lay_out(
    scene: bpy.types.Scene,
    cameras: Sequence[str],
    characters: Sequence[Character],
    frames: Sequence[int] | None,
    output: str | Path,
    settings: Settings,
) -> Plan:
    """Every character by every camera at every frame.

    Args:
        scene: Whose present frame and name count.
        cameras: Names.
        characters: Who, no two of one name.
        frames: None for the present one.
        output: Folder, or folder and pattern.
        settings: How.

    Raises:
        PlanError: See `Plan.build`.

    """
    folder, pattern = split_output(str(output))
    return Plan.build(
        cameras,
        [character.name for character in characters],
        [scene.frame_current] if frames is None else frames,
        user_path(folder),
        pattern or default_pattern(len(characters), frames is not None),
        settings,
        scene.name,
    )


def user_path(text: str | Path) -> Path:
    """A path as the shell or as Blender means it: `//` is the folder of the opened file."""
    text = str(text)
    if text.startswith("//") and bpy.data.filepath:
        text = bpy.path.abspath(text)
    return Path(text).expanduser().resolve()
