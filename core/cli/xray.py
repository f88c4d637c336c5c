"""``maskel xray``: masks in files to X-rays in files, without Blender or a server."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from maskel_core.cli.console import Looks, misuse, progress_bar, say
from maskel_core.errors import MaskelError

if TYPE_CHECKING:
    from maskel_core.pipeline import MaskelPipeline


def xray(
    masks: Annotated[
        list[Path], typer.Argument(help="Mask files: PNG, JPEG or WebP; 255 = body.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder for DIR/STEM.png.")],
    style: Annotated[str, typer.Option(help="dxa, radiograph, bone or inverted.")] = "dxa",
    size: Annotated[
        int | None,
        typer.Option(min=1, help="Longer side in pixels. Default: the mask's size.", show_default=False),
    ] = None,
    joints: Annotated[bool, typer.Option("--joints", help="Write DIR/STEM.joints.json too.")] = False,
    view: Annotated[
        str,
        typer.Option(
            help="Side of the characters that the masks show, where it is known: front, back, left or right."
        ),
    ] = "unknown",
    uncertainty: Annotated[
        bool,
        typer.Option(
            "--uncertainty",
            help="Write DIR/STEM.uncertainty.png too: how far bone may be off, white = as much as dense bone.",
        ),
    ] = False,
    model: Annotated[
        Path | None, typer.Option(help="Folder of a model. Default: the one that ships.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.")] = None,
    precision: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
    looks: Looks = None,
) -> None:
    """Make X-rays of masks: 8-bit grey PNG, bone bright, 0 outside the body.

    A mask that fails does not stop the others. Exit status: 0 all done, 1 some failed, 2 wrong use.
    """
    twice = [stem for stem, number in Counter(path.stem.casefold() for path in masks).items() if number > 1]
    if twice:
        misuse(f"several masks would write {out / twice[0]}.png; rename them or use another folder for each.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        misuse(f"{out} cannot be made: {error.strerror or error}.")

    from maskel_core.runtime import open_pipeline

    pipeline = open_pipeline(model, device, threads, precision, looks)
    failed = 0
    with progress_bar("X-rays") as progress:
        for done, path in enumerate(masks):
            progress(done, len(masks))
            try:
                target = make_xray(pipeline, path, out, style, size, joints, view, uncertainty)
                say(f"{path} -> {target}")
            except MaskelError as error:
                failed += 1
                say(f"{path}: {error.message}\n  {error.fix}")
    if failed:
        say(f"{failed} of {len(masks)} failed.")
        raise typer.Exit(1)


def make_xray(
    pipeline: MaskelPipeline,
    path: Path,
    out: Path,
    style: str,
    size: int | None,
    joints: bool,
    view: str = "unknown",
    uncertainty: bool = False,
) -> Path:
    """Write the X-ray of one mask file, and its joints and its uncertainty if asked.

    Returns:
        The written PNG.

    Raises:
        MaskelError: ``cannot_read``, ``cannot_write``, and what decoding and the pipeline raise.
    """
    from maskel_core.images import decode_mask, encode_png

    try:
        data = path.read_bytes()
    except OSError as error:
        raise MaskelError(
            "cannot_read", f"The file cannot be read: {error.strerror or error}.", "Check the path."
        ) from error
    result = pipeline(
        decode_mask(data), style=style, size=size, joints=joints, view=view, uncertainty=uncertainty
    )
    target = out / f"{path.stem}.png"
    if target.resolve() == path.resolve():
        raise MaskelError(
            "cannot_write", "The X-ray would overwrite its mask.", "Choose another --out folder."
        )
    try:
        target.write_bytes(encode_png(result.image))
        if joints:
            found = {
                name: {"x": float(joint.x), "y": float(joint.y), "confidence": float(joint.confidence)}
                for name, joint in result.joints.items()
            }
            document = json.dumps({"joints": found}, indent=1) + "\n"
            (out / f"{path.stem}.joints.json").write_text(document, "utf-8")
        if result.uncertainty is not None:
            share = (result.uncertainty / pipeline.bone_scale * 255).clip(0, 255).round().astype("uint8")
            (out / f"{path.stem}.uncertainty.png").write_bytes(encode_png(share))
    except OSError as error:
        raise MaskelError(
            "cannot_write", f"{target} cannot be written: {error.strerror or error}.", "Check the folder."
        ) from error
    return target
