"""``maskel serve``: the local server."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from maskel_core.cli.console import Looks, fail, misuse
from maskel_core.errors import MaskelError

ALREADY_RUNNING = 3
"""Exit status when a server of this user and version already runs."""


class LogFormat(StrEnum):
    """How the log is written."""

    text = "text"
    json = "json"


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; another than loopback needs --allow-remote.")
    ] = ("127.0.0.1"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 0,
    token_file: Annotated[
        Path | None,
        typer.Option(help="File with the token; made if missing. Default: the user's state folder."),
    ] = None,
    publish: Annotated[
        Path | None, typer.Option(help="File that tells the address. Default: the user's state folder.")
    ] = None,
    exit_with_parent: Annotated[
        bool, typer.Option("--exit-with-parent", help="End when stdin closes.")
    ] = False,
    allow_remote: Annotated[
        bool,
        typer.Option(
            "--allow-remote", help="Let other machines in; plain HTTP, so only in a trusted network."
        ),
    ] = False,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A further host name clients may use; can be repeated.")
    ] = None,
    another: Annotated[
        bool,
        typer.Option(
            "--another", help="Start even if a server of this user runs; its address is not published."
        ),
    ] = False,
    grace: Annotated[
        float | None,
        typer.Option(min=0, help="Seconds that work may still take once the server is told to end; 20."),
    ] = None,
    ray: Annotated[
        bool, typer.Option("--ray", help="Run replicas of the model on Ray Serve; see docs/studio.md.")
    ] = False,
    replicas: Annotated[int, typer.Option(min=1, help="Replicas with --ray, at least.")] = 1,
    max_replicas: Annotated[
        int | None, typer.Option(min=1, help="Replicas with --ray, at most; they come and go by load.")
    ] = None,
    ray_address: Annotated[
        str | None, typer.Option(help="A Ray cluster where the application runs; implies --ray.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Folder of a model. Default: the one that ships.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads of the model.")] = None,
    looks: Looks = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log more.")] = False,
    log_format: Annotated[
        LogFormat, typer.Option(help="The log for people, or one JSON object a line.")
    ] = LogFormat.text,
) -> None:
    """Run the server that turns masks into X-rays.

    Prints one JSON line with its address to stdout when it answers; the log goes to stderr. Ends with status 0 when
    told to end, and with 3 when a server of this user and version already runs, whose address it prints instead.
    """
    from maskel_server.launch import LaunchOptions
    from maskel_server.launch import serve as run
    from maskel_server.studio.options import StudioOptions

    if not (ray or ray_address) and (replicas > 1 or max_replicas is not None):
        misuse("--replicas and --max-replicas go with --ray.")
    studio = StudioOptions(replicas, max_replicas, ray_address) if ray or ray_address else None
    options = LaunchOptions(
        host=host,
        port=port,
        token_file=token_file,
        publish=publish,
        exit_with_parent=exit_with_parent,
        allow_remote=allow_remote,
        allowed_hosts=tuple(allow_host or ()),
        another=another,
        grace=grace,
        model=model,
        device=device,
        threads=threads,
        looks=looks,
        studio=studio,
        verbose=verbose,
        log_format=log_format.value,
    )
    try:
        run(options)
    except MaskelError as error:
        if error.code != "already_running":
            raise
        fail(error)
        raise typer.Exit(ALREADY_RUNNING) from None
