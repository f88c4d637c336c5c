"""``maskel train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from maskel_core.cli.console import say


def train(
    config: Annotated[str, typer.Argument(help="Configuration: a TOML file, or the name of one that ships.")],
    out: Annotated[Path, typer.Option(help="Folder for models, checkpoints and logs.")],
    data: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Folder of sample shards.", show_default=False),
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.", show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same run.", show_default=False)] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help="Time of the main stage, minutes.", show_default=False)
    ] = None,
    warm_start: Annotated[
        str | None,
        typer.Option(help="Model to start from: a folder or the name of one that ships.", show_default=False),
    ] = None,
    stream: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of the samples made while training.", show_default=False),
    ] = None,
    stream_workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that make samples.", show_default=False)
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint in the folder.")
    ] = False,
) -> None:
    """Train a model; options left out are the configuration's."""
    from maskel_core.training.run import train as run

    changes: dict[str, Any] = {"data": None if data is None else str(data), "threads": threads, "seed": seed}
    changes |= {"warm_start": warm_start, "stream": stream, "stream_workers": stream_workers}
    changes["generator_seconds"] = None if minutes is None else 60 * minutes
    model = run(config, out, resume, **{name: value for name, value in changes.items() if value is not None})
    say(f"Model in {model}")
