"""Plays a scenario in a Blender with a window, on a screen of its own that nobody sees.

    python -m tests.window.play SCENARIO FOLDER [--blender PROGRAM] [--size 1440x900]

Leaves pictures and result.json in the folder. Needs Xvfb, ImageMagick's `import`, and a Blender: --blender, MASKEL_BLENDER, or
the one on the PATH. Without MASKEL_SERVER or MASKEL_COMMAND a made-up server answers.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SECONDS = float(os.environ.get("MASKEL_WINDOW_SECONDS", "180"))
SIZE = (1440, 900)


def find_blender() -> str | None:
    """The Blender to play in."""
    named = os.environ.get("MASKEL_BLENDER")
    return named or shutil.which("blender")


def missing() -> str:
    """What is missing here for a window, in words; "" if nothing is."""
    if find_blender() is None:
        return "no Blender program: name one in MASKEL_BLENDER (the bpy module has no window)"
    lacks = [name for name in ("Xvfb", "import") if shutil.which(name) is None]
    return f"not on the PATH: {', '.join(lacks)} (Debian: xvfb, imagemagick)" if lacks else ""


def series(blender: str) -> str:
    """Such as 4.3."""
    said = subprocess.run([blender, "--version"], capture_output=True, text=True, timeout=60, check=True)
    found = re.search(r"Blender (\d+\.\d+)", said.stdout)
    assert found is not None, said.stdout
    return found[1]


def environment(resources: Path) -> dict[str, str]:
    """Of a Blender with user files of its own."""
    resources.mkdir(parents=True, exist_ok=True)
    return os.environ | {
        "BLENDER_USER_RESOURCES": str(resources),
        "HOME": str(resources),
        "MASKEL_STATE": str(resources / "state"),
        "LIBGL_ALWAYS_SOFTWARE": "1",
    }


def install(blender: str, resources: Path) -> None:
    """Build the extension, and install and enable it among those user files."""
    sys.path.insert(0, str(REPOSITORY))
    from tools.extension import stage

    source, archive = resources / "source", resources / "maskel.zip"
    stage(source)
    for words in (
        ["build", "--source-dir", str(source), "--output-filepath", str(archive)],
        ["install-file", "-r", "user_default", "--enable", str(archive)],
    ):
        subprocess.run(
            [blender, "-b", "--command", "extension", *words],
            env=environment(resources),
            timeout=120,
            check=True,
        )


@contextlib.contextmanager
def screen(size: tuple[int, int]) -> Iterator[str]:
    """A screen in memory; yields its name for DISPLAY."""
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{size[0]}x{size[1]}x24", "+extension", "GLX"],
        pass_fds=(write,),
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with os.fdopen(read) as pipe:
            number = pipe.readline().strip()
        assert number, "Xvfb did not start"
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(20)


@dataclass(frozen=True)
class Played:
    """What came of it."""

    status: int
    console: str
    error: str | None
    values: dict


def play(
    scenario: str,
    folder: Path,
    resources: Path,
    blender: str,
    size: tuple[int, int] = SIZE,
    variables: Mapping[str, str] | None = None,
) -> Played:
    """Play it to the end.

    Args:
        scenario: Name of a function of `scenarios`.
        folder: Where pictures and result.json go.
        resources: Blender's user files, with the extension in them.
        blender: Program.
        size: Of screen and window, pixels.
        variables: More environment.

    Raises:
        subprocess.TimeoutExpired: Blender did not end.

    """
    folder.mkdir(parents=True, exist_ok=True)
    with screen(size) as display:
        process = subprocess.run(
            [
                blender,
                *("--gpu-backend", "opengl", "--no-window-focus", "--enable-event-simulate"),
                *("--window-geometry", "0", "0", str(size[0]), str(size[1])),
                *("--python-exit-code", "3", "--python", str(REPOSITORY / "tests" / "window" / "driver.py")),
                *("--", scenario, str(folder)),
            ],
            env=environment(resources) | {"DISPLAY": display} | dict(variables or {}),
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    (folder / "console.txt").write_text(process.stdout, encoding="utf-8")
    result = folder / "result.json"
    said = json.loads(result.read_text(encoding="utf-8")) if result.exists() else {"error": "no result.json"}
    return Played(process.returncode, process.stdout, said["error"], said.get("values", {}))


FAULTS = {
    "cancel": "slow 20",
    "other_file": "slow 20",
    "disable": "slow 5",
    "leave": "slow 20",
    "undo_meanwhile": "slow 1.5",
    "retry": "fails 1",
}


def server_for(scenario: str) -> dict[str, str]:
    """Variables that lead to a server without a model, slow where the scenario needs it to be."""
    if scenario == "nothing_installed":
        return {"MASKEL_COMMAND": "", "MASKEL_SERVER": ""}
    program = REPOSITORY / "tests" / "fakes" / "xray_server.py"
    return {
        "MASKEL_COMMAND": f'"{sys.executable}" "{program}"',
        "MASKEL_FAKE_FAULT": FAULTS.get(scenario, ""),
    }


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenario")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--blender", metavar="PROGRAM", default=find_blender())
    parser.add_argument("--size", default="x".join(map(str, SIZE)))
    options = parser.parse_args()
    width, height = (int(value) for value in options.size.split("x"))
    named = any(os.environ.get(name) for name in ("MASKEL_SERVER", "MASKEL_COMMAND"))
    with tempfile.TemporaryDirectory() as resources:
        install(options.blender, Path(resources))
        played = play(
            options.scenario,
            options.folder.resolve(),
            Path(resources),
            options.blender,
            (width, height),
            {} if named else server_for(options.scenario),
        )
    print(played.console)
    print(json.dumps(played.values, indent=1))
    print(played.error or "played to the end")
    return 1 if played.error or played.status else 0


if __name__ == "__main__":
    sys.exit(main())
