"""What may be written after `--command maskel`."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..batch.plan import FORMATS, LARGEST_SIZE
from ..client.request import STYLES, VIEWS
from ..settings.choices import PLACEMENTS

PLACES = tuple(identifier.lower() for identifier, *_ in PLACEMENTS)

_EPILOG = """\
The output is a folder, or a folder with a pattern behind it, which begins where the first brace is:
    --output "out/{camera}/{character}_{frame:04d}.png"
Without one, files are named {camera}.xray.png; with --frames {camera}/{frame:04d}.png; with several characters
{camera}/{character}.png or {camera}/{character}_{frame:04d}.png. Other files get the same name with .mask.png,
.bone.png, .soft.png, .layers.json or .joints.json at its end.

Exit status: 0 all done, 1 some X-rays failed, 2 wrong use (nothing was begun), 130 interrupted."""


def build_parser() -> argparse.ArgumentParser:
    """The parser; see `check` for what it cannot know."""
    parser = argparse.ArgumentParser(
        prog="blender -b FILE --command maskel",
        description="Make X-rays of characters, without a window.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    what = parser.add_argument_group("what")
    what.add_argument(
        "--camera",
        action="append",
        default=[],
        metavar="NAME",
        help="a camera, a glob like 'Cam*', or all; may be given again; else the scene's active one",
    )
    what.add_argument("--frames", metavar="LIST", help="like 1-50, 1-50x2 or 1,5,9; else the present one")
    who = what.add_mutually_exclusive_group()
    who.add_argument(
        "--target",
        action="append",
        metavar="NAME",
        help="object of the character; again for more objects of the same one; else the active one",
    )
    who.add_argument("--collection", metavar="NAME", help="collection of the character, instead of objects")
    who.add_argument(
        "--character",
        action="append",
        metavar="NAME",
        help="an object, armature or collection; again for more characters, each with X-rays of its own",
    )
    how = parser.add_argument_group("how")
    how.add_argument("--style", choices=STYLES, default=STYLES[0])
    how.add_argument("--view", choices=VIEWS, default=VIEWS[0], help="side of the character that is seen")
    how.add_argument(
        "--size", type=_size, default=0, metavar="PIXELS", help="longer side; else as the render"
    )
    out = parser.add_argument_group("results")
    out.add_argument("--output", required=True, metavar="DIR[/PATTERN]", help="where the files go, see below")
    out.add_argument(
        "--format",
        type=_formats,
        default=("mask",),
        metavar="LIST",
        help=f"what to write beside the X-rays: {', '.join(FORMATS)} or none; else mask",
    )
    out.add_argument(
        "--save",
        nargs="?",
        const="",
        metavar="FILE",
        help="save the file with the X-rays placed in it; without FILE over the opened one",
    )
    place = out.add_mutually_exclusive_group()
    place.add_argument(
        "--placement", choices=PLACES, help="how to place them; else as the file's settings say"
    )
    place.add_argument("--no-place", action="store_true", help="only write files")
    out.add_argument("--manifest", type=Path, metavar="FILE", help="keep a record of every item, as JSON")
    out.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="leave out what the manifest says is finished and whose files are unchanged (default)",
    )
    server = parser.add_argument_group("server")
    server.add_argument("--server", metavar="ADDRESS", help="a running server; else as MASKEL_SERVER says")
    server.add_argument("--token-file", metavar="FILE", help="with the token of the running server")
    server.add_argument("--command", metavar="PROGRAM", help="the maskel program to start a server with")
    told = parser.add_argument_group("what is printed")
    told.add_argument("--quiet", action="store_true", help="nothing but errors")
    told.add_argument(
        "--progress", choices=("text", "json"), default="text", help="for people, or one JSON object a line"
    )
    return parser


def parse(arguments: list[str]) -> argparse.Namespace:
    """Options of a command line.

    Raises:
        SystemExit: Wrong use (status 2), or help was asked for (status 0).

    """
    parser = build_parser()
    options = parser.parse_args(arguments)
    if options.server and options.command:
        parser.error("argument --command: not allowed with argument --server")
    if options.save is None and options.placement:
        parser.error("argument --placement: the placed X-rays would be lost without --save")
    if options.save is not None and options.no_place:
        parser.error("argument --no-place: not allowed with argument --save")
    return options


def _size(text: str) -> int:
    value = int(text)
    if not 0 <= value <= LARGEST_SIZE:
        raise argparse.ArgumentTypeError(f"must be 0 to {LARGEST_SIZE}")
    return value


def _formats(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if names == ("none",):
        return ()
    for name in names:
        if name not in FORMATS:
            raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(FORMATS)}, none")
    return names
