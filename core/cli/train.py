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
    pretrain_data: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Folder of shards of the stage \\[pretrain].",
            show_default=False,
        ),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help="Time of the main stage, minutes.", show_default=False)
    ] = None,
    max_steps: Annotated[
        int | None,
        typer.Option(
            min=1, help="Steps of the main stage, if its time does not end it first.", show_default=False
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cpu, cuda, cuda:N or mps.", show_default=False)
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(help="auto, float32 or bfloat16; auto: bfloat16 where it is fast.", show_default=False),
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.", show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same run.", show_default=False)] = None,
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
    """Train the stages of a configuration; options left out are the configuration's.

    DIR/log.jsonl, DIR/sheets and DIR/tensorboard show how it goes. Ctrl-C saves and ends with status 130; --resume goes on
    after it, and after a kill at any moment. Several processes: `accelerate launch -m maskel_core.training.run CONFIG --out DIR`.
    """
    from maskel_core.training.interrupt import EXIT_STATUS, TrainingInterrupted, resume_command
    from maskel_core.training.run import train as run

    folders = {"data": data, "pretrain_data": pretrain_data}
    changes: dict[str, Any] = {name: None if path is None else str(path) for name, path in folders.items()}
    changes |= {"generator_seconds": None if minutes is None else 60 * minutes, "generator_steps": max_steps}
    changes |= {"device": device, "precision": precision, "threads": threads, "seed": seed}
    changes |= {"warm_start": warm_start, "stream": stream, "stream_workers": stream_workers}
    try:
        model = run(config, out, resume, **changes)
    except TrainingInterrupted as stop:
        say(f"{stop.message} Go on with:\n  {resume_command(['maskel'])}")
        raise typer.Exit(EXIT_STATUS) from stop
    except KeyboardInterrupt as stop:
        say(f"Stopped before the next checkpoint. Go on with:\n  {resume_command(['maskel'])}")
        raise typer.Exit(EXIT_STATUS) from stop
    say(f"Model in {model}")
