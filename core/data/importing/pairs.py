"""Pairs of a mask and a DXA picture as samples."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from maskel_core.anatomy.joints import JOINT_NAMES
from maskel_core.data.importing.dicom import read_dicom
from maskel_core.data.importing.naming import Item
from maskel_core.data.importing.pictures import Grey, Picture, line_integral, read_bytes, read_png
from maskel_core.data.importing.problems import refuse
from maskel_core.data.importing.segment import body_in_picture
from maskel_core.errors import MaskelError
from maskel_core.images import decode_mask
from maskel_core.pipeline.letterbox import Letterbox
from numpy.typing import NDArray

MARGIN = 0.05
"""Free border round the body's box, share of its longer side."""


@dataclass
class Pair:
    """A pair on a grid of square pixels.

    Args:
        mask: uint8 (H, W), 255 = body.
        bone: float32 (H, W), bone line integral.
        soft: float32 (H, W), soft-tissue line integral; None where it is not known.
        joints: x and y in pixels of the named joints that are known.
        spacing: Edge of a pixel, millimetres; None where unknown.
    """

    mask: NDArray[np.uint8]
    bone: NDArray[np.float32]
    soft: NDArray[np.float32] | None
    joints: dict[str, tuple[float, float]]
    spacing: float | None


@dataclass
class Framed:
    """A pair in a square: mask uint8, layers float32 (S, S), NaN throughout where unknown; joints in its pixels."""

    mask: NDArray[np.uint8]
    bone: NDArray[np.float32]
    soft: NDArray[np.float32]
    joints: dict[str, tuple[float, float]]
    spacing: float | None


def read_picture(path: Path) -> Picture:
    """The grey picture of a PNG or DICOM file, by its ending; raises what `read_png` and `read_dicom` raise."""
    return read_dicom(path) if path.suffix.lower() == ".dcm" else read_png(path)


def load_pair(item: Item, grey: Grey, segment: bool = False) -> Pair:
    """Read and check a pair.

    Args:
        item: Its files.
        grey: What grey values mean.
        segment: Find the body in the soft-tissue picture where there is no mask.

    Raises:
        MaskelError: Of the files; ``one_picture``, ``bone_missing``, ``mask_missing``, ``size_mismatch``,
            ``spacing_mismatch``, ``empty_body``, ``full_mask``, ``empty_picture``, ``looks_inverted``, ``bad_joints``.
    """
    files = item.files
    _check_roles(item, segment)
    scales = {"bone": grey.bone_scale, "soft": grey.soft_scale}
    pictures: dict[str, Picture] = {role: read_picture(files[role]) for role in scales if role in files}
    layers = {role: line_integral(p, grey, scales[role], files[role]) for role, p in pictures.items()}
    source = files.get("mask", files.get("soft", files["bone"]))
    mask = _read_mask(source) if "mask" in files else body_in_picture(layers["soft"])
    for role, layer in layers.items():
        if layer.shape != mask.shape:
            raise refuse(
                "size_mismatch", files[role],
                f"is {layer.shape[1]} x {layer.shape[0]} pixels and {source.name} {mask.shape[1]} x {mask.shape[0]}",
                "Give both the same pixel grid.",
            )  # fmt: skip
    if not (mask >= 128).any():
        raise refuse("empty_body", source, "shows no body", "255 is body and 0 is not.")
    if (mask >= 128).all():
        raise refuse("full_mask", source, "is body everywhere", "255 is body and 0 is not.")
    for role, layer in layers.items():
        _check_layer(layer, mask, files[role], role)
    joints = read_joints(files["joints"]) if "joints" in files else {}
    spacing = _common_spacing(pictures, files)
    return _squared(mask, layers, {name: (p["x"], p["y"]) for name, p in joints.items()}, spacing)


def _check_roles(item: Item, segment: bool) -> None:
    files = item.files
    if "bone" not in files:
        if "xray" in files:
            raise refuse(
                "one_picture", files["xray"],
                "is a plain radiograph, which adds bone and soft tissue up and cannot be split into them",
                "Give the bone picture of a DXA scan or of dual-energy subtraction as STEM.bone, or a CT volume.",
            )  # fmt: skip
        raise refuse("bone_missing", item.name, "has no bone picture", "Add STEM.bone.png or STEM.bone.dcm.")
    if "xray" in files:
        raise refuse(
            "one_picture", files["xray"], "is a plain radiograph beside a bone picture", "Take it away."
        )
    if "mask" not in files and not (segment and "soft" in files):
        fix = "Add STEM.mask.png, or find the body in the soft-tissue picture with --segment."
        if "soft" not in files:
            fix = (
                "Add STEM.mask.png, or STEM.soft.png and --segment: a bone picture does not show the outline."
            )
        raise refuse("mask_missing", item.name, "has no mask", fix)


def _read_mask(path: Path) -> NDArray[np.uint8]:
    if path.suffix.lower() == ".dcm":
        return ((read_dicom(path).values > 0) * 255).astype(np.uint8)
    try:
        return decode_mask(read_bytes(path))
    except MaskelError as error:
        raise MaskelError(error.code, f"{path.name}: {error.message}", "Save or copy it again.") from error


