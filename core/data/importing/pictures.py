"""Grey pictures of PNG and DICOM files, and the line integrals that their grey values mean."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from maskel_core.data.importing.problems import refuse
from maskel_core.images import MAX_PIXELS
from numpy.typing import NDArray
from PIL import Image

BONE_WHITE = 7.4
"""Default bone line integral at full white: that of the densest bone (99.5th percentile at 40 keV) in simulated bodies."""

SOFT_WHITE = 10.8
"""The same of soft tissue."""

FAINTEST = 1e-4
"""Least share of the open beam that counts as signal, for logarithms."""


@dataclass
class Picture:
    """A grey picture in the file's own units.

    Args:
        values: float32 (H, W).
        low: Least value that the file can hold.
        high: Largest value that the file can hold.
        inverted: Whether low values are shown white (MONOCHROME1).
        window: Values shown black and white by the file's own window, without regard to ``inverted``; None without one.
        spacing: Height and width of a pixel, millimetres; None where unknown.
    """

    values: NDArray[np.float32]
    low: float
    high: float
    inverted: bool = False
    window: tuple[float, float] | None = None
    spacing: tuple[float, float] | None = None


@dataclass(frozen=True)
class Grey:
    """What grey values mean.

    Args:
        bone_scale: Bone line integral at full white.
        soft_scale: Soft-tissue line integral at full white.
        intensity: Values are detector intensities, bright where nothing absorbs: integral = -log(value / white).
        black: Value that counts as 0, in the file's units; None = the least that the file can hold.
        white: Value that counts as full white (of intensities: the open beam); None = the largest the file can hold.
        window: Take black and white from the window that the file names.
        invert: Bone is dark.
    """

    bone_scale: float = BONE_WHITE
    soft_scale: float = SOFT_WHITE
    intensity: bool = False
    black: float | None = None
    white: float | None = None
    window: bool = False
    invert: bool = False


def line_integral(picture: Picture, grey: Grey, scale: float, path: Path) -> NDArray[np.float32]:
    """Line integrals of a picture, float32 (H, W), dimensionless, >= 0.

    A DXA picture is proportional to areal density, and so to the line integral: values map linearly, black to 0 and white
    to ``scale``; values above white go on in proportion. Intensities follow Beer and Lambert's law instead.

    Args:
        picture: The grey values.
        grey: What they mean.
        scale: Line integral at full white; not used for intensities.
        path: For messages.

    Raises:
        MaskelError: ``no_window``, ``bad_range``.
    """
    low, high = picture.low, picture.high
    if grey.window:
        if picture.window is None:
            raise refuse(
                "no_window", path, "names no window", "Leave --window out, or give --black and --white."
            )
        low, high = picture.window
    low = low if grey.black is None else grey.black
    high = high if grey.white is None else grey.white
    if not high > low:
        raise refuse(
            "bad_range", path, f"would have white {high:g} not above black {low:g}", "Correct --white."
        )
    share = (picture.values - np.float32(low)) / np.float32(high - low)
    if grey.intensity:
        return np.asarray(-np.log(share.clip(FAINTEST, 1.0)), dtype=np.float32)
    # What MONOCHROME1 shows white and what the user calls inverted are the same turn.
    if picture.inverted != grey.invert:
        share = 1 - share
    return np.asarray(share.clip(min=0) * np.float32(scale), dtype=np.float32)


def read_png(path: Path) -> Picture:
    """Read a PNG of 1, 8 or 16 bits of grey; a colour picture whose channels agree counts as grey.

    Raises:
        MaskelError: ``cannot_read``, ``not_an_image``, ``colour``, ``too_many_pixels``.
    """
    data = read_bytes(path)
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise refuse("too_many_pixels", path, f"has over {MAX_PIXELS:,} pixels", "Make it smaller.")
            image.verify()
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            image.load()
            return _grey(image, path)
    except Image.DecompressionBombError as error:
        raise refuse(
            "too_many_pixels", path, f"has over {MAX_PIXELS:,} pixels", "Make it smaller."
        ) from error
    except Image.UnidentifiedImageError as error:
        raise refuse("not_an_image", path, "is no PNG file", "Save it as PNG.") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise refuse(
            "not_an_image",
            path,
            f"is damaged or cut off ({str(error).rstrip('.')})",
            "Save or copy it again.",
        ) from error


def read_bytes(path: Path) -> bytes:
    """The file. Raises MaskelError ``cannot_read``."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise refuse("cannot_read", path, f"cannot be read ({error.strerror})", "Check the file.") from error


def _grey(image: Image.Image, path: Path) -> Picture:
    if image.mode.startswith("I"):
        return Picture(np.asarray(image).astype(np.float32), 0.0, 65535.0)
    if image.mode in ("1", "L"):
        return Picture(np.asarray(image.convert("L")).astype(np.float32), 0.0, 255.0)
    channels = np.asarray(image.convert("RGB"))
    if (channels != channels[..., :1]).any():
        raise refuse("colour", path, "is a colour picture", "Save it as grey, 8 or 16 bits.")
    return Picture(channels[..., 0].astype(np.float32), 0.0, 255.0)
