"""The ``maskel`` command: one module a command group, each importing what it needs only when it runs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from maskel_core.cli import augment, data, doctor, evaluate, serve, study, train, xray
from maskel_core.cli.console import fail
from maskel_core.errors import MaskelError
from maskel_core.version import __version__

app = typer.Typer(
    name="maskel",
    help="Whole-body X-rays of characters from their silhouettes. Not for medical use.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(xray.xray)
app.command()(serve.serve)
app.command()(train.train)
app.command("eval")(evaluate.evaluate)
app.command()(doctor.doctor)
app.add_typer(data.app, name="data")
app.add_typer(augment.app, name="augment")
app.add_typer(study.app, name="study")

_debug = False


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"maskel {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of every command."""
    global _debug
    _debug = debug


def main() -> None:
    """Run the command line; exit status 0, 1 (failed) or 2 (wrong use)."""
    try:
        app()
    except MaskelError as error:
        if _debug:
            raise
        fail(error)
        sys.exit(1)
