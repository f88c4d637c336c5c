"""``maskel data``: training samples and the example character."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from maskel_core.cli.console import misuse, progress_bar, say
from maskel_core.errors import MaskelError

app = typer.Typer(help="Make training samples and example characters.", no_args_is_help=True)


@app.command()
def build(
    count: Annotated[int, typer.Option(min=1, help="Number of samples.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    size: Annotated[int, typer.Option(min=32, max=2048, help="Width and height in pixels.")] = 256,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same samples.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    energies: Annotated[
        str, typer.Option(help="Store layers at these photon energies too, keV, such as 40,70.")
    ] = "",
    clothed: Annotated[
        float,
        typer.Option(
            help="Share of masks with hair, clothes, props and faults, 0 to 1; the rest are bodies."
        ),
    ] = 0.5,
    engine: Annotated[
        str, typer.Option(help="Where to work: local, or ray for Ray Data on a cluster.")
    ] = "local",
    address: Annotated[
        str | None, typer.Option(help="Of a running Ray cluster.", show_default="a new local one")
    ] = None,
) -> None:
    """Write paired samples (mask, bone, soft tissue, joints) as WebDataset shards with a manifest.

    A build that was stopped goes on where it was.
    """
    from maskel_core.data.build import build_shards

    try:
        further = tuple(dict.fromkeys(float(value) for value in energies.split(",") if value.strip()))
    except ValueError:
        misuse(f"{energies!r} is no list of numbers.")
    with progress_bar("Samples") as progress:
        build_shards(
            count,
            size,
            seed,
            out,
            workers,
            progress,
            energies=further,
            clothed=clothed,
            engine=engine,
            address=address,
        )
    say(f"{count} samples in {out}")


@app.command()
def gallery(
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    size: Annotated[int, typer.Option(min=64, max=2048, help="Edge of each picture in pixels.")] = 220,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same poses.")] = 0,
) -> None:
    """Draw contact sheets of simulated X-rays (ages, builds, poses, views, layers) on one offline page."""
    from maskel_core.data.gallery import make_gallery

    with progress_bar("Pictures") as progress:
        page = make_gallery(out, size, seed, progress)
    say(f"Gallery in {page}")


@app.command()
def silhouettes(
    out: Annotated[Path, typer.Argument(help="PNG to write.")],
    size: Annotated[int, typer.Option(min=32, max=512, help="Edge of each picture in pixels.")] = 128,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same pictures.")] = 0,
    columns: Annotated[int, typer.Option(min=1, max=32, help="Augmentations in a row.")] = 8,
) -> None:
    """Draw every augmentation of silhouettes on one sheet, mild and strong, over the body's own mask."""
    from maskel_core.data.silhouettes.sheet import draw_sheet

    with progress_bar("Pictures") as progress:
        sheet = draw_sheet(size, seed, columns, progress)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(out, "PNG")
    except OSError as error:
        raise MaskelError(
            "cannot_write", f"{out} cannot be written: {error.strerror or error}.", "Check the folder."
        ) from error
    say(f"Sheet in {out}")


@app.command()
def character(
    out: Annotated[Path, typer.Option(help="File to write.")],
    seed: Annotated[
        int | None, typer.Option(min=0, help="Person and pose by seed.", show_default="the built-in one")
    ] = None,
    pose: Annotated[str | None, typer.Option(help="Pose class by name.", show_default="the seed's")] = None,
) -> None:
    """Write a posed character with its armature as NPZ, for the Blender example."""
    from maskel_core.anatomy.character import export_character

    say(f"Character in {export_character(out, seed, pose)}")
