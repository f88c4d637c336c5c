"""Build and validate the Blender extension with Blender's own tools: `python tools/extension.py [--blender PROGRAM]`.

Stages `maskel_blender/` and `blender_manifest.toml` into build/extension, then runs `extension validate` and `extension build`. A
`blender` program does it, or the copy of Blender's extension tool in a bpy wheel. Writes dist/maskel_blender-VERSION.zip.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
WHEEL_TOOL = "lib/python3*/site-packages/bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py"
WHEEL_TOOL_WINDOWS = "Lib/site-packages/bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py"


def find_tool(blender: str | None) -> list[str]:
    """Command that takes `validate` and `build`: a named Blender, the newest bpy environment here, or Blender on the PATH."""
    if blender is not None:
        return [blender, "--command", "extension"]
    for environment in sorted(REPOSITORY.glob(".venv-bpy-*"), reverse=True):
        for pattern, program in ((WHEEL_TOOL, "bin/python"), (WHEEL_TOOL_WINDOWS, "Scripts/python.exe")):
            for tool in environment.glob(pattern):
                return [str(environment / program), str(tool)]
    found = shutil.which("blender")
    if found is None:
        raise SystemExit(
            "Neither Blender nor a bpy environment (.venv-bpy-VERSION) was found; name one: --blender PROGRAM"
        )
    return [found, "--command", "extension"]


def stage(folder: Path, backend: Path | None = None) -> str:
    """Copy what belongs into the extension to an empty folder, with the back end's wheel if given; returns the version."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(
        REPOSITORY / "maskel_blender", folder, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
    )
    for name in ("blender_manifest.toml", "LICENSE"):
        shutil.copy2(REPOSITORY / name, folder / name)
    # the versions that were tested: the first-time set-up installs these
    shutil.copy2(REPOSITORY / "requirements" / "demo.lock", folder / "install" / "backend.lock")
    if backend is not None:
        shutil.copy2(backend, folder / "install" / backend.name)
    with (folder / "blender_manifest.toml").open("rb") as manifest:
        return str(tomllib.load(manifest)["version"])


def build(
    blender: str | None = None, output: Path = REPOSITORY / "dist", backend: Path | None = None
) -> Path:
    """Validate and build; returns the zip. Raises CalledProcessError if Blender's tool is not content."""
    staged = REPOSITORY / "build" / "extension"
    version = stage(staged, backend)
    output.mkdir(parents=True, exist_ok=True)
    archive = output / f"maskel_blender-{version}.zip"
    tool = find_tool(blender)
    subprocess.run([*tool, "validate", str(staged)], check=True)
    subprocess.run(
        [*tool, "build", "--source-dir", str(staged), "--output-filepath", str(archive)], check=True
    )
    subprocess.run([*tool, "validate", str(archive)], check=True)
    return archive


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--blender", metavar="PROGRAM", help="the Blender to use")
    parser.add_argument(
        "--output", type=Path, default=REPOSITORY / "dist", metavar="DIR", help="where the zip goes"
    )
    parser.add_argument(
        "--backend", type=Path, metavar="WHEEL", help="wheel of maskel that the set-up installs from"
    )
    options = parser.parse_args()
    try:
        print(build(options.blender, options.output, options.backend))
    except subprocess.CalledProcessError as error:
        print(f"extension: Blender's tool ended with status {error.returncode}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
