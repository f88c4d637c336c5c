"""``maskel augment``: the paper's diffusion augmentation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from maskel_core.cli.console import progress_bar, say

app = typer.Typer(help="Make up further X-rays to pre-train on, by diffusion.", no_args_is_help=True)


@app.command()
def fit(
    data: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder of sample shards.")],
    out: Annotated[Path, typer.Option(help="Folder for both models.")],
    minutes: Annotated[
        float | None,
        typer.Option(min=0.1, help="Time in all, half for each model.", show_default="as configured"),
    ] = None,
    generator: Annotated[
        str, typer.Option(help="Configuration of the small X-rays: a file, or one that ships.")
    ] = "augment-64",
    super_resolver: Annotated[
        str, typer.Option(help="Configuration of the enlargement: a file, or one that ships.")
    ] = "augment-256",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.", show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same run.", show_default=False)] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Use at most this many samples.", show_default=False)
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint in the folder.")
    ] = False,
) -> None:
    """Train a generator of 64 x 64 X-rays and a super-resolver to 256 x 256 on the bodies of a set."""
    from maskel_core.augmentation.fit import fit as run

    changes = {"threads": threads, "seed": seed, "limit": limit}
    folder = run(data, out, resume, generator, super_resolver, minutes, **changes)
    say(f"Models in {folder}")


@app.command()
def sample(
    run: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder of `maskel augment fit`.")],
    count: Annotated[int, typer.Option(min=1, help="Number of usable pairs.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same pairs.")] = 0,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Steps from noise to a small picture.", show_default="the model's own"),
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.", show_default=False)] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Write made-up pairs as shards of a training split, for `maskel train --data`.

    A build that was stopped goes on where it was.
    """
    import torch
    from maskel_core.augmentation.build import build_augmentation

    if threads is not None:
        torch.set_num_threads(threads)
    with progress_bar("Pairs") as progress:
        manifest = build_augmentation(run, count, out, seed, progress, steps=steps, device=device)
    thrown = ", ".join(f"{number} {why}" for why, number in manifest["rejected"].items() if number)
    say(f"{count} pairs in {out}, of {manifest['candidates']} pictures; thrown away: {thrown or 'none'}")


@app.command()
def review(
    run: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder of `maskel augment fit`.")],
    samples: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="Folder of `maskel augment sample`.")
    ],
    data: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="Folder of shards that the fit learned from.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for figures and sheets.")],
    limit: Annotated[int, typer.Option(min=2, help="Compare at most this many pictures.")] = 800,
) -> None:
    """Say how like true pictures the made-up ones are and how new, with the nearest training pictures beside them."""
    import json

    from maskel_core.augmentation.quality import review as look

    with progress_bar("Pictures") as progress:
        figures = look(run, samples, data, out, limit, progress)
    typer.echo(json.dumps(figures, indent=2))
    say(f"Sheets in {out}")
