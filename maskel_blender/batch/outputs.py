"""What is written for one item. No bpy."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..client.request import Layer, XrayAnswer
from ..errors import ClientError, MaskelError
from ..files import write_whole
from ..silhouette.view import CameraView
from .joints import see
from .manifest import FileRecord, Record
from .plan import Item

_PNG = b"\x89PNG\r\n\x1a\n"


def write_files(
    folder: Path, item: Item, mask_png: bytes, view: CameraView, answer: XrayAnswer
) -> tuple[FileRecord, ...]:
    """Write all files of an item.

    Args:
        folder: The plan's folder.
        item: Says which files.
        mask_png: The silhouette.
        view: The camera, for the rays of the joints.
        answer: What came back.

    Raises:
        ClientError: ``bad_picture``, ``bad_answer`` (layers or joints were asked for and are not there).
        MaskelError: ``cannot_write``.

    """
    contents = _contents(item, mask_png, view, answer)
    records = []
    for kind, path in item.files.items():
        try:
            write_whole(folder / path, contents[kind])
        except OSError as error:
            raise MaskelError(
                "cannot_write",
                f"{folder / path} cannot be written: {error}.",
                "Free some space, close what has the file open, or choose another folder.",
            ) from None
        digest = hashlib.sha256(contents[kind]).hexdigest()
        records.append(FileRecord(kind, path.as_posix(), digest, len(contents[kind])))
    return tuple(records)


def _contents(item: Item, mask_png: bytes, view: CameraView, answer: XrayAnswer) -> dict[str, bytes]:
    contents = {"xray": answer.image_png, "mask": mask_png}
    width, height = png_size(answer.image_png)
    if "layers" in item.files:
        missing = {"bone", "soft"} - answer.layers.keys()
        if missing:
            raise ClientError(
                "bad_answer",
                f"The server sent no layer {min(missing)}.",
                "Update server and add-on to the same version.",
            )
        scales: dict[str, Any] = {}
        for name in ("bone", "soft"):
            contents[name] = answer.layers[name].png
            scales[name] = {"file": item.files[name].name, "scale": answer.layers[name].scale}
        contents["layers"] = _json({"layers": scales, "note": "line integral = pixel * scale"})
    if "joints" in item.files:
        if not answer.joints:
            raise ClientError(
                "bad_answer",
                "The server sent no joints.",
                "Update server and add-on to the same version, or leave joints out.",
            )
        seen = see(answer.joints, view, width, height)
        contents["joints"] = _json(
            {
                "camera": item.camera,
                "character": item.character,
                "frame": item.frame,
                "width": width,
                "height": height,
                "joints": {name: asdict(joint) for name, joint in seen.items()},
            }
        )
    return contents


def answer_again(folder: Path, item: Item, found: Record) -> XrayAnswer:
    """The answer of a finished item out of its files; layers only if they were written.

    Raises:
        MaskelError: ``cannot_read``.

    """
    try:
        layers = {}
        if "layers" in item.files:
            scales = json.loads((folder / item.files["layers"]).read_bytes())["layers"]
            layers = {
                name: Layer((folder / item.files[name]).read_bytes(), float(scales[name]["scale"]))
                for name in ("bone", "soft")
            }
        picture = (folder / item.files["xray"]).read_bytes()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MaskelError(
            "cannot_read",
            f"What was written of {item.files['xray']} cannot be read: {error}.",
            "Make it anew with --no-resume.",
        ) from None
    return XrayAnswer(picture, found.model, found.version, 0.0, layers, familiarity=found.familiarity)


def png_size(png: bytes) -> tuple[int, int]:
    """Width and height by the header.

    Raises:
        ClientError: ``bad_picture``.

    """
    if png[:8] != _PNG or png[12:16] != b"IHDR" or b"IEND" not in png[-12:]:
        raise ClientError(
            "bad_picture",
            "The server's picture cannot be read.",
            "Update server and add-on to the same version.",
        )
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def _json(values: dict[str, Any]) -> bytes:
    return (json.dumps(values, indent=1) + "\n").encode("ascii")
