"""The folder of the back end: environments by number, what is done in each, and which one is in use.

    1/           an environment; short, for Windows allows 260 characters and PyTorch has paths of 119
    1.json       its options and finished steps
    active.json  the environment in use; only written when it was proven to work
    cache/       downloads, until all is done
    install.log  what the tools said

A new installation goes into a new environment, so that the one in use works until the new one does.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import InstallError
from ..files import write_whole
from .options import InstallOptions

_START = "from maskel_core.cli import main; main()"


@dataclass(frozen=True)
class Active:
    """The environment in use."""

    slot: str
    version: str
    options: InstallOptions


class Layout:
    """Paths and records in one folder.

    Args:
        folder: Private to the add-on; need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "install.log"
        self.cache = folder / "cache"

    def environment(self, slot: str) -> Path:
        """Folder of an environment."""
        return self.folder / slot

    def python(self, slot: str) -> Path:
        """The Python of an environment."""
        if os.name == "nt":
            return self.folder / slot / "Scripts" / "python.exe"
        return self.folder / slot / "bin" / "python"

    def command(self, slot: str) -> tuple[str, ...]:
        """Program and first arguments of `maskel`; by its Python, for scripts with long paths do not start everywhere."""
        return (str(self.python(slot)), "-I", "-c", _START)

    def active(self) -> Active | None:
        """The environment in use; None if nothing is installed."""
        values = _read(self.folder / "active.json")
        try:
            return Active(
                str(values["slot"]),
                str(values["version"]),
                InstallOptions.from_json(json.dumps(values["options"])),
            )
        except (KeyError, InstallError):
            return None

    def active_command(self) -> tuple[str, ...]:
        """Command of the environment in use; empty if there is none, or its Python is gone."""
        active = self.active()
        return self.command(active.slot) if active and self.python(active.slot).is_file() else ()

    def damaged(self) -> bool:
        """Whether something was installed that is plainly not there any more; cheap, so it sees only the worst."""
        return self.active() is not None and not self.active_command()

    def partial(self) -> tuple[str, InstallOptions] | None:
        """A begun environment that can be gone on with."""
        active = self.active()
        for slot in self._slots():
            if active is None or slot != active.slot:
                with contextlib.suppress(InstallError, KeyError):
                    values = _read(self._record(slot))
                    return slot, InstallOptions.from_json(json.dumps(values["options"]))
        return None

    def begin(self, options: InstallOptions) -> str:
        """The environment to work on: a begun one with the same options, else a new one; other begun ones go."""
        begun = self.partial()
        active = self.active()
        if begun is not None and begun[1] == options:
            return begun[0]
        self.drop_partial()
        self.folder.mkdir(parents=True, exist_ok=True)
        taken = {path.name for path in self.folder.iterdir()} | ({active.slot} if active else set())
        slot = next(str(number) for number in range(1, 1000) if str(number) not in taken)
        _write(self._record(slot), {"options": json.loads(options.to_json()), "done": []})
        return slot

    def done(self, slot: str) -> list[str]:
        """Names of the finished steps."""
        values = _read(self._record(slot)).get("done")
        return [str(name) for name in values] if isinstance(values, list) else []

    def mark(self, slot: str, step: str) -> None:
        """Note that a step is finished."""
        values = _read(self._record(slot))
        _write(self._record(slot), values | {"done": [*self.done(slot), step]})

    def activate(self, slot: str, options: InstallOptions, version: str) -> None:
        """Use an environment from now on, and delete the others and the downloads."""
        _write(
            self.folder / "active.json",
            {"slot": slot, "version": version, "options": json.loads(options.to_json()), "time": time.time()},
        )
        for other in self._slots():
            if other != slot:
                # what a running server holds on Windows goes the next time
                self.drop(other)
        remove(self.cache)

    def drop_partial(self) -> None:
        """Delete what was begun; what is in use stays."""
        active = self.active()
        for slot in self._slots():
            if active is None or slot != active.slot:
                self.drop(slot)
        remove(self.cache)

    def drop(self, slot: str) -> None:
        """Delete an environment, its record last."""
        if remove(self.environment(slot)):
            self._record(slot).unlink(missing_ok=True)

    def remove_all(self) -> None:
        """Delete everything that an installation has made.

        Raises:
            InstallError: ``cannot_remove``.

        """
        (self.folder / "active.json").unlink(missing_ok=True)
        self.drop_partial()
        self.log.unlink(missing_ok=True)
        if any(self._slots()):
            raise InstallError(
                "cannot_remove",
                "Parts of the back end are in use and could not be deleted.",
                "Stop the server, then remove it again.",
            )

    @contextlib.contextmanager
    def locked(self) -> Iterator[int]:
        """Hold the folder against another installation, also of another Blender; gives the handle of the lock.

        Raises:
            InstallError: ``install_running``, ``cannot_write``.

        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise InstallError(
                "cannot_write",
                f"{self.folder} cannot be written: {error.strerror or error}.",
                "Make the folder writable.",
            ) from None
        try:
            _lock(handle)
            yield handle
        except BlockingIOError:
            raise InstallError(
                "install_running",
                "Another installation is at work in the same folder.",
                "Wait for it, or end it in the other Blender.",
            ) from None
        finally:
            os.close(handle)

    def _record(self, slot: str) -> Path:
        return self.folder / f"{slot}.json"

    def _slots(self) -> list[str]:
        if not self.folder.is_dir():
            return []
        return sorted({path.stem for path in self.folder.iterdir() if path.stem.isdigit()})


def remove(folder: Path) -> bool:
    """Delete a folder as far as it goes; whether nothing is left."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        # read-only files keep Windows from deleting them
        for path in folder.rglob("*"):
            with contextlib.suppress(OSError):
                path.chmod(stat.S_IRWXU)
        shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def _lock(handle: int) -> None:
    """Lock without waiting; BlockingIOError if somebody has it. The system lets go when the process ends."""
    if os.name == "nt":
        import msvcrt

        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            raise BlockingIOError from None
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _read(path: Path) -> dict[str, object]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _write(path: Path, values: dict[str, object]) -> None:
    """Replace in one step, so that a kill leaves the old or the new."""
    write_whole(path, json.dumps(values).encode("utf-8"))
