"""The command itself: options become a batch, the batch an exit status."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager

import bpy

from ..batch import cameras, characters
from ..batch.characters import Character
from ..batch.frames import parse_frames
from ..batch.layout import lay_out, user_path
from ..batch.manifest import Manifest
from ..batch.plan import Settings
from ..batch.progress import Report, Stop
from ..batch.run import Batch
from ..errors import MaskelError, PlanError, unforeseen
from ..preferences import job_options
from ..session import SESSION
from .options import parse
from .printer import Printer, error_line
from .stop import StopOnSignal

DONE, SOME_FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


def run(arguments: list[str]) -> int:
    """Run the command.

    Args:
        arguments: What follows the command's name.

    Returns:
        Exit status: 0 all done, 1 some X-rays failed, 2 wrong use (nothing was begun), 130 interrupted.

    """
    try:
        options = parse(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else WRONG_USE
    try:
        with _server_of(options):
            return _run(options)
    except MaskelError as error:
        error_line(error)
        return SOME_FAILED
    except Exception as error:
        # a traceback helps no user; what nobody foresaw ends the command with a word
        error_line(unforeseen(error))
        return SOME_FAILED
    finally:
        SESSION.backend.stop()


def _run(options: Namespace) -> int:
    context = bpy.context
    try:
        batch, printer = _batch(context, options)
    except (MaskelError, OSError) as error:
        error_line(error)
        return WRONG_USE
    with StopOnSignal(printer.interrupted) as signals:
        batch.progress = printer.progress
        batch.stop = lambda: Stop(min(signals.count, Stop.NOW))
        try:
            report = batch.run()
        except PlanError as error:
            error_line(error)
            return WRONG_USE
        saved = options.save is None or report.interrupted or _save(options.save, report, printer)
        printer.end(report, options.manifest)
    if report.interrupted:
        return INTERRUPTED
    return DONE if saved and not report.failed and report.error is None else SOME_FAILED


def _batch(context: bpy.types.Context, options: Namespace) -> tuple[Batch, Printer]:
    """All that can be wrong is found here, before anything is begun.

    Raises:
        MaskelError: Wrong use.
        OSError: The output folder cannot be made.

    """
    scene = context.scene
    who = _characters(context, options)
    names, left_out = cameras.choose(scene, options.camera)
    plan = lay_out(
        scene,
        names,
        who,
        None if options.frames is None else parse_frames(options.frames),
        options.output,
        Settings(options.style, options.view, options.size, options.format),
    )
    server = job_options(context)
    if options.save == "" and not bpy.data.filepath:
        raise MaskelError("no_file", "The scene was never saved.", "Name a file: --save FILE.")
    manifest = Manifest(None if options.manifest is None else user_path(options.manifest))
    if options.resume:
        manifest.load()
    plan.folder.mkdir(parents=True, exist_ok=True)
    printer = Printer(plan.folder, options.quiet, options.progress == "json")
    for name in left_out:
        printer.note(f"{name} is left out: its picture is not flat")
    placement = "" if options.save is None else options.placement.upper() if options.placement else None
    batch = Batch(
        context,
        plan,
        {character.name: character for character in who},
        server,
        SESSION.backend,
        manifest,
        options.resume,
        placement,
    )
    return batch, printer


def _characters(context: bpy.types.Context, options: Namespace) -> list[Character]:
    if options.collection:
        return [characters.of_collection(options.collection)]
    if options.target:
        return [characters.together(context, options.target)]
    if options.character:
        return [characters.named(context, name) for name in dict.fromkeys(options.character)]
    return [characters.active(context)]


@contextmanager
def _server_of(options: Namespace) -> Iterator[None]:
    """The server that the options name wins over the environment, as the environment wins over the preferences."""
    wanted = {
        "MASKEL_SERVER": options.server,
        "MASKEL_TOKEN_FILE": options.token_file,
        "MASKEL_COMMAND": options.command,
    }
    before = {name: os.environ.get(name) for name in wanted}
    if options.command:
        os.environ.pop("MASKEL_SERVER", None)
    os.environ.update({name: value for name, value in wanted.items() if value})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _save(file: str, report: Report, printer: Printer) -> bool:
    if not report.objects:
        return True
    path = str(user_path(file)) if file else bpy.data.filepath
    try:
        bpy.ops.wm.save_as_mainfile(filepath=path, copy=bool(file))
    except (RuntimeError, OSError) as error:
        error_line(
            MaskelError("cannot_save", f"{path} cannot be saved: {error}.", "Name another: --save FILE.")
        )
        return False
    printer.note(f"saved {path}")
    return True
