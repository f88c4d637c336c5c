"""NIfTI volumes, their place in the room, and all that can be wrong with them. Source: the NIfTI-1 standard."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from maskel_core.data.importing.problems import need, refuse
from numpy.typing import NDArray

MAX_VOXELS = 1 << 30
"""Largest accepted volume."""

_BLOCK = 1 << 24
"""Voxels that are looked at together."""

_UNITS = {"meter": 1.0, "mm": 1e-3, "micron": 1e-6, "unknown": 1e-3}


@dataclass
class Volume:
    """A volume as it lies in the file.

    Args:
        path: The file.
        stored: (I, J, K), any real dtype; mapped, not loaded, where the file is not compressed.
        slope: Factor from stored to true values.
        shift: Added after it.
        world: float64 (4, 4), voxel (i, j, k) to metres in our world: X the person's left, -Y the front, Z up.
    """

    path: Path
    stored: NDArray[Any]
    slope: float
    shift: float
    world: NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along i, j, k."""
        i, j, k = self.stored.shape
        return i, j, k

    @property
    def spacing(self) -> NDArray[np.float64]:
        """Edges of a voxel along i, j, k, metres."""
        return np.linalg.norm(self.world[:3, :3], axis=0)

    @property
    def upright(self) -> int:
        """Axis of the array that is nearest to up and down."""
        return int(np.abs(self.world[2, :3] / self.spacing).argmax())

    def part(self, begin: int, end: int) -> NDArray[np.float32]:
        """True values of some slices along i, float32 (end - begin, J, K)."""
        return np.asarray(self.stored[begin:end], dtype=np.float32) * np.float32(self.slope) + np.float32(
            self.shift
        )

    def parts(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """First slice and values of one block after the other."""
        step = max(1, _BLOCK // (self.shape[1] * self.shape[2]))
        for begin in range(0, self.shape[0], step):
            yield begin, self.part(begin, min(begin + step, self.shape[0]))


def read_volume(path: Path) -> Volume:
    """Open a NIfTI-1 or NIfTI-2 file and check its values.

    Raises:
        MaskelError: ``package_missing``, ``not_nifti``, ``nifti_damaged``, ``bad_dimensions``, ``too_many_voxels``, ``colour``,
            ``no_orientation``, ``bad_affine``, ``not_finite``.
    """
    nibabel = need("nibabel")
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError

    fix = "Copy it again, or make it anew with dcm2niix."
    try:
        _check_sum(path)
        image = nibabel.load(path)
        if not isinstance(image, (nibabel.Nifti1Image, nibabel.Nifti2Image)):
            raise refuse("not_nifti", path, f"is a {type(image).__name__} file", "Convert it with dcm2niix.")
        header = image.header
        _check_form(path, image.shape, header)
        stored = np.asanyarray(image.dataobj.get_unscaled()).reshape(image.shape[:3])
        slope, shift = float(image.dataobj.slope), float(image.dataobj.inter)
    except (ImageFileError, HeaderDataError) as error:
        raise refuse("not_nifti", path, "is no NIfTI file", fix) from error
    except (OSError, EOFError, ValueError, zlib.error) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise refuse("nifti_damaged", path, f"is damaged or cut off ({why})", fix) from error
    volume = Volume(path, stored, slope, shift, _world(path, image))
    for _, values in volume.parts():
        if not np.isfinite(values).all():
            raise refuse(
                "not_finite", path, "holds values that are no numbers", "Replace them, by -1024 where air is."
            )
    return volume


def _check_sum(path: Path) -> None:
    """Read a compressed file to its end, where its checksum is: nibabel stops before it."""
    if path.suffix.lower() == ".gz":
        with gzip.open(path) as file:
            while file.read(1 << 22):
                pass


def _check_form(path: Path, shape: tuple[int, ...], header: Any) -> None:
    kind = header.get_data_dtype()
    if kind.fields or kind.kind not in "iuf":
        raise refuse(
            "colour", path, f"holds {kind} and not one number a voxel", "Export the plain CT numbers."
        )
    if len(shape) < 3 or any(n != 1 for n in shape[3:]):
        raise refuse(
            "bad_dimensions",
            path,
            f"has {len(shape)} dimensions {shape}",
            "Give one volume of three dimensions.",
        )
    if min(shape[:3]) < 2:
        raise refuse("bad_dimensions", path, f"is a single slice {shape[:3]}", "Give a whole volume.")
    if np.prod(shape[:3], dtype=np.int64) > MAX_VOXELS:
        raise refuse(
            "too_many_voxels", path, f"has over {MAX_VOXELS:,} voxels", "Resample it to 1.5 mm or coarser."
        )
    if int(header["qform_code"]) == 0 and int(header["sform_code"]) == 0:
        raise refuse(
            "no_orientation", path, "does not say how it lies in the room", "Make it anew with dcm2niix."
        )


def _world(path: Path, image: Any) -> NDArray[np.float64]:
    """Voxel to metres; NIfTI's world is right, anterior, superior, so half a turn about the long axis makes it ours."""
    unit = _UNITS[image.header.get_xyzt_units()[0]]
    affine = np.diag([-unit, -unit, unit, 1.0]) @ np.asarray(image.affine, dtype=np.float64)
    edges = np.linalg.norm(affine[:3, :3], axis=0)
    flat = not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-3 * float(np.prod(edges))
    if flat or not ((edges > 1e-5) & (edges < 0.1)).all():
        raise refuse(
            "bad_affine", path, "has voxels of no possible form", "Correct the affine, in millimetres."
        )
    return affine


def read_mask(path: Path, like: Volume) -> NDArray[np.bool_]:
    """A mask on the same grid, bool (I, J, K): values above 0.

    Raises:
        MaskelError: Of `read_volume`; ``mask_mismatch`` for another grid, ``empty_body`` where nothing is marked.
    """
    volume = read_volume(path)
    if volume.shape != like.shape:
        raise refuse(
            "mask_mismatch", path, f"has {volume.shape} voxels and {like.path.name} {like.shape}",
            "Resample the mask to the grid of the volume.",
        )  # fmt: skip
    corners = np.array([[0, 0, 0, 1], [*np.array(like.shape) - 1, 1]], dtype=np.float64).T
    if np.abs((volume.world - like.world) @ corners).max() > 0.5 * float(like.spacing.min()):
        raise refuse(
            "mask_mismatch", path, f"lies elsewhere than {like.path.name}",
            "Give the mask the affine of the volume, or resample it.",
        )  # fmt: skip
    inside = np.empty(volume.shape, bool)
    for begin, values in volume.parts():
        inside[begin : begin + len(values)] = values > 0
    if not inside.any():
        raise refuse("empty_body", path, "marks nothing", "Values above 0 mark the body.")
    return inside
