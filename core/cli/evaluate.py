"""``maskel eval``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from maskel_core.cli.console import Looks, misuse, progress_bar, say


def evaluate(
    data: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder of sample shards.")],
    out: Annotated[Path, typer.Option(help="Folder for the report.")],
    model: Annotated[
        Path | None, typer.Option(help="Folder of a model.", show_default="the one that ships")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Use at most this many samples.", show_default=False)
    ] = None,
    unet: Annotated[
        Path | None, typer.Option(help="Folder of a plain U-Net to compare with.", show_default=False)
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=FOLDER of another model to compare with; may be repeated.", show_default=False
        ),
    ] = None,
    features: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the masked autoencoder that sees for the Fréchet distance.",
            show_default="the one that ships",
        ),
    ] = None,
    robustness: Annotated[
        int,
        typer.Option(min=0, help="Held-out bodies to change by hair, clothes, props, crops and noise."),
    ] = 0,
    against: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the float32 weights that the model was exported from.", show_default=False
        ),
    ] = None,
    looks: Looks = None,
) -> None:
    """Measure a model on held-out bodies, beside plain references computed in the same run."""
    from maskel_core.evaluation.run import evaluate as run

    peers: dict[str, Path] = {}
    for given in peer or []:
        name, found, folder = given.partition("=")
        if not found or not name:
            misuse(f"{given!r} is not NAME=FOLDER.")
        if name in peers:
            misuse(f"Two peers are named {name!r}.")
        peers[name] = Path(folder)
    run(model, data, out, limit, unet, peers, features, robustness, against, progress_bar, looks)
    typer.echo((out / "report.md").read_text(encoding="utf-8"))
    say(f"Report in {out}")
