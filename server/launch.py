"""Start a server process: socket, token, ready line, published address, end."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from maskel_core.errors import MaskelError
from maskel_core.runtime import open_pipeline
from maskel_core.state import published_path, state_folder, token_path
from maskel_core.version import API_VERSION, __version__
from maskel_server.app import create_app
from maskel_server.engine import Engine
from maskel_server.guard import MAX_HEAD_BYTES, is_loopback
from maskel_server.logs import JsonFormatter
from maskel_server.private_files import load_or_create_token
from maskel_server.publication import Publication, find_owner, taken
from maskel_server.settings import ServerSettings
from maskel_server.studio.options import StudioOptions
from maskel_server.wire import TypedH11Protocol
from pydantic import SecretStr

log = logging.getLogger("maskel_server")

CLOSE_SECONDS = 3
"""How long connections may still take to read their answers once nothing is in work."""

ORPHAN_SECONDS = 3.0
"""How long work may still take when the parent that asked for it is gone."""


@dataclass(frozen=True)
class LaunchOptions:
    """How to start a server; the command line of ``maskel serve`` as an object."""

    host: str = "127.0.0.1"
    port: int = 0
    token_file: Path | None = None
    publish: Path | None = None
    exit_with_parent: bool = False
    allow_remote: bool = False
    allowed_hosts: tuple[str, ...] = ()
    another: bool = False
    grace: float | None = None
    model: Path | None = None
    device: str = "auto"
    threads: int | None = None
    looks: int | None = None
    studio: StudioOptions | None = None
    verbose: bool = False
    log_format: str = "text"
    """``text``, or ``json`` for one object a line."""


def serve(options: LaunchOptions) -> None:
    """Run a server until it is told to end.

    Raises:
        MaskelError: ``remote_refused``, ``bad_host``, ``port_in_use``, ``bad_token_file``, ``cannot_write``;
            ``already_running``, ``other_version_running``, ``publish_taken`` when another owns the published file.
    """
    _log_to_stderr(options.verbose, options.log_format)
    check_exposure(options)
    token_file = (options.token_file or token_path()).expanduser().absolute()
    publication = claim(options)
    try:
        with bind(options.host, options.port) as listener:
            settings = settings_of(options, load_or_create_token(token_file))
            app = create_app(settings, make_engine(options, settings))
            service = app.state.service
            ending = Ending(service.drain.begin, service.busy, settings.drain_seconds)
            ready = {
                "event": "ready",
                "url": url_of(listener),
                "pid": os.getpid(),
                "version": __version__,
                "api": API_VERSION,
            }
            published = {**ready, "token_file": str(token_file)}
            server = AnnouncedServer(uvicorn_config(app), ready, publication, published, ending)
            if options.exit_with_parent:
                end_with_parent(server)
            try:
                server.run(sockets=[listener])
            except KeyboardInterrupt:
                log.info("stopped from the keyboard")
    finally:
        if publication is not None:
            publication.withdraw()


def make_engine(options: LaunchOptions, settings: ServerSettings) -> Engine:
    """The owner of the model: in this process, or replicas of a studio. Nothing is loaded yet.

    Raises:
        MaskelError: ``ray_missing``.
    """
    if options.studio is not None:
        from maskel_server.studio.front import studio_engine

        return studio_engine(options.studio, settings)
    load = partial(open_pipeline, settings.model, settings.device, settings.threads, looks=settings.looks)
    return Engine(load, settings.queue_size, settings.idle_seconds, settings.batch)


def claim(options: LaunchOptions) -> Publication | None:
    """The right to publish; None when another server has it and ``options.another`` allows to go without.

    Raises:
        MaskelError: ``already_running``, ``other_version_running``, ``publish_taken``.
    """
    publication = Publication((options.publish or published_path()).expanduser().absolute())
    if publication.claim():
        return publication
    if options.another:
        log.info("not published: another server owns %s", publication.path)
        return None
    log.info("another server owns %s; asking it", publication.path)
    owner = find_owner(publication.path)
    error = taken(publication.path, owner)
    if owner is not None and error.code == "already_running":
        print(json.dumps({**owner, "event": "running"}), flush=True)
    raise error


def settings_of(options: LaunchOptions, token: str) -> ServerSettings:
    """The settings of a server: options first, then the environment, then the defaults."""
    settings = ServerSettings(
        token=SecretStr(token),
        host=options.host,
        allowed_hosts=options.allowed_hosts,
        model=options.model,
        device=options.device,
        threads=options.threads,
        looks=options.looks,
    )
    changes: dict[str, Any] = {}
    if settings.results is None:
        changes["results"] = state_folder() / "results"
    if options.grace is not None:
        changes["drain_seconds"] = options.grace
    return settings.model_copy(update=changes)


def uvicorn_config(app: FastAPI) -> uvicorn.Config:
    """How an application meets the network: plain HTTP/1.1, no sockets but its own, no foreign headers believed."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=CLOSE_SECONDS,
        http=TypedH11Protocol,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        ws="none",
        loop="asyncio",
    )