def _check_layer(layer: NDArray[np.float32], mask: NDArray[np.uint8], path: Path, role: str) -> None:
    body = mask >= 128
    if not (layer[body] > 1e-3).any():
        raise refuse(
            "empty_picture", path, f"shows no {role} inside the mask", "Correct --black or the file."
        )
    # Air is black in both pictures, and most of a bone picture is too.
    outside = layer[mask == 0]
    if len(outside) and np.median(outside) > np.median(layer[body]) + 0.1 * float(layer.max()):
        raise refuse(
            "looks_inverted", path, "is brighter outside the body than in it", "Try --invert, or --intensity."
        )


def _common_spacing(pictures: dict[str, Picture], files: dict[str, Path]) -> tuple[float, float] | None:
    known = {role: picture.spacing for role, picture in pictures.items() if picture.spacing is not None}
    if not known:
        return None
    first, *rest = known.items()
    for role, spacing in rest:
        if not np.allclose(spacing, first[1], rtol=1e-3):
            raise refuse(
                "spacing_mismatch", files[role],
                f"has pixels of {spacing} mm and {files[first[0]].name} of {first[1]}", "Give both the same grid.",
            )  # fmt: skip
    return first[1]


def _squared(
    mask: NDArray[np.uint8],
    layers: dict[str, NDArray[np.float32]],
    joints: dict[str, tuple[float, float]],
    spacing: tuple[float, float] | None,
) -> Pair:
    """The pair on square pixels, as fine as the finer side of the given ones."""
    soft = layers.get("soft")
    if spacing is None or abs(spacing[0] / spacing[1] - 1) < 1e-3:
        return Pair(mask, layers["bone"], soft, joints, None if spacing is None else spacing[1])
    edge = min(spacing)
    down, across = spacing[0] / edge, spacing[1] / edge
    shape = (round(mask.shape[0] * down), round(mask.shape[1] * across))

    def wider(layer: NDArray[Any]) -> NDArray[np.float32]:
        tensor = torch.from_numpy(layer.astype(np.float32))[None, None]
        out = F.interpolate(tensor, size=shape, mode="bilinear", align_corners=False)[0, 0]
        return np.asarray(out.numpy(), dtype=np.float32)

    moved = {name: ((x + 0.5) * across - 0.5, (y + 0.5) * down - 0.5) for name, (x, y) in joints.items()}
    return Pair(
        np.rint(wider(mask)).astype(np.uint8),
        wider(layers["bone"]),
        None if soft is None else wider(soft),
        moved,
        edge,
    )


def read_joints(path: Path, axes: str = "xy") -> dict[str, dict[str, float]]:
    """Joints of a file ``{NAME: {x, y}}``, or the same under ``joints`` as ``maskel xray --joints`` writes them.

    Args:
        path: JSON.
        axes: Coordinates that every joint needs.

    Raises:
        MaskelError: ``cannot_read``, ``bad_joints``.
    """
    form = "{NAME: {" + ", ".join(f'"{a}": number' for a in axes) + "}}"
    fix = f"Write {form} with names such as {', '.join(JOINT_NAMES[:3])}."
    try:
        found = json.loads(read_bytes(path))
    except ValueError as error:
        raise refuse("bad_joints", path, f"is no JSON ({error})", fix) from error
    points = found.get("joints", found) if isinstance(found, dict) else None
    if not isinstance(points, dict):
        raise refuse("bad_joints", path, "holds no object", fix)
    out = {}
    for name, point in points.items():
        if name not in JOINT_NAMES:
            raise refuse("bad_joints", path, f"names a joint {name!r} that is not known", fix)
        try:
            out[name] = {axis: float(point[axis]) for axis in axes}
        except (TypeError, KeyError, ValueError) as error:
            raise refuse("bad_joints", path, f"has no place of {name}", fix) from error
        if not np.isfinite(list(out[name].values())).all():
            raise refuse("bad_joints", path, f"has no finite place of {name}", fix)
    return out


def frame_pair(pair: Pair, size: int) -> Framed:
    """The pair in a square of ``size`` pixels round the body, layers cut to the mask."""
    box = Letterbox.around(pair.mask, size, MARGIN)
    cover = pair.mask.astype(np.float32) / 255
    soft = np.zeros_like(pair.bone) if pair.soft is None else pair.soft
    stack = np.stack([cover, pair.bone * cover, soft * cover])
    framed = box.forward(torch.from_numpy(stack)).numpy()
    joints = {}
    for name, place in pair.joints.items():
        x, y = box.points_forward(np.array(place))
        joints[name] = (float(x), float(y))
    mask = np.rint(framed[0] * 255).clip(0, 255).astype(np.uint8)
    shown = mask > 0
    unknown = np.full((size, size), np.nan, np.float32)
    return Framed(
        mask,
        framed[1] * shown,
        unknown if pair.soft is None else framed[2] * shown,
        joints,
        None if pair.spacing is None else pair.spacing * box.side / size,
    )
