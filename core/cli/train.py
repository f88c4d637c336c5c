"""``maskel train`` and ``maskel eval``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    config: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Training configuration.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoints and logs.")],
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint in the folder.")
    ] = False,
) -> None:
    """Train a model."""
    from maskel_core.training.run import train as run

    run(config, out, resume)


def evaluate(
    data: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder of sample shards.")],
    out: Annotated[Path, typer.Option(help="Folder for the report.")],
    model: Annotated[
        Path | None, typer.Option(help="Folder of a model. Default: the one that ships.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Use at most this many samples.")] = None,
) -> None:
    """Measure a model on held-out samples."""
    from maskel_core.evaluation.run import evaluate as run

    run(model, data, out, limit)