@dataclass
class Ending:
    """How a server ends: ``begin`` refuses further work, ``busy`` tells of work left, which has ``grace`` seconds."""

    begin: Callable[[], None]
    busy: Callable[[], bool]
    grace: float


class AnnouncedServer(uvicorn.Server):
    """A server that says when it answers, and finishes what is in work before it ends with status 0.

    Args:
        config: The application and its network.
        ready: The line that is printed once it answers.
        publication: Where the address is published; None publishes nothing.
        published: What is published.
        ending: What is done when it is told to end.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        ready: dict[str, Any],
        publication: Publication | None,
        published: dict[str, Any],
        ending: Ending,
    ) -> None:
        super().__init__(config)
        self.ending = ending
        self._ready = ready
        self._publication = publication
        self._published = published

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then publish the address and print the ready line."""
        await super().startup(sockets=sockets)
        if self.started:
            if self._publication is not None:
                self._publication.announce(self._published)
            print(json.dumps(self._ready), flush=True)
            log.info("answering at %s", self._ready["url"])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take the address back, finish what is in work while its askers can still reach it, then end."""
        if self._publication is not None:
            self._publication.withdraw()
        self.ending.begin()
        deadline = time.monotonic() + self.ending.grace
        while self.ending.busy():
            if time.monotonic() >= deadline or self.force_exit:
                log.warning("ending with work unfinished")
                break
            await asyncio.sleep(0.02)
        await super().shutdown(sockets=sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain at the first signal, end at once at the second."""
        # uvicorn raises the signal again when all is done, which would turn a clean end into a death by signal.
        self.force_exit = self.should_exit
        self.should_exit = True


def check_exposure(options: LaunchOptions) -> None:
    """Refuse to be reachable from other machines by accident.

    Raises:
        MaskelError: ``remote_refused`` unless the host is loopback, or asked for with a token file.
    """
    if is_loopback(options.host):
        return
    if not options.allow_remote:
        raise MaskelError(
            "remote_refused",
            f"{options.host} can be reached from other machines.",
            "Use --host 127.0.0.1, or add --allow-remote and --token-file if that is what you want.",
        )
    if options.token_file is None:
        raise MaskelError(
            "remote_refused",
            "A server that other machines can reach needs a token file of its own.",
            "Add --token-file FILE.",
        )


def bind(host: str, port: int) -> socket.socket:
    """A listening-ready TCP socket, so that the port is ours before it is told to anyone.

    Args:
        host: Name or address.
        port: 0 for a free one.

    Raises:
        MaskelError: ``bad_host``, ``port_in_use``.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise MaskelError(
            "bad_host", f"There is no address for the host {host!r}.", "Use --host 127.0.0.1."
        ) from error
    listener = socket.socket(family, kind, protocol)
    try:
        exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)
        if exclusive is not None:
            # On Windows SO_REUSEADDR would let two servers share one port.
            listener.setsockopt(socket.SOL_SOCKET, exclusive, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.set_inheritable(False)
    except (OSError, OverflowError) as error:
        listener.close()
        raise MaskelError(
            "port_in_use",
            f"Port {port} on {host} cannot be used: {getattr(error, 'strerror', None) or error}.",
            "Use --port 0 for a free one, or end the program that holds it.",
        ) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """The address a client on this machine uses for a bound socket."""
    host, port = listener.getsockname()[:2]
    if host == "0.0.0.0":  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    elif host == "::":
        host = "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def end_with_parent(server: AnnouncedServer) -> None:
    """End the server when its stdin closes, which happens when the parent dies, on every platform.

    Raises:
        MaskelError: ``no_stdin``.
    """
    if sys.stdin is None:
        raise MaskelError(
            "no_stdin", "There is no stdin to watch.", "Start the server with a pipe as its stdin."
        )
    stdin = sys.stdin.fileno()

    def watch() -> None:
        try:
            while os.read(stdin, 4096):
                pass
        except OSError:
            pass
        log.info("the parent has closed stdin; ending")
        server.ending.grace = min(server.ending.grace, ORPHAN_SECONDS)
        server.should_exit = True
        # A model stuck in native code must not outlive the parent.
        timer = threading.Timer(server.ending.grace + CLOSE_SECONDS + 5, os._exit, args=(1,))
        timer.daemon = True
        timer.start()

    threading.Thread(target=watch, name="maskel-parent", daemon=True).start()


def _log_to_stderr(verbose: bool, log_format: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    if log_format == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    for name in ("maskel_server", "maskel_core"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    uvicorn_log = logging.getLogger("uvicorn")
    uvicorn_log.handlers = [handler]
    uvicorn_log.propagate = False
    uvicorn_log.setLevel(logging.INFO if verbose else logging.WARNING)
