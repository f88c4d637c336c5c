"""DICOM files of one grey frame. Source of tag meanings: DICOM PS3.3, C.7.6.3 (pixels), C.11.1 (modality), C.11.2 (window)."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from maskel_core.data.importing.pictures import Picture
from maskel_core.data.importing.problems import need, refuse

_UNPACK = (
    "Write it uncompressed, with `gdcmconv --raw IN OUT` or dcmtk's `dcmdjpeg IN OUT`, or install pylibjpeg."
)


def read_dicom(path: Path) -> Picture:
    """Read the grey picture of a DICOM file after its rescale (or modality table), before any window.

    Nothing of the header but the picture's geometry and grey scale is read.

    Raises:
        MaskelError: ``package_missing``, ``cannot_read``, ``not_dicom``, ``encrypted``, ``no_pixels``, ``many_frames``,
            ``colour``, ``unsupported_compression``, ``dicom_damaged``, ``bad_spacing``.
    """
    pydicom = need("pydicom")
    from pydicom.errors import InvalidDicomError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            header = pydicom.dcmread(path)
        except InvalidDicomError as error:
            raise refuse(
                "not_dicom", path, "is no DICOM file, or one that is encrypted as a whole", "Export it again."
            ) from error
        except OSError as error:
            raise refuse("cannot_read", path, f"cannot be read ({error})", "Check the file.") from error
        except Exception as error:  # a cut header fails in many ways
            raise _damaged(path, error) from error
        try:
            _check(header, path)
            return _picture(pydicom, header, path)
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise _damaged(path, error) from error


def _check(header: Any, path: Path) -> None:
    if "PixelData" not in header:
        if "EncryptedAttributesSequence" in header:
            raise refuse("encrypted", path, "is encrypted", "Export it without encryption.")
        if "FloatPixelData" in header or "DoubleFloatPixelData" in header:
            raise refuse("no_pixels", path, "holds floating-point pixels", "Export it with 16-bit integers.")
        raise refuse("no_pixels", path, "holds no picture", "Export the image itself, not a report.")
    if int(header.get("NumberOfFrames") or 1) > 1:
        raise refuse(
            "many_frames", path, f"holds {int(header.NumberOfFrames)} frames", "Export one frame a file."
        )
    shown = str(header.get("PhotometricInterpretation", ""))
    if int(header.get("SamplesPerPixel", 1)) != 1 or shown not in ("MONOCHROME1", "MONOCHROME2"):
        raise refuse("colour", path, f"is a colour picture ({shown or 'unnamed'})", "Export it as grey.")


def _picture(pydicom: Any, header: Any, path: Path) -> Picture:
    from pydicom.pixels import apply_modality_lut

    syntax = getattr(header.file_meta, "TransferSyntaxUID", None)
    try:
        stored = header.pixel_array
    except (RuntimeError, NotImplementedError) as error:
        name = "unknown" if syntax is None else syntax.name
        # pydicom says the same of a decoder that is missing and of one that fails: what it can decode tells them apart.
        if syntax is not None and _decodes(pydicom, syntax):
            raise _damaged(path, error) from error
        raise refuse(
            "unsupported_compression", path, f"is compressed in a way that is not read here ({name})", _UNPACK
        ) from error
    except (ValueError, AttributeError, EOFError, OSError) as error:
        raise _damaged(path, error) from error
    values = np.asarray(apply_modality_lut(stored, header), dtype=np.float32)
    low, high = _range(header)
    window = None
    if "WindowCenter" in header and "WindowWidth" in header:
        centre, width = _first(header.WindowCenter), _first(header.WindowWidth)
        # PS3.3 C.11.2.1.2.1: black at and below the first, white above the second.
        window = (centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2)
    inverted = header.PhotometricInterpretation == "MONOCHROME1"
    return Picture(values, low, high, inverted, window, _spacing(header, path))


def _decodes(pydicom: Any, syntax: Any) -> bool:
    try:
        return bool(pydicom.pixels.get_decoder(syntax).is_available)
    except NotImplementedError:
        return False


def _range(header: Any) -> tuple[float, float]:
    """Least and largest value that the file can hold, after the rescale."""
    if "ModalityLUTSequence" in header:
        return 0.0, float(2 ** int(header.ModalityLUTSequence[0].LUTDescriptor[2]) - 1)
    bits, signed = int(header.BitsStored), int(header.PixelRepresentation) == 1
    least, most = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    slope, shift = float(header.get("RescaleSlope", 1)), float(header.get("RescaleIntercept", 0))
    ends = sorted((least * slope + shift, most * slope + shift))
    return ends[0], ends[1]


def _spacing(header: Any, path: Path) -> tuple[float, float] | None:
    for name in ("PixelSpacing", "ImagerPixelSpacing"):
        value = header.get(name)
        if value:
            down, across = float(value[0]), float(value[1])
            if not (0 < down < 1e3 and 0 < across < 1e3):
                raise refuse(
                    "bad_spacing", path, f"has pixels of {down:g} x {across:g}", "Correct the header."
                )
            return down, across
    return None


def _first(value: Any) -> float:
    """A number, or the first of several."""
    return float(value[0]) if hasattr(value, "__len__") and not isinstance(value, str) else float(value)


def _damaged(path: Path, error: BaseException) -> Exception:
    why = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    return refuse("dicom_damaged", path, f"is damaged or cut off ({why})", "Copy or export it again.")
