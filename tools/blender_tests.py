"""Run the add-on's tests in a Blender program: `python tools/blender_tests.py [--blender PROGRAM] [PYTEST...]`.

Blender gets a user folder of its own. pytest gets what else is written; without a path that is tests/blender, tests/batch and
tests/client. Where Blender's own Python has no pytest, the command that puts it into build/ is named.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SUITES = ("tests/blender", "tests/batch", "tests/client")
RAISED = 3


def inside(arguments: list[str]) -> int:
    """In Blender: run pytest; returns its status."""
    beside = REPOSITORY / "build" / f"pytest-{sys.version_info.major}.{sys.version_info.minor}"
    sys.path[:0] = [str(REPOSITORY), str(beside)]
    if importlib.util.find_spec("pytest") is None:
        print(
            f'Blender\'s Python has no pytest: "{sys.executable}" -m pip install --target "{beside}" pytest',
            file=sys.stderr,
        )
        return RAISED
    import pytest

    return int(pytest.main(arguments))


def main() -> int:
    """Start Blender with this file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--blender", default="blender", metavar="PROGRAM", help="the Blender to use")
    options, arguments = parser.parse_known_args()
    if not any(argument.startswith("tests") for argument in arguments):
        arguments = [*SUITES, *arguments]
    command = [options.blender, "-b", "--factory-startup", "--python-exit-code", str(RAISED)]
    command += ["--python", str(Path(__file__).resolve()), "--", "-p", "no:cacheprovider", *arguments]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "BLENDER_USER_RESOURCES": folder}
        return subprocess.run(command, cwd=REPOSITORY, env=environment, check=False).returncode


if __name__ == "__main__":
    # Blender runs this file too: it has bpy
    sys.exit(inside(sys.argv[sys.argv.index("--") + 1 :]) if "bpy" in sys.modules else main())
