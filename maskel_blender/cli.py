"""`blender -b scene.blend --command maskel --camera NAME --output DIR`: X-rays without a window."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import bpy

from . import targets, workflow
from .client.request import STYLES
from .errors import MaskelError, TargetError
from .jobs import START_SECONDS, Job
from .preferences import job_options
from .session import SESSION

DONE, SOME_FAILED, WRONG_USE = 0, 1, 2


def run(arguments: list[str]) -> int:
    """Run the command.

    Args:
        arguments: What follows the command's name.

    Returns:
        Exit status: 0 all done, 1 some X-rays failed, 2 wrong use.

    """
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else WRONG_USE
    context = bpy.context
    try:
        name, objects = _character(context, options)
        job_settings = job_options(context)
        output = Path(options.output).expanduser().resolve()
        output.mkdir(parents=True, exist_ok=True)
    except (MaskelError, OSError) as error:
        print(f"maskel: {error}", file=sys.stderr)
        return WRONG_USE
    failed = 0
    for camera in options.camera or [""]:
        try:
            prepared = workflow.prepare(context, name, objects, camera, options.style, options.size)
            job = Job(prepared.request, job_settings, SESSION.backend)
            job.wait(START_SECONDS + job_settings.timeout)
            answer = job.result()
            stem = bpy.path.clean_name(prepared.silhouette.view.camera)
            # on disk before in the scene: what was made is not lost
            (output / f"{stem}.mask.png").write_bytes(prepared.request.mask_png)
            (output / f"{stem}.xray.png").write_bytes(workflow.signed_png(prepared, answer))
            plane = workflow.place(prepared, answer)
            print(f"maskel: {plane.name}: {output / f'{stem}.xray.png'}")
        except (MaskelError, OSError) as error:
            failed += 1
            print(f"maskel: {camera or 'active camera'}: {error}", file=sys.stderr)
    if options.save is not None and not failed:
        try:
            print(f"maskel: saved {_save(options.save)}")
        except (MaskelError, RuntimeError, OSError) as error:
            failed += 1
            print(f"maskel: not saved: {error}", file=sys.stderr)
    SESSION.backend.stop()
    return SOME_FAILED if failed else DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="blender -b FILE --command maskel", description="Make X-rays of a character."
    )
    parser.add_argument(
        "--camera",
        action="append",
        metavar="NAME",
        help="camera; may be given again; else the scene's active one",
    )
    parser.add_argument(
        "--output", required=True, metavar="DIR", help="where CAMERA.mask.png and CAMERA.xray.png go"
    )
    parser.add_argument(
        "--target",
        action="append",
        metavar="NAME",
        help="object of the character; may be given again; else the active one",
    )
    parser.add_argument(
        "--collection", metavar="NAME", help="collection of the character, instead of objects"
    )
    parser.add_argument("--style", choices=STYLES, default=STYLES[0])
    parser.add_argument(
        "--size", type=_size, default=0, metavar="PIXELS", help="longer side; else as the render"
    )
    parser.add_argument(
        "--save",
        nargs="?",
        const="",
        metavar="FILE",
        help="save the file with the planes; without FILE over the opened one",
    )
    return parser


def _size(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 8192:
        raise argparse.ArgumentTypeError("must be 0 to 8192")
    return value


def _character(context: bpy.types.Context, options: argparse.Namespace) -> tuple[str, list[bpy.types.Object]]:
    if options.collection:
        return targets.resolve(context, "COLLECTION", options.collection)
    if not options.target:
        return targets.resolve(context, "ACTIVE")
    objects = []
    for name in options.target:
        item = context.scene.objects.get(name)
        if item is None:
            raise TargetError(
                "no_target", f'The scene has no object "{name}".', "Name one of the scene's objects."
            )
        objects.append(item)
    return objects[0].name, targets.from_objects(context, objects)


def _save(file: str) -> str:
    if not file and not bpy.data.filepath:
        raise MaskelError("no_file", "The scene was never saved.", "Name a file: --save FILE.")
    path = str(Path(file).expanduser().resolve()) if file else bpy.data.filepath
    bpy.ops.wm.save_as_mainfile(filepath=path, copy=bool(file))
    return path
