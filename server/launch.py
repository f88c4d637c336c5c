"""Start a server process: socket, token, ready line, published address, end."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import threading
import time
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
from maskel_server.drain import Drain
from maskel_server.engine import Engine
from maskel_server.guard import MAX_HEAD_BYTES, is_loopback
from maskel_server.logs import JsonFormatter
from maskel_server.private_files import load_or_create_token, remove_if_ours, write_private
from maskel_server.service import Service
from maskel_server.settings import ServerSettings
from maskel_server.wire import TypedH11Protocol
from pydantic import SecretStr

log = logging.getLogger("maskel_server")

GRACE_SECONDS = 3
"""How long requests in work may still take once the server is told to end."""


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
    model: Path | None = None
    device: str = "auto"
    threads: int | None = None
    verbose: bool = False
    log_format: str = "text"
    """``text``, or ``json`` for one object a line."""


def serve(options: LaunchOptions) -> None:
    """Run a server until it is told to end.

    Raises:
        MaskelError: ``remote_refused``, ``bad_host``, ``port_in_use``, ``bad_token_file``, ``cannot_write``.
    """
    _log_to_stderr(options.verbose, options.log_format)
    check_exposure(options)
    token_file = (options.token_file or token_path()).expanduser().absolute()
    publish = (options.publish or published_path()).expanduser().absolute()
    listener = bind(options.host, options.port)
    with listener:
        settings = ServerSettings(
            token=SecretStr(load_or_create_token(token_file)),
            host=options.host,
            allowed_hosts=options.allowed_hosts,
            model=options.model,
            device=options.device,
            threads=options.threads,
        )
        if settings.results is None:
            settings = settings.model_copy(update={"results": state_folder() / "results"})
        load = partial(open_pipeline, settings.model, settings.device, settings.threads)
        engine = Engine(load, settings.queue_size, settings.idle_seconds, settings.batch)
        app = create_app(settings, engine, Drain())
        config = uvicorn_config(app)
        ready = {
            "event": "ready",
            "url": url_of(listener),
            "pid": os.getpid(),
            "version": __version__,
            "api": API_VERSION,
        }
        server = AnnouncedServer(config, ready, publish, {**ready, "token_file": str(token_file)})
        if options.exit_with_parent:
            end_with_parent(server)
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:
            log.info("stopped from the keyboard")


def uvicorn_config(app: FastAPI) -> uvicorn.Config:
    """How an application meets the network: plain HTTP/1.1, no sockets but its own, no foreign headers believed."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        http=TypedH11Protocol,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        ws="none",
        loop="asyncio",
    )


class DrainingServer(uvicorn.Server):
    """A server that, told to end by a signal, takes nothing new and first finishes what is in work.

    A second signal ends it at once.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._service: Service = config.app.state.service  # type: ignore[union-attr]
        self._drained_at = 0.0

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain, or end."""
        again = self._service.drain.begun
        super().handle_exit(sig, frame)
        if not again:
            self._drained_at = time.monotonic() + self._service.settings.drain_seconds
            self._service.drain.begin()
            self.should_exit = False

    async def on_tick(self, counter: int) -> bool:
        """Look whether all is done."""
        if self._service.drain.begun and (not self._service.busy() or time.monotonic() >= self._drained_at):
            self.should_exit = True
        return await super().on_tick(counter)


class AnnouncedServer(DrainingServer):
    """A server that says when it answers and takes its address back when it ends."""

    def __init__(
        self, config: uvicorn.Config, ready: dict[str, Any], publish: Path, published: dict[str, Any]
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._publish = publish
        self._published = published

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then publish the address and print the ready line."""
        await super().startup(sockets=sockets)
        if self.started:
            try:
                write_private(self._publish, json.dumps(self._published, indent=2) + "\n")
            except MaskelError as error:
                # The ready line still tells the parent; only finding the server by its file is lost.
                log.warning("%s %s", error.message, error.fix)
            print(json.dumps(self._ready), flush=True)
            log.info("answering at %s", self._ready["url"])

    async def on_tick(self, counter: int) -> bool:
        """Take the published address back as soon as no new work is taken."""
        if self._service.drain.begun:
            remove_if_ours(self._publish, self._published)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take the published address back first, then end."""
        # Here and not after run(): uvicorn raises the signal that ended it again, which may kill the process.
        remove_if_ours(self._publish, self._published)
        await super().shutdown(sockets=sockets)


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


def end_with_parent(server: uvicorn.Server) -> None:
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
        server.should_exit = True
        # A model stuck in native code must not outlive the parent.
        timer = threading.Timer(GRACE_SECONDS + 5, os._exit, args=(1,))
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
