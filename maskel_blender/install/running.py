"""Runs one tool: its output to the log, its whole family ended when the user cancels."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..errors import Cancelled, InstallError

NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)

# what points a Python or pip elsewhere than into its own environment
_MISLEADING = (
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_USER",
    "PIP_REQUIRE_VIRTUALENV",
    "VIRTUAL_ENV",
    "UV_PROJECT_ENVIRONMENT",
    "UV_SYSTEM_PYTHON",
    "UV_TARGET",
)
_END_SECONDS = 5.0
_TAIL = 12


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a tool; proxies and mirrors of the user stay."""
    kept = {name: value for name, value in os.environ.items() if name not in _MISLEADING}
    return kept | {"PYTHONNOUSERSITE": "1", "PYTHONUTF8": "1"} | dict(extra or {})


def run_tool(
    command: Sequence[str],
    log: Path,
    cancelled: threading.Event,
    on_line: Callable[[str], None],
    extra: Mapping[str, str] | None = None,
    lock: int | None = None,
) -> None:
    """Run a tool to its end.

    Args:
        command: Program and arguments.
        log: What it says is added here.
        cancelled: Ends it when set.
        on_line: Given each line.
        extra: Variables to add to its environment.
        lock: Handle of a lock that the tool keeps as long as it lives, where the system can do that.

    Raises:
        Cancelled: It was ended.
        InstallError: ``install_failed``.

    """
    tail: list[str] = []
    with log.open("a", encoding="utf-8", errors="replace") as written:
        written.write(f"$ {' '.join(command)}\n")
        written.flush()
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                env=clean_environment(extra),
                start_new_session=os.name != "nt",
                pass_fds=() if lock is None or os.name == "nt" else (lock,),
                creationflags=NO_WINDOW,
            )
        except OSError as error:
            raise InstallError(
                "install_failed", f"{command[0]} cannot be started: {error}.", "Repair the back end."
            ) from None
        ended = threading.Event()
        watcher = threading.Thread(
            target=_end_when, args=(process, cancelled, ended), name="maskel-tool", daemon=True
        )
        watcher.start()
        try:
            for line in process.stdout or ():
                written.write(line)
                written.flush()
                if line.strip():
                    tail = [*tail, line.strip()][-_TAIL:]
                    on_line(line.strip())
            code = process.wait()
        finally:
            ended.set()
            watcher.join()
    if cancelled.is_set():
        raise Cancelled
    if code:
        raise InstallError(
            "install_failed",
            f"{Path(command[0]).stem} ended with status {code}: {' '.join(tail)[-500:]}",
            "Look at the log, then press Continue: what is done is kept.",
        )


def _end_when(process: subprocess.Popen[str], cancelled: threading.Event, ended: threading.Event) -> None:
    while not ended.is_set():
        if cancelled.wait(0.1):
            end_family(process)
            return


def end_family(process: subprocess.Popen[str]) -> None:
    """End a process that leads its own session, with all that it has started."""
    if os.name == "nt":
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run(
                ["taskkill", "/T", "/F", "/PID", str(process.pid)],
                capture_output=True,
                timeout=_END_SECONDS,
                creationflags=NO_WINDOW,
                check=False,
            )
    else:
        # the second also for what the leader has left behind
        for sent in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, sent)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_END_SECONDS)
    with contextlib.suppress(OSError):
        process.kill()
