"""``maskel serve``: the local server."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


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
    model: Annotated[
        Path | None, typer.Option(help="Folder of a model. Default: the one that ships.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads of the model.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log more.")] = False,
    log_format: Annotated[
        LogFormat, typer.Option(help="The log for people, or one JSON object a line.")
    ] = LogFormat.text,
) -> None:
    """Run the server that turns masks into X-rays.

    Prints one JSON line with its address to stdout when it answers; the log goes to stderr.
    """
    from maskel_server.launch import LaunchOptions
    from maskel_server.launch import serve as run

    run(
        LaunchOptions(
            host=host,
            port=port,
            token_file=token_file,
            publish=publish,
            exit_with_parent=exit_with_parent,
            allow_remote=allow_remote,
            allowed_hosts=tuple(allow_host or ()),
            model=model,
            device=device,
            threads=threads,
            verbose=verbose,
            log_format=log_format.value,
        )
    )
