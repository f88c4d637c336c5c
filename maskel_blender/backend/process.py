"""The server as a child process that dies with Blender."""

from __future__ import annotations

import contextlib
import enum
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from ..client.address import Address, parse_address
from ..errors import BackendError, MaskelError
from .command import not_found, read_token
from .published import adopt

STOP_SECONDS = 5.0
_LOG_LINES = 6


class ServerState(enum.Enum):
    """What the server of this Blender does."""

    NOT_FOUND = "not found"
    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"


class Backend:
    """Starts and stops one server. All methods may be called from any thread; none but `wait_ready` and `stop` waits."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._state = ServerState.STOPPED
        self._process: subprocess.Popen[str] | None = None
        self._folder: Path | None = None
        self._address: Address | None = None
        self._token = ""
        self._failure: MaskelError | None = None
        self._adopted = False
        # counts starts and stops, so that a slow start notices that it is not wanted any more
        self._turn = 0

    @property
    def state(self) -> ServerState:
        """What the server does now."""
        with self._lock:
            if (
                self._state is ServerState.READY
                and self._process is not None
                and self._process.poll() is not None
            ):
                self._fail("server_ended", "The server has ended.")
            return self._state

    @property
    def failure(self) -> MaskelError | None:
        """Why the state is NOT_FOUND or FAILED."""
        with self._lock:
            return self._failure

    @property
    def log_file(self) -> Path | None:
        """Where the server's output goes; kept after a failure."""
        with self._lock:
            return self._folder / "server.log" if self._folder is not None else None

    @property
    def adopted(self) -> bool:
        """Whether the server was started by somebody else, who is also the one to stop it."""
        with self._lock:
            return self._adopted

    @property
    def endpoint(self) -> tuple[Address, str] | None:
        """Address and token of a server that is ready."""
        with self._lock:
            if self.state is ServerState.READY and self._address is not None:
                return self._address, self._token
            return None

    def start(self, command: tuple[str, ...], published: Path | None = None) -> None:
        """Start the server unless it runs, or adopt one; returns at once.

        Args:
            command: The `maskel` program and its first arguments; empty if there is none to start.
            published: File of a server that the user runs; one that fits is used instead of one of our own.

        Raises:
            BackendError: ``maskel_not_found``, ``cannot_start``; with `published` they come from `wait_ready`.

        """
        with self._lock:
            if self.state in (ServerState.STARTING, ServerState.READY):
                return
            self._failure = None
            self._turn += 1
            if published is None:
                self._launch(command)
                return
            self._set(ServerState.STARTING)
            work = (command, published, self._turn)
        threading.Thread(target=self._adopt, args=work, name="maskel-adopt", daemon=True).start()

    def _adopt(self, command: tuple[str, ...], published: Path, turn: int) -> None:
        """Runs on its own thread, for it asks the server."""
        found = adopt(published)
        with self._lock:
            if self._turn != turn:
                return
            if found is not None:
                self._address, self._token = found
                self._adopted = True
                self._set(ServerState.READY)
                return
            # the failure is kept for who waits
            with contextlib.suppress(MaskelError):
                self._launch(command)

    def _launch(self, command: tuple[str, ...]) -> None:
        with self._lock:
            self._forget_folder()
            if not command:
                self._failure = not_found()
                self._set(ServerState.NOT_FOUND)
                raise self._failure
            try:
                # private to the user, and one for each Blender that runs
                folder = Path(tempfile.mkdtemp(prefix="maskel-"))
                self._folder = folder
                arguments = [*command, "serve", "--port", "0", "--token-file", str(folder / "token")]
                arguments += ["--publish", str(folder / "server.json"), "--exit-with-parent"]
                with (folder / "server.log").open("ab") as log:
                    process = subprocess.Popen(
                        arguments,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=log,
                        encoding="utf-8",
                        errors="replace",
                        env=_clean_environment(),
                        # no console window next to Blender on Windows
                        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                        # Ctrl-C in the terminal is for Blender alone, which lets the server finish
                        start_new_session=os.name != "nt",
                    )
            except FileNotFoundError:
                self._failure = BackendError(
                    "maskel_not_found",
                    f"There is no program {command[0]}.",
                    "Correct it in the add-on's preferences.",
                )
                self._set(ServerState.NOT_FOUND)
                raise self._failure from None
            except OSError as error:
                self._failure = BackendError(
                    "cannot_start",
                    f"{command[0]} cannot be started: {error}.",
                    "Correct it in the add-on's preferences.",
                )
                self._set(ServerState.FAILED)
                raise self._failure from None
            self._process, self._failure = process, None
            self._set(ServerState.STARTING)
        threading.Thread(target=self._read, args=(process, folder), name="maskel-server", daemon=True).start()

    def wait_ready(
        self, seconds: float, cancelled: Callable[[], bool] = lambda: False
    ) -> tuple[Address, str]:
        """Wait for the server's ready line.

        Args:
            seconds: At most this long.
            cancelled: Asked now and then; True ends the wait.

        Returns:
            Address and token.

        Raises:
            BackendError: ``server_failed``, ``server_ended``, ``start_timeout``, ``server_stopped``.

        """
        end = time.monotonic() + seconds
        with self._changed:
            while self.state is ServerState.STARTING and not cancelled():
                left = end - time.monotonic()
                if left <= 0:
                    raise BackendError(
                        "start_timeout",
                        f"The server was not ready after {seconds:.0f} s.",
                        f"Look at its log: {self.log_file}.",
                    )
                self._changed.wait(min(left, 0.2))
            if self._state is ServerState.READY and self._address is not None:
                return self._address, self._token
            raise self._failure or BackendError(
                "server_stopped", "The server was stopped.", "Press Start Server to start it again."
            )

    def lost(self) -> bool:
        """Told by who found that the server does not answer; whether `start` would start another."""
        with self._lock:
            if self._adopted:
                self._let_go()
            return self.state not in (ServerState.STARTING, ServerState.READY)

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End the server: close its stdin, wait, and only then use force. One that was adopted is only let go."""
        with self._lock:
            process, self._process = self._process, None
            # one that starts has no work to lose, and may not look at its stdin yet
            gentle = self._state is not ServerState.STARTING
            self._failure = None
            self._turn += 1
            self._let_go()
        if process is not None:
            _end(process, seconds, gentle)
        with self._lock:
            if self._process is None:
                self._forget_folder()

    def _read(self, process: subprocess.Popen[str], folder: Path) -> None:
        """Runs on its own thread: wait for the ready line, keep the pipe empty, notice the end."""
        stream: IO[str] | None = process.stdout
        if stream is None:
            return
        with (
            contextlib.suppress(OSError, ValueError),
            (folder / "server.log").open("a", encoding="utf-8") as log,
        ):
            for line in stream:
                log.write(line)
                log.flush()
                self._note(process, line)
        code = process.wait()
        with self._lock:
            # stop() has already taken the process away if the end was wanted
            if self._process is process and self._state in (ServerState.STARTING, ServerState.READY):
                self._fail(
                    "server_failed" if self._state is ServerState.STARTING else "server_ended",
                    f"The server ended with status {code}.",
                )

    def _note(self, process: subprocess.Popen[str], line: str) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            return
        if not isinstance(event, dict) or event.get("event") != "ready":
            return
        with self._lock:
            if self._process is not process or self._folder is None:
                return
            try:
                self._address = parse_address(str(event["url"]))
                self._token = read_token(str(self._folder / "token"))
            except (KeyError, MaskelError) as error:
                self._fail("server_failed", f"The server's ready line cannot be used: {error}.")
                return
            self._set(ServerState.READY)

    def _fail(self, code: str, message: str) -> None:
        tail = ""
        with contextlib.suppress(OSError):
            if self.log_file is not None:
                lines = self.log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
                tail = " ".join(line.strip() for line in lines[-_LOG_LINES:])[-600:]
        message = f"{message} Its last words: {tail}" if tail else message
        self._failure = BackendError(code, message, f"Look at its log: {self.log_file}; then start it again.")
        self._set(ServerState.FAILED)

    def _let_go(self) -> None:
        self._adopted, self._address, self._token = False, None, ""
        self._set(ServerState.STOPPED)

    def _set(self, state: ServerState) -> None:
        with self._changed:
            self._state = state
            self._changed.notify_all()

    def _forget_folder(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def _clean_environment() -> dict[str, str]:
    """The environment without what points another Python at Blender's own libraries."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}


def _end(process: subprocess.Popen[str], seconds: float, gentle: bool = True) -> None:
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    for force in (None, process.terminate, process.kill):
        if force is not None:
            force()
        try:
            process.wait(min(seconds, 0.3) if force is None and not gentle else seconds)
        except subprocess.TimeoutExpired:
            continue
        return
