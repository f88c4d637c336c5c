"""How the commands speak: results on stdout, everything else on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn

import typer
from maskel_core.errors import MaskelError

Looks = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=2,
        help="How often a picture is looked at: 1 is twice as fast, 2 truer. Default: as the model says.",
        show_default=False,
    ),
]
"""The option ``--looks`` of the commands that open a pipeline."""


def say(message: str) -> None:
    """Tell the user something that is not a result."""
    typer.echo(message, err=True)


def fail(error: MaskelError) -> None:
    """Print an error and what to do about it."""
    say(f"{typer.style('Error:', fg='red', bold=True)} {error.message}\n  {error.fix}")


def misuse(message: str) -> NoReturn:
    """End with exit status 2."""
    say(f"{typer.style('Wrong use:', fg='red', bold=True)} {message}")
    raise typer.Exit(2)


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr; yields ``update(done, total)``, which may be called from any thread."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)

        def update(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield update
