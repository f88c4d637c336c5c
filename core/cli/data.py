"""``maskel data``: training samples and the example character."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from maskel_core.cli.console import misuse, progress_bar, say
from maskel_core.errors import MaskelError

app = typer.Typer(help="Make and import training samples, make example characters.", no_args_is_help=True)


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
    outfits: Annotated[
        str,
        typer.Option(
            help="Weights of kinds of characters among these in place of their own, such as hair=0.6,coat=0."
        ),
    ] = "",
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
    parts = [value.partition("=") for value in outfits.split(",") if value.strip()]
    if len({name.strip() for name, _, _ in parts}) < len(parts):
        misuse(f"{outfits!r} names an outfit twice.")
    try:
        shares = tuple((name.strip(), float(share)) for name, _, share in parts)
    except ValueError:
        misuse(f"{outfits!r} is no list such as hair=0.6,coat=0.")
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
            outfits=shares,
            engine=engine,
            address=address,
        )
    say(f"{count} samples in {out}")


@app.command("import")
def import_(
    source: Annotated[
        Path, typer.Argument(help="Folder of pictures and CT volumes, named as docs/real-data.md says.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to make.")],
    size: Annotated[int, typer.Option(min=32, max=2048, help="Width and height in pixels.")] = 512,
    segment: Annotated[bool, typer.Option("--segment", help="Find the body where there is no mask.")] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out what cannot be used, instead of refusing all.")
    ] = False,
    person: Annotated[
        str | None,
        typer.Option(
            help="Regular expression for the person in a name.", show_default="sub-LABEL, folder or name"
        ),
    ] = None,
    val: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the people held out for training's reviews.")
    ] = 0.1,
    test: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the people held out for `maskel eval`.")
    ] = 0.1,
    split: Annotated[
        str | None, typer.Option(help="Put everybody in train, val or test.", show_default=False)
    ] = None,
    bone_scale: Annotated[
        float | None, typer.Option(help="Pictures: bone line integral at full white.", show_default="7.4")
    ] = None,
    soft_scale: Annotated[
        float | None,
        typer.Option(help="Pictures: soft-tissue line integral at full white.", show_default="10.8"),
    ] = None,
    intensity: Annotated[
        bool,
        typer.Option("--intensity", help="Pictures: values are detector intensities, bright without a body."),
    ] = False,
    black: Annotated[
        float | None, typer.Option(help="Pictures: value that is 0.", show_default="the file's least")
    ] = None,
    white: Annotated[
        float | None,
        typer.Option(help="Pictures: value that is full white.", show_default="the file's largest"),
    ] = None,
    window: Annotated[
        bool, typer.Option("--window", help="DICOM: black and white by the file's window.")
    ] = False,
    invert: Annotated[bool, typer.Option("--invert", help="Pictures: bone is dark.")] = False,
    view: Annotated[
        str,
        typer.Option(help="Pictures: side of the person that is seen: front, back, left, right or unknown."),
    ] = "unknown",
    views: Annotated[
        str, typer.Option(help="CT: views by name or by yaw in degrees.")
    ] = "front,back,left,right",
    distance: Annotated[
        float | None, typer.Option(help="CT: of the X-ray source, metres.", show_default="from infinity")
    ] = None,
    energy: Annotated[float, typer.Option(help="CT: photon energy of the X-rays made, keV.")] = 40.0,
    ct_energy: Annotated[float, typer.Option(help="CT: effective energy of the scanner, keV.")] = 70.0,
    bone_threshold: Annotated[
        float, typer.Option(help="CT: Hounsfield unit from which a voxel is bone.")
    ] = 200.0,
) -> None:
    """Make sample shards of real DXA pictures with masks, and of CT volumes.

    Exit status: 0 all done; 1 some could not be used (nothing is written then, unless --skip-bad is given); 2 wrong use.
    """
    from maskel_core.data.importing import ImportSettings, import_folder
    from maskel_core.data.importing.ct import parse_views
    from maskel_core.data.importing.pictures import BONE_WHITE, SOFT_WHITE, Grey
    from maskel_core.data.importing.problems import ImportRefusedError

    if intensity and (bone_scale is not None or soft_scale is not None):
        misuse("--intensity gives line integrals without a scale: leave --bone-scale and --soft-scale out.")
    grey = Grey(
        BONE_WHITE if bone_scale is None else bone_scale,
        SOFT_WHITE if soft_scale is None else soft_scale,
        intensity,
        black,
        white,
        window,
        invert,
    )
    settings = ImportSettings(
        size, segment, person, val, test, split, grey, view, parse_views(views), distance, energy, ct_energy,
        bone_threshold,
    )  # fmt: skip
    try:
        with progress_bar("Reading and making") as progress:
            report = import_folder(source, out, settings, skip_bad, progress)
    except ImportRefusedError as refused:
        for problem in refused.problems:
            say(f"{problem.name}: {problem.error.message}\n  {problem.error.fix}")
        raise
    for problem in report.problems:
        say(f"{problem.name}: {problem.error.message}\n  {problem.error.fix}")
    if report.ignored:
        say(f"Not looked at: {len(report.ignored)} other files, such as {report.ignored[0].name}.")
    for name, count in sorted(report.samples.items()):
        say(f"{name}: {count} samples of {report.people[name]} people")
    missing = [name for name in ("train", "val", "test") if name not in report.samples]
    if missing and split is None:
        say(
            f"Nobody is left for {' and '.join(missing)}: training needs train and val, `maskel eval` train and test."
        )
    say(f"Samples in {out}; look at {out / 'preview.png'} before you train.")
    if report.problems:
        say(f"{len(report.problems)} left out.")
        raise typer.Exit(1)


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
