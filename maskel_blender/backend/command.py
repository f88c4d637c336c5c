"""Which server to use: a running one, or one of our own, by environment, preferences and PATH."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..client.address import Address, parse_address
from ..errors import BackendError, ClientError


@dataclass(frozen=True)
class RunningServer:
    """A server that somebody else runs."""

    address: Address
    token: str


@dataclass(frozen=True)
class OwnServer:
    """A server to start as a child.

    Args:
        command: The program and its first arguments; empty if none is installed.
        published: File of a server that the user runs, to be used instead if it fits; None looks for none.
    """

    command: tuple[str, ...]
    published: Path | None = None


def choose_server(
    environment: Mapping[str, str],
    address: str = "",
    token_file: str = "",
    command: str = "",
    installed: tuple[str, ...] = (),
    published: Path | None = None,
) -> RunningServer | OwnServer:
    """Decide; the environment wins over the preferences, a running server over one to start, a named over a found one.

    Args:
        environment: Looked at for MASKEL_SERVER, MASKEL_TOKEN_FILE, MASKEL_COMMAND, PATH.
        address: Preference: address of a running server, "" for none.
        token_file: Preference: file with its token.
        command: Preference: the `maskel` executable.
        installed: Command of the back end that the add-on has installed; empty if it has not.
        published: File that a server of the user's would have published.

    Raises:
        BackendError: ``maskel_not_found``.
        ClientError: ``bad_address``, ``no_token_file``.

    """
    token_path = environment.get("MASKEL_TOKEN_FILE", "") or token_file
    if environment.get("MASKEL_SERVER"):
        return RunningServer(parse_address(environment["MASKEL_SERVER"]), read_token(token_path))
    if environment.get("MASKEL_COMMAND"):
        return OwnServer(
            _split(environment["MASKEL_COMMAND"], environment, "the environment variable MASKEL_COMMAND")
        )
    if address.strip():
        return RunningServer(parse_address(address), read_token(token_path))
    if command.strip():
        return OwnServer(_split(command, environment, "the add-on's preferences"))
    found = published if published is not None and published.is_file() else None
    if not installed:
        program = shutil.which("maskel", path=environment.get("PATH", ""))
        installed = (program,) if program is not None else ()
    if not installed and found is None:
        raise not_found()
    return OwnServer(installed, found)


def not_found() -> BackendError:
    """There is no program to start."""
    return BackendError(
        "maskel_not_found",
        "The back end is not installed.",
        "Install it in the add-on's preferences, or name an existing maskel program there.",
    )


def read_token(path: str) -> str:
    """First line of a token file; "" if no file is named.

    Raises:
        ClientError: ``no_token_file``.

    """
    if not path.strip():
        return ""
    try:
        return Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ClientError(
            "no_token_file",
            f"The token file {path} cannot be read: {error}.",
            "Name the file that the server printed when it started.",
        ) from None


def _split(text: str, environment: Mapping[str, str], source: str) -> tuple[str, ...]:
    """A program, perhaps with spaces in its path, or a program with arguments."""
    search = environment.get("PATH", "")
    whole = shutil.which(str(Path(text.strip()).expanduser()), path=search)
    if whole is not None:
        return (whole,)
    try:
        words = [word.strip('"') for word in shlex.split(text, posix=os.name != "nt")]
    except ValueError:
        words = []
    program = shutil.which(words[0], path=search) if words else None
    if program is None:
        raise BackendError(
            "maskel_not_found", f'"{text}", named by {source}, is not a program.', "Correct its path."
        )
    return (program, *words[1:])
