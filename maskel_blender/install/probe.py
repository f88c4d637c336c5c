"""Proves that an environment works: asks its doctor, then starts its server once and asks that."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from ..backend.process import Backend
from ..client.http import HttpClient
from ..errors import Cancelled, InstallError, MaskelError
from .running import NO_WINDOW, clean_environment

DOCTOR_SECONDS = 180.0
SERVER_SECONDS = 180.0


def prove(command: Sequence[str], log: Path, cancelled: threading.Event) -> str:
    """Version of a back end that works.

    Args:
        command: Program and first arguments of its `maskel`.
        log: What it says is added here.
        cancelled: Ends the trial when set.

    Raises:
        Cancelled: It was ended.
        InstallError: ``not_working``.

    """
    _ask_doctor(command, log, cancelled)
    backend = Backend()
    try:
        backend.start(tuple(command))
        address, token = backend.wait_ready(SERVER_SECONDS, cancelled.is_set)
        client = HttpClient(address, token)
        version = client.wait_until_ready(SERVER_SECONDS).version
        client.status()
    except Cancelled:
        raise
    except MaskelError as error:
        if cancelled.is_set():
            raise Cancelled from None
        raise InstallError(
            "not_working",
            f"The server of the new back end does not work: {error.message}",
            f"{error.fix} Then install again; what was downloaded is kept.",
        ) from None
    finally:
        backend.stop()
    return version


def _ask_doctor(command: Sequence[str], log: Path, cancelled: threading.Event) -> None:
    """Cut off by a timeout, not by cancelling: it takes seconds."""
    try:
        told = subprocess.run(
            [*command, "doctor", "--json"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=DOCTOR_SECONDS,
            env=clean_environment(),
            creationflags=NO_WINDOW,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise _not_working(f"it cannot be asked: {error}") from None
    with log.open("a", encoding="utf-8", errors="replace") as written:
        written.write(told.stdout + told.stderr)
    if cancelled.is_set():
        raise Cancelled
    try:
        findings = json.loads(told.stdout)["findings"]
        missing = [item for item in findings if item["level"] == "missing"]
    except (ValueError, KeyError, TypeError):
        words = " ".join((told.stderr or told.stdout).split())[-300:]
        raise _not_working(words or f"it ended with status {told.returncode}") from None
    if missing:
        first = missing[0]
        raise InstallError(
            "not_working",
            f"{first['name']}: {first['message']}.",
            f"{first.get('fix') or 'Repair the back end'}.",
        )


def _not_working(why: str) -> InstallError:
    return InstallError(
        "not_working", f"The new back end does not work: {why}.", "Look at the log, then install again."
    )
