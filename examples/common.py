"""What the numbered examples share: finding the package, the file and the arguments.

In a Blender that has the extension it is that which is used; else the package in this repository.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from types import ModuleType

import bpy


def load_api() -> ModuleType:
    """`maskel_blender.api`, of the installed extension if there is one."""
    for addon in bpy.context.preferences.addons:
        if addon.module.endswith(".maskel_blender"):
            return importlib.import_module(f"{addon.module}.api")
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import maskel_blender

    if not hasattr(bpy.types.Scene, "maskel"):
        maskel_blender.register()
    return importlib.import_module("maskel_blender.api")


def arguments(description: str) -> argparse.Namespace:
    """Arguments of an example; a file that is named is opened.

    In a Blender program they stand behind `--`, as what stands before is Blender's own.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--file", type=Path, help="blend file to open; else the one that is open")
    parser.add_argument("--output", type=Path, default=Path("xrays"), help="folder for what is written")
    parser.add_argument("--frames", default="1-10", help="frames, where the example takes several")
    parser.add_argument("--character", action="append", help="character, where the example takes several")
    program = "--" in sys.argv or bpy.app.binary_path != ""
    own = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else ([] if program else sys.argv[1:])
    options = parser.parse_args(own)
    if options.file is not None:
        bpy.ops.wm.open_mainfile(filepath=str(options.file.resolve()))
    return options


def run(main) -> None:
    """Run an example; an error says what to do about it, and the process ends with status 1.

    Args:
        main: The example.

    """
    api = load_api()
    try:
        main(api)
    except api.MaskelError as error:
        print(f"{error.message} {error.fix}", file=sys.stderr)
        sys.exit(1)
    finally:
        api.stop_server()
