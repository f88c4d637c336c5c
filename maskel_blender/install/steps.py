"""The steps of an installation, as commands of uv or pip."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

from .layout import Layout
from .options import TORCH, InstallOptions, bundled_wheel, constraints_file
from .pythons import Tools
from .running import NO_WINDOW, clean_environment

_ASK_SECONDS = 20.0


@dataclass(frozen=True)
class Step:
    """One step.

    Args:
        name: Noted when it is finished.
        title: For people.
        share: Of the whole, 0..1.
        command: What does it; empty for the check, which is not a tool's.
        extra: Variables for the tool.
    """

    name: str
    title: str
    share: float
    command: tuple[str, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)


ENVIRONMENT, CHECK = "environment", "check"


def steps_of(options: InstallOptions, layout: Layout, slot: str, tools: Tools) -> list[Step]:
    """All steps, in order."""
    python = str(layout.python(slot))
    extra = {"UV_CACHE_DIR": str(layout.cache / "uv"), "PIP_CACHE_DIR": str(layout.cache / "pip")}
    if not options.needs_network:
        # only the folder counts: settings of the user's may name others, with other builds
        extra |= {"UV_OFFLINE": "1", "UV_NO_CONFIG": "1", "UV_FIND_LINKS": ""}
        extra |= {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}
    if not os.environ.get("UV_HTTP_TIMEOUT"):
        extra["UV_HTTP_TIMEOUT"] = "120"
    environment = str(layout.environment(slot))
    if tools.uv:
        create = [tools.uv, "venv", "--no-project", "--python", tools.python or "3.12", environment]
        install = [tools.uv, "pip", "install", "--python", python, "--no-progress", "--link-mode", "copy"]
    else:
        create = [tools.python, "-I", "-m", "venv", environment]
        install = [python, "-I", "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
        install += ["--progress-bar", "off", "--retries", "5"]
    if options.source == "FOLDER":
        where = ["--no-index", "--find-links", options.path]
        torch, package = [*where, "torch"], [*where, f"maskel=={options.version}"]
    else:
        lock = constraints_file()
        limits = ["--constraint", str(lock)] if lock is not None else []
        named = {"INDEX": f"maskel=={options.version}", "BUNDLED": str(bundled_wheel())}.get(
            options.source, options.path
        )
        torch = [*_torch_build(options, tools), TORCH]
        package = [*limits, named]
    return [
        Step(ENVIRONMENT, "Making a private environment", 0.04, tuple(create), extra),
        Step("torch", "Installing PyTorch", 0.6, (*install, *torch), extra),
        Step("maskel", "Installing the back end", 0.3, (*install, *package), extra),
        Step(CHECK, "Trying it", 0.06),
    ]


def _torch_build(options: InstallOptions, tools: Tools) -> list[str]:
    """Which build: from the index that the user names, else by uv's own knowledge, else what pip's index has."""
    if options.torch_index:
        return ["--index-url", options.torch_index]
    if tools.uv and _knows_builds(tools.uv):
        return ["--torch-backend", "cpu" if options.torch == "CPU" else "auto"]
    return []


def _knows_builds(uv: str) -> bool:
    try:
        told = subprocess.run(
            [uv, "pip", "install", "--help"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_ASK_SECONDS,
            env=clean_environment(),
            creationflags=NO_WINDOW,
            check=False,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return False
    return "--torch-backend" in told
