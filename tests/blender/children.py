"""Processes with bpy of their own: the Blender program that runs the tests, or the Python that has the module."""

from __future__ import annotations

import sys
from pathlib import Path

import bpy


def with_bpy(script: Path, *arguments: str) -> list[str]:
    """Command line that runs a script; it ends with the script's status, and with 1 where it raises."""
    if not bpy.app.binary_path:
        return [sys.executable, str(script), *arguments]
    blender = [bpy.app.binary_path, "-b", "--factory-startup", "--python-exit-code", "1"]
    return [*blender, "--python", str(script), "--", *arguments]


def own_arguments() -> list[str]:
    """What `with_bpy` gave to the script that calls this."""
    return sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
