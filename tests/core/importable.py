"""Small real-looking files for import tests: DXA pictures as PNG and DICOM, CT volumes as NIfTI."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.core.synthetic import figure


def png(path: Path, values: np.ndarray) -> Path:
    """A grey PNG of uint8 or uint16."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return path


def dicom(path: Path, stored: np.ndarray, shown: str = "MONOCHROME2", **tags: Any) -> Path:
    """A DICOM file of the stored integers, written uncompressed unless ``syntax`` names another."""
    import pydicom
    from pydicom.dataset import FileDataset, FileMetaDataset

    path.parent.mkdir(parents=True, exist_ok=True)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = pydicom.uid.DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    header = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    header.SOPClassUID, header.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    header.PatientName = "Somebody^Known"
    header.Rows, header.Columns = stored.shape[-2:]
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, shown
    header.BitsAllocated = 8 * stored.dtype.itemsize
    header.BitsStored = tags.pop("BitsStored", header.BitsAllocated)
    header.HighBit = header.BitsStored - 1
    header.PixelRepresentation = int(stored.dtype.kind == "i")
    header.PixelData = stored.tobytes()
    for name, value in tags.items():
        setattr(header, name, value)
    header.save_as(path, enforce_file_format=True)
    return path


def nifti(
    path: Path, values: np.ndarray, affine: np.ndarray | None = None, dtype: Any = np.int16, **header: Any
) -> Path:
    """A NIfTI file; the default affine has voxels of 8 mm round the origin, right, anterior, superior."""
    import nibabel

    path.parent.mkdir(parents=True, exist_ok=True)
    if affine is None:
        affine = centred(values.shape[:3], (8.0, 8.0, 8.0))
    image = nibabel.Nifti1Image(values.astype(dtype), affine)
    for name, value in header.items():
        image.header[name] = value
    nibabel.save(image, path)
    return path


def centred(
    shape: tuple[int, ...], spacing: tuple[float, float, float], turn: np.ndarray | None = None
) -> np.ndarray:
    """Affine whose volume lies round the origin, (4, 4), millimetres."""
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) if turn is None else turn) * np.array(spacing)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


def pair(
    folder: Path, name: str, seed: int = 0, soft: bool = True, mask: bool = True, size: int = 72
) -> dict[str, Any]:
    """A DXA pair of a stick figure as 16-bit PNG at the default scales; returns the line integrals."""
    shown, bone, flesh, meta = figure(seed, size)
    layers = {"bone": bone.astype(np.float32), "soft": flesh.astype(np.float32)}
    for role, white in (("bone", 7.4), ("soft", 10.8)):
        if role == "bone" or soft:
            grey = np.rint(layers[role] / white * 65535).clip(0, 65535).astype(np.uint16)
            png(folder / f"{name}.{role}.png", grey)
    if mask:
        png(folder / f"{name}.mask.png", shown)
    return {"mask": shown, **layers, "joints": meta["joints"]}


def body_volume(shape: tuple[int, int, int] = (24, 20, 48)) -> tuple[np.ndarray, np.ndarray]:
    """Hounsfield units and mask of a trunk with a spine and a head: i right, j anterior, k superior."""
    i, j, k = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")
    trunk = (i / 0.7) ** 2 + (j / 0.6) ** 2 < np.where(k < 0.5, 1, 0.35)
    body = trunk & (np.abs(k) < 0.9)
    spine = (i**2 + (j + 0.25) ** 2 < 0.03) & (np.abs(k) < 0.85)
    units = np.full(shape, -1000.0)
    units[body] = 40
    units[spine & body] = 700
    return units, body


def truncated(path: Path, share: float = 0.5) -> Path:
    """The same file, cut."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path
