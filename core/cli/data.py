"""``maskel data``: training samples and the example character."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from maskel_core.cli.console import progress_bar, say

app = typer.Typer(help="Make training samples and example characters.", no_args_is_help=True)


@app.command()
def build(
    count: Annotated[int, typer.Option(min=1, help="Number of samples.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    size: Annotated[int, typer.Option(min=16, max=4096, help="Width and height in pixels.")] = 256,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same samples.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 works in this one.")] = 0,
) -> None:
    """Write paired samples (mask, bone, soft tissue, joints) as WebDataset shards with a manifest."""
    from maskel_core.data.build import build_shards

    with progress_bar("Samples") as progress:
        build_shards(count, size, seed, out, workers, progress)
    say(f"{count} samples in {out}")


@app.command()
def character(
    out: Annotated[Path, typer.Option(help="File to write.")],
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same character.")] = 0,
) -> None:
    """Write a posed character with its armature, for the Blender example."""
    from maskel_core.anatomy.character import export_character

    export_character(out, seed)
    say(f"Character in {out}")
