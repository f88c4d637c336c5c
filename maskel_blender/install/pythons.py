"""Which Python the private environment is made with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import InstallError
from .running import NO_WINDOW, clean_environment

OLDEST, TOO_NEW = (3, 11), (3, 15)
_ASK = "import sys{}; print('%d.%d %d' % (*sys.version_info[:2], sys.maxsize > 2**32))"
_ASK_SECONDS = 20.0
_NAMES = ("python3.13", "python3.12", "python3.11", "python3.14", "python3", "python")


@dataclass(frozen=True)
class Tools:
    """What makes the environment.

    Args:
        uv: The uv program; "" without one.
        python: A Python that fits; "" lets uv fetch one.
    """

    uv: str
    python: str


def find_tools(environment: Mapping[str, str], own: str, network: bool) -> Tools:
    """The program uv if it is there, for it is fast and can fetch a Python; else the venv module of a Python that fits.

    Args:
        environment: Whose PATH and home are searched.
        own: Blender's own Python, taken last: an environment made with it breaks when that Blender is removed.
        network: Whether uv may fetch a Python.

    Raises:
        InstallError: ``no_python``.

    """
    uv = find_uv(environment)
    modules = "" if uv else ", venv, ensurepip"
    for candidate in candidates(environment, own):
        if fits(candidate, modules):
            return Tools(uv, candidate[0] if len(candidate) == 1 else _real(candidate))
    if uv and network:
        return Tools(uv, "")
    raise InstallError(
        "no_python",
        "No Python 3.11 to 3.14 was found that can make an environment.",
        "Install Python from python.org, or uv, then try again.",
    )


def find_uv(environment: Mapping[str, str]) -> str:
    """The uv program, also where a Blender started from the desktop has no PATH to it; "" if there is none."""
    home = Path.home()
    places = [environment.get("PATH", ""), str(home / ".local" / "bin"), str(home / ".cargo" / "bin")]
    if sys.platform == "darwin":
        places += ["/opt/homebrew/bin", "/usr/local/bin"]
    return shutil.which("uv", path=os.pathsep.join(places)) or ""


def candidates(environment: Mapping[str, str], own: str) -> Iterable[tuple[str, ...]]:
    """Commands that may be a Python, the best first."""
    places = environment.get("PATH", "")
    if sys.platform == "darwin":
        places = os.pathsep.join([places, "/opt/homebrew/bin", "/usr/local/bin"])
    launcher = shutil.which("py", path=places) if os.name == "nt" else None
    if launcher:
        yield from ((launcher, f"-3.{minor}") for minor in (13, 12, 11, 14))
    found = [path for name in _NAMES if (path := shutil.which(name, path=places))]
    yield from ((path,) for path in dict.fromkeys(found) if path != own)
    if own:
        yield (own,)


def fits(command: tuple[str, ...], modules: str = "") -> bool:
    """Whether a command is a Python of the right age, for 64 bits, with the modules that are needed."""
    answer = _run((*command, "-I", "-c", _ASK.format(modules)))
    try:
        version, wide = answer.split()
        major, minor = version.split(".")
        return OLDEST <= (int(major), int(minor)) < TOO_NEW and wide == "1"
    except ValueError:
        return False


def _real(command: tuple[str, ...]) -> str:
    return _run((*command, "-I", "-c", "import sys; print(sys.executable)")).strip()


def _run(command: tuple[str, ...]) -> str:
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
            timeout=_ASK_SECONDS,
            env=clean_environment(),
            creationflags=NO_WINDOW,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
