"""The installer itself. Runs as a process of its own, so that Blender stays usable and a quit ends it cleanly.

    python -c "from maskel_blender.install.run import main; main()" FOLDER OPTIONS OWN_PYTHON

Says what it does in JSON lines on stdout; ends what it has started when its stdin closes.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from ..errors import Cancelled, InstallError, MaskelError
from .layout import Layout, remove
from .options import InstallOptions
from .probe import prove
from .pythons import find_tools
from .running import run_tool
from .sizes import MEBIBYTE, estimate, human
from .steps import CHECK, ENVIRONMENT, Step, steps_of

_SPARE = 256 * MEBIBYTE
_FULL = 32 * MEBIBYTE
_LONGEST_FOLDER = 119
_PROGRESS_SECONDS = 1.0

Report = Callable[..., None]


def install(
    folder: Path, options: InstallOptions, own_python: str, report: Report, cancelled: threading.Event
) -> None:
    """Install, or go on where a killed installation stopped.

    Args:
        folder: Where to.
        options: What and from where.
        own_python: Blender's Python, taken if there is no other.
        report: Called with what to tell: step, progress, detail.
        cancelled: Ends it when set.

    Raises:
        Cancelled: It was ended; what is done is kept.
        InstallError: See `Layout`, `find_tools`, `run_tool`, `prove`, and ``disk_full``, ``path_too_long``.

    """
    options.check()
    layout = Layout(folder)
    with layout.locked() as lock:
        _check_path(folder)
        slot = layout.begin(options)
        done = layout.done(slot)
        if not done:
            _check_space(folder, options)
        report(step="Looking for Python", progress=0.0)
        tools = find_tools(os.environ, own_python, options.needs_network)
        steps = steps_of(options, layout, slot, tools)
        past, version = 0.0, options.version
        for step in steps:
            if cancelled.is_set():
                raise Cancelled
            report(step=step.title, progress=past)
            if step.name == CHECK:
                version = _check(layout, slot, cancelled)
            elif step.name not in done:
                _do(step, layout, slot, options, past, report, cancelled, lock)
            past += step.share
        layout.activate(slot, options, version)


def _check(layout: Layout, slot: str, cancelled: threading.Event) -> str:
    try:
        return prove(layout.command(slot), layout.log, cancelled)
    except InstallError:
        # going on from it would find the same fault; the downloads are kept
        layout.drop(slot)
        raise


def _do(
    step: Step,
    layout: Layout,
    slot: str,
    options: InstallOptions,
    past: float,
    report: Report,
    cancelled: threading.Event,
    lock: int,
) -> None:
    if step.name == ENVIRONMENT:
        # what a kill has left of one
        remove(layout.environment(slot))
    size = estimate(options)
    meter = threading.Event()
    watcher = threading.Thread(
        target=_measure, args=(layout.folder, max(1, int(size.peak * step.share)), step, past, report, meter)
    )
    watcher.start()
    try:
        run_tool(step.command, layout.log, cancelled, lambda line: report(detail=line), step.extra, lock)
    except InstallError:
        if shutil.disk_usage(layout.folder).free < _FULL:
            raise InstallError(
                "disk_full",
                "The disk is full.",
                "Make room, then press Continue; or press Remove to get back what was used.",
            ) from None
        raise
    finally:
        meter.set()
        watcher.join()
        if step.name == ENVIRONMENT and not layout.python(slot).is_file():
            layout.drop(slot)
    layout.mark(slot, step.name)


def _measure(
    folder: Path, expected: int, step: Step, past: float, report: Report, ended: threading.Event
) -> None:
    """Progress within a step: by the disk it has used so far, which every tool and every system tells alike."""
    before = shutil.disk_usage(folder).free
    while not ended.wait(_PROGRESS_SECONDS):
        used = max(0, before - shutil.disk_usage(folder).free)
        report(progress=past + step.share * min(0.95, used / expected))


def _check_space(folder: Path, options: InstallOptions) -> None:
    needed = estimate(options).peak + _SPARE
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InstallError(
            "disk_full",
            f"The installation needs {human(needed)} of free disk, and there are {human(free)}.",
            "Make room on the disk of Blender's extensions, or choose the smaller PyTorch.",
        )


def _check_path(folder: Path) -> None:
    if os.name != "nt" or len(str(folder)) <= _LONGEST_FOLDER:
        return
    import winreg

    try:
        with winreg.OpenKey(  # type: ignore[attr-defined]
            winreg.HKEY_LOCAL_MACHINE,  # type: ignore[attr-defined]
            r"SYSTEM\CurrentControlSet\Control\FileSystem",
        ) as key:
            if winreg.QueryValueEx(key, "LongPathsEnabled")[0]:  # type: ignore[attr-defined]
                return
    except OSError:
        pass
    raise InstallError(
        "path_too_long",
        f"The folder {folder} has too long a path for Windows.",
        "Switch on long paths in Windows, or install maskel elsewhere and name it in the preferences.",
    )


def main() -> int:
    """Command line; exit status 0 done, 1 failed, 2 cancelled."""
    folder, options, own_python = sys.argv[1:4]
    cancelled, speaking = threading.Event(), threading.Lock()

    def report(**values: object) -> None:
        try:
            with speaking:
                print(json.dumps(values), flush=True)
        except OSError:
            # nobody listens any more
            cancelled.set()

    def watch() -> None:
        while os.read(0, 4096):
            pass
        cancelled.set()

    threading.Thread(target=watch, name="maskel-parent", daemon=True).start()
    try:
        install(Path(folder), InstallOptions.from_json(options), own_python, report, cancelled)
    except Cancelled:
        report(event="cancelled")
        return 2
    except MaskelError as error:
        report(event="failed", code=error.code, message=error.message, fix=error.fix)
        return 1
    except OSError as error:
        report(
            event="failed",
            code="cannot_write",
            message=f"A file cannot be written: {error}.",
            fix="Make the folder of Blender's extensions writable, then press Continue.",
        )
        return 1
    report(event="done", progress=1.0)
    return 0
