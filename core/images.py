"""Mask files in, X-ray files out: the one place where bytes become pixels and back.

What a mask file means: a grey image is the mask; an image whose alpha channel varies is masked by its alpha;
any other colour image is masked by its luminance. 16-bit grey is scaled to 8 bits, a palette is looked up
first, a 1-bit image is 0 and 255, an animation counts as its first frame, and an EXIF orientation is not
applied, so the mask always has the pixel grid that is written in the file.
"""

from __future__ import annotations

import io
import warnings

import numpy as np
from maskel_core.errors import MaskelError
from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP")
"""Accepted file formats, by Pillow's names; every other decoder stays out of reach."""

MAX_PIXELS = 7680 * 4320
"""Default limit of a mask, in pixels: one 8K frame."""

_ALPHA_MODES = ("LA", "RGBA", "PA", "La", "RGBa")


def decode_mask(data: bytes, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a mask from the bytes of a PNG, JPEG or WebP file.

    The size is read from the header and checked before any pixel is decompressed.

    Args:
        data: The whole file.
        max_pixels: Largest accepted width * height.

    Returns:
        uint8 (H, W), 255 = body, row 0 at the top; owns its memory.

    Raises:
        MaskelError: ``not_an_image`` (unknown format, damaged or truncated file), ``too_many_pixels``.
    """
    if not data:
        raise _not_an_image("The file is empty.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _check_size(image.size, max_pixels)
                image.verify()
            # verify() leaves the image unusable, so the file is opened again to be decoded.
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                image.load()
                return _as_mask(image)
    except MaskelError:
        raise
    except Image.DecompressionBombError as error:
        raise MaskelError(
            "too_many_pixels",
            f"The mask has more than the {max_pixels:,} pixels that are accepted.",
            "Render the mask at a lower resolution.",
        ) from error
    except Image.UnidentifiedImageError as error:
        raise _not_an_image("The file is not a PNG, JPEG or WebP image.") from error
    except MemoryError:
        raise
    except Exception as error:  # Pillow's decoders answer damaged files with many exception types
        raise _not_an_image(f"The image is damaged or cut off ({type(error).__name__}).") from error


def encode_png(pixels: np.ndarray) -> bytes:
    """Write a grey image as PNG.

    Args:
        pixels: uint8 or uint16 (H, W).

    Returns:
        The file: 8-bit or 16-bit grey, lightly compressed because speed counts more than size on a loopback.

    Raises:
        ValueError: Another dtype or shape.
    """
    if pixels.ndim != 2 or pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"expected uint8 or uint16 (H, W), got {pixels.dtype} {pixels.shape}")
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def encode_layer(layer: np.ndarray) -> tuple[bytes, float]:
    """Write a line-integral layer as a 16-bit grey PNG with its scale.

    Args:
        layer: float (H, W), finite dimensionless line integrals >= 0; NaN counts as 0.

    Returns:
        The PNG and ``scale``: line integral = pixel * scale, exact to half a step.
    """
    peak = float(np.nanmax(layer, initial=0.0))
    scale = peak / 65535.0 if peak > 0 else 1.0
    pixels = np.empty(layer.shape, np.uint16)
    # In strips, because the intermediate copies of one 8K layer would take 500 MB.
    for row in range(0, len(layer), 256):
        strip = np.nan_to_num(layer[row : row + 256].astype(np.float32, copy=False))
        pixels[row : row + 256] = np.rint(strip / scale).clip(0, 65535)
    return encode_png(pixels), scale


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise MaskelError(
            "too_many_pixels",
            f"The mask is {width} x {height} pixels; at most {max_pixels:,} pixels are accepted.",
            "Render the mask at a lower resolution.",
        )


def _as_mask(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I"):
        # Older Pillow opens 16-bit grey PNG as "I", newer as "I;16"; both hold 0..65535.
        wide = np.asarray(image).astype(np.float32)
        return np.rint(wide / 257.0).clip(0, 255).astype(np.uint8)
    if image.mode in ("1", "L") and "transparency" not in image.info:
        return np.array(image.convert("L"))
    if "transparency" in image.info or image.mode in _ALPHA_MODES:
        rgba = image.convert("RGBA")
        alpha = np.array(rgba.getchannel("A"))
        if alpha.min() != alpha.max():
            return alpha
        # convert("L") ignores a constant alpha, which says nothing about the body.
        return np.array(rgba.convert("RGB").convert("L"))
    return np.array(image.convert("RGB").convert("L"))


def _not_an_image(message: str) -> MaskelError:
    return MaskelError("not_an_image", message, "Send the mask as a PNG, JPEG or WebP file.")
