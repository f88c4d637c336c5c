"""An installation in progress, as Blender sees it: a child process that tells how far it is. Never touches bpy."""

from __future__ import annotations

import contextlib
import enum
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

from ..errors import Cancelled, InstallError, MaskelError
from .options import InstallOptions
from .running import NO_WINDOW, clean_environment, end_family

_START = "import sys; sys.path.append(sys.argv.pop(1)); from {}.install.run import main; sys.exit(main())"
_CANCEL_SECONDS = 15.0
_DETAIL = 120


class InstallState(enum.Enum):
    """Where an installation stands."""

    RUNNING = "installing"
    DONE = "installed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Installation:
    """Starts at once.

    Args:
        folder: Where to.
        options: What and from where.
        python: A Python that runs the installer: Blender's own.
    """

    def __init__(self, folder: Path, options: InstallOptions, python: str = sys.executable) -> None:
        self._state = InstallState.RUNNING
        self._error: MaskelError | None = None
        self._progress = 0.0
        self._step = "Starting"
        self._detail = ""
        self._began = time.monotonic()
        self._ended = threading.Event()
        self._cancelled = threading.Event()
        here = Path(__file__).resolve().parents[1]
        command = [python, "-I", "-c", _START.format(here.name), str(here.parent)]
        try:
            self._process = subprocess.Popen(
                [*command, str(folder), options.to_json(), python],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                env=clean_environment(),
                start_new_session=sys.platform != "win32",
                creationflags=NO_WINDOW,
            )
        except OSError as error:
            raise InstallError(
                "install_failed",
                f"The installer cannot be started: {error}.",
                "Install Blender again, or install maskel yourself and name it in the preferences.",
            ) from None
        threading.Thread(target=self._read, name="maskel-install", daemon=True).start()

    @property
    def state(self) -> InstallState:
        """Where it stands."""
        return self._state

    @property
    def running(self) -> bool:
        """Whether there is something to wait for."""
        return not self._ended.is_set()

    @property
    def error(self) -> MaskelError | None:
        """Why it failed."""
        return self._error

    @property
    def progress(self) -> float:
        """0..1, of the bytes that are expected."""
        return self._progress

    @property
    def step(self) -> str:
        """What is done, for people."""
        return self._step

    @property
    def detail(self) -> str:
        """Last line of the tool."""
        return self._detail

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._began

    def cancel(self) -> None:
        """Ask it to end; returns at once. What is done is kept for the next time."""
        self._cancelled.set()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        threading.Thread(target=self._force, name="maskel-install-end", daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended; whether it has."""
        return self._ended.wait(seconds)

    def _force(self) -> None:
        if not self._ended.wait(_CANCEL_SECONDS):
            end_family(self._process)

    def _read(self) -> None:
        last = ""
        try:
            for line in self._process.stdout or ():
                last = line.strip() or last
                self._note(line)
        except (OSError, ValueError):
            end_family(self._process)
        code = self._process.wait()
        if self._state is InstallState.RUNNING:
            cancelled = self._cancelled.is_set()
            self._state = InstallState.CANCELLED if cancelled else InstallState.FAILED
            self._error = (
                Cancelled()
                if cancelled
                else InstallError(
                    "install_failed",
                    f"The installer ended with status {code}: {last[-300:]}",
                    "Press Continue: what is done is kept.",
                )
            )
        self._ended.set()

    def _note(self, line: str) -> None:
        try:
            told = json.loads(line)
        except ValueError:
            return
        if not isinstance(told, dict):
            return
        self._step = str(told.get("step", self._step))
        self._detail = str(told.get("detail", "" if "step" in told else self._detail))[:_DETAIL]
        progress = told.get("progress")
        if isinstance(progress, int | float):
            self._progress = max(self._progress, min(float(progress), 1.0))
        event = told.get("event")
        if event == "done":
            self._state = InstallState.DONE
        elif event == "cancelled":
            self._error, self._state = Cancelled(), InstallState.CANCELLED
        elif event == "failed":
            code, message, fix = (str(told.get(name, "")) for name in ("code", "message", "fix"))
            self._error = InstallError(code, message, fix)
            self._state = InstallState.FAILED
