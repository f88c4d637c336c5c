"""CT volumes as X-rays of several views, by the same cameras and layers as simulated samples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from maskel_core.data.importing.hounsfield import HounsfieldCurve
from maskel_core.data.importing.naming import Item
from maskel_core.data.importing.nifti import Volume, read_mask, read_volume
from maskel_core.data.importing.pairs import read_joints
from maskel_core.data.importing.problems import refuse
from maskel_core.data.importing.rays import STEP, Slab, add_slab, camera_rays
from maskel_core.data.importing.segment import BODY_HU, body_in_volume
from maskel_core.errors import MaskelError
from maskel_core.projection.camera import Camera
from numpy.typing import NDArray
from scipy import ndimage

VIEW_DEGREES = {"front": 0.0, "back": 180.0, "left": 90.0, "right": -90.0}
"""Yaw of the named views; ``left`` sees the person's left side."""

FILL = 0.92
"""Share of the picture's edge that the body's longer side takes."""

_SLAB_VOXELS = 1 << 23
"""Voxels that are turned into attenuation together."""


def parse_views(text: str) -> tuple[float, ...]:
    """Yaws in degrees of views given by name or number, separated by commas; each once.

    Raises:
        MaskelError: ``bad_views``.
    """
    yaws = []
    for word in filter(None, (part.strip().lower() for part in text.split(","))):
        try:
            yaws.append(VIEW_DEGREES[word] if word in VIEW_DEGREES else float(word))
        except ValueError as error:
            known = ", ".join(VIEW_DEGREES)
            raise MaskelError(
                "bad_views", f"There is no view {word!r}.", f"Use {known} or degrees."
            ) from error
        if not math.isfinite(yaws[-1]):
            raise MaskelError("bad_views", f"There is no view {word!r}.", "Use degrees.")
    return tuple(dict.fromkeys(yaws))


@dataclass
class Scan:
    """A CT volume with what is known of it.

    Args:
        volume: Hounsfield units.
        body: bool (I, J, K).
        bones: bool (I, J, K) where a mask of the bones is given.
        joints: Named joints in metres of our world.
    """

    volume: Volume
    body: NDArray[np.bool_]
    bones: NDArray[np.bool_] | None
    joints: dict[str, tuple[float, float, float]]


@dataclass
class View:
    """What a camera sees of a scan.

    Args:
        camera: The view.
        mask: float32 (S, S) in [0, 1], area covered by the body.
        bone: float32 (S, S), bone line integral.
        soft: float32 (S, S), soft-tissue line integral.
    """

    camera: Camera
    mask: NDArray[np.float32]
    bone: NDArray[np.float32]
    soft: NDArray[np.float32]


def load_scan(item: Item, segment: bool = False) -> Scan:
    """Read and check a volume and its masks.

    Args:
        item: Its files: ``ct``, and perhaps ``body``, ``bones``, ``joints``.
        segment: Find the body where there is no mask of it.

    Raises:
        MaskelError: Of `read_volume` and `read_mask`; ``ct_missing``, ``mask_missing``, ``empty_body``, ``not_hounsfield``,
            ``bad_joints``.
    """
    files = item.files
    if "ct" not in files:
        raise refuse("ct_missing", item.name, "has a mask and no volume", "Add STEM.nii.gz or STEM.nii.")
    if "body" not in files and not segment:
        raise refuse(
            "mask_missing", files["ct"], "has no mask of the body", "Add STEM.body.nii.gz, or use --segment."
        )
    volume = read_volume(files["ct"])
    if "body" in files:
        body = read_mask(files["body"], volume)
    else:
        dense = np.empty(volume.shape, bool)
        for begin, values in volume.parts():
            dense[begin : begin + len(values)] = values > BODY_HU
        body = body_in_volume(dense, volume.upright)
        if not body.any():
            raise refuse(
                "empty_body", files["ct"], f"holds no body above {BODY_HU:g} HU", "Check its values."
            )
    _check_units(volume, body)
    bones = read_mask(files["bones"], volume) if "bones" in files else None
    joints = {}
    if "joints" in files:
        for name, p in read_joints(files["joints"], "xyz").items():
            joints[name] = (-p["x"] / 1000, -p["y"] / 1000, p["z"] / 1000)
    return cropped(Scan(volume, body, bones, joints))


def cropped(scan: Scan) -> Scan:
    """The scan without the slices that hold no body: nothing outside the body is ever looked at."""
    bounds = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        filled = np.flatnonzero(scan.body.any(axis=others))
        # Two slices at least, so that the grid has a between.
        low = min(int(filled[0]), scan.body.shape[axis] - 2)
        bounds.append(slice(low, max(int(filled[-1]) + 1, low + 2)))
    window = tuple(bounds)
    shift = np.eye(4)
    shift[:3, 3] = [bound.start for bound in bounds]
    volume = replace(scan.volume, stored=scan.volume.stored[window], world=scan.volume.world @ shift)
    bones = None if scan.bones is None else scan.bones[window]
    return Scan(volume, scan.body[window], bones, scan.joints)


def _check_units(volume: Volume, body: NDArray[np.bool_]) -> None:
    """Refuse what cannot be Hounsfield units: soft tissue is near 0, air far below."""
    histogram = np.zeros(8193, np.int64)
    least = math.inf
    for begin, values in volume.parts():
        least = min(least, float(values.min()))
        inside = values[body[begin : begin + len(values)]]
        histogram += np.bincount((np.rint(inside).clip(-4096, 4096) + 4096).astype(np.int64), minlength=8193)
    middle = int(np.searchsorted(histogram.cumsum(), histogram.sum() / 2)) - 4096
    if least >= 0 or not -250 <= middle <= 300:
        raise refuse(
            "not_hounsfield", volume.path,
            f"holds no Hounsfield units: its least value is {least:g} and its body's median {middle}",
            "Give CT numbers, air -1000 and water 0: apply the rescale, or take off the offset (often 1024).",
        )  # fmt: skip


def surface(scan: Scan) -> torch.Tensor:
    """Corners of voxels at the body's surface, float64 (N, 3), metres; coarse, but never within the body's extent."""
    stride = [max(1, n // 96) for n in scan.volume.shape]
    # The largest of each block, so that thin parts are not stepped over.
    coarse = _blocks(scan.body, stride)
    edge = coarse & ~ndimage.binary_erosion(coarse)
    centres = (np.argwhere(edge) + 0.5) * stride - 0.5
    offsets = np.array(np.meshgrid(*[(-0.5, 0.5)] * 3)).reshape(3, -1).T * stride
    corners = (centres[:, None] + offsets).reshape(-1, 3)
    world = scan.volume.world
    return torch.from_numpy(np.unique(corners, axis=0) @ world[:3, :3].T + world[:3, 3])


def _blocks(inside: NDArray[np.bool_], stride: Sequence[int]) -> NDArray[np.bool_]:
    """Whether any voxel of each block is True; the last blocks may be cut."""
    for axis, step in enumerate(stride):
        starts = np.arange(0, inside.shape[axis], step)
        inside = np.logical_or.reduceat(inside, starts, axis=axis)
    return inside


def framed_camera(points: torch.Tensor, yaw: float, distance: float | None, fill: float = FILL) -> Camera:
    """A level camera that has the points in its frame.

    Args:
        points: float64 (N, 3), metres.
        yaw: Radians.
        distance: Of the source from the middle of the points, metres; None = from infinity.
        fill: Share of the frame that they take.

    Raises:
        MaskelError: ``bad_distance`` for a source within or near the body.
    """
    low, high = points.amin(0), points.amax(0)
    loose = Camera(yaw=yaw, target=tuple(((low + high) / 2).tolist()), height=2.0, distance=distance)
    seen = loose.project(points, (1000, 1000))
    if distance is not None and float(seen[:, 2].min()) < 0.2 * distance:
        raise MaskelError(
            "bad_distance",
            f"A source at {distance:g} m is too near to this body.",
            "Choose a larger --distance; 2 to 4 m are usual.",
        )
    least, most = seen[:, :2].amin(0), seen[:, :2].amax(0)
    offset = ((least + most) / 2 - 499.5) * (2.0 / 1000)
    axes = loose.axes()
    target = torch.tensor(loose.target, dtype=torch.float64) + axes[0] * offset[0] + axes[1] * offset[1]
    height = float((most - least).max()) * (2.0 / 1000) / fill
    return Camera(yaw=yaw, target=tuple(target.tolist()), height=height, distance=distance)


def project_scan(
    scan: Scan, cameras: Sequence[Camera], size: int, curve: HounsfieldCurve, step: float = STEP
) -> list[View]:
    """X-rays of a scan.

    Voxels are given their attenuation first, then averaged to about half a pixel where they are smaller, then summed along
    2 x 2 or 3 x 3 rays a pixel, so that none lies between the rays. Memory holds the volume as stored, its masks, one slab of
    attenuation and the rays of one view.

    Args:
        scan: The volume.
        cameras: The views.
        size: Edge of the square pictures, pixels.
        curve: Hounsfield units to attenuation.
        step: Distance of samples on a ray, share of a voxel's smallest edge.
    """
    pixel = min(camera.height for camera in cameras) / size
    pooling = [max(1, round(pixel / 2 / edge)) for edge in scan.volume.spacing]
    spacing = scan.volume.spacing * pooling
    rays_across = max(2, math.ceil(pixel / float(spacing.min()) - 1e-6))
    fine = size * rays_across
    to_voxel = np.asarray(np.linalg.inv(scan.volume.world @ _pooled(pooling)), dtype=np.float64)
    sums = [torch.zeros(3, fine * fine) for _ in cameras]
    for slab in _slabs(scan, curve, pooling):
        for picture, camera in zip(sums, cameras, strict=True):
            add_slab(picture, camera_rays(camera, fine, to_voxel), slab, spacing, step)
    views = []
    for camera, picture in zip(cameras, sums, strict=True):
        whole = picture.view(3, fine, fine)
        inside = (whole[2] >= 0.5).float()
        means = F.avg_pool2d(torch.stack([whole[0], whole[1], inside])[None], rays_across)[0]
        bone, soft, mask = means.numpy()
        views.append(View(camera, mask, bone * (mask > 0), soft * (mask > 0)))
    return views


def _pooled(factors: Sequence[int]) -> NDArray[np.float64]:
    """Voxels of averaged blocks to those of the volume, float64 (4, 4)."""
    out = np.diag([*map(float, factors), 1.0])
    out[:3, 3] = (np.array(factors) - 1) / 2
    return out


def _slabs(scan: Scan, curve: HounsfieldCurve, pooling: Sequence[int]) -> Iterator[Slab]:
    """Averaged attenuation of bone and soft tissue and the share of body, slab by slab."""
    deep, *across = (max(2, math.ceil(n / f)) for n, f in zip(scan.volume.shape, pooling, strict=True))
    flat = scan.volume.shape[1] * scan.volume.shape[2]
    thick = max(1, _SLAB_VOXELS // (flat * pooling[0]))
    # The sampler needs two slices at least.
    thick = max(2, min(thick, deep))
    for first in range(0, deep, thick):
        # One slice more, so that the largest value between this slab and the next is seen.
        last = min(first + thick + 1, max(deep, first + 2))
        begin, end = first * pooling[0], min(last * pooling[0], scan.volume.shape[0])
        chosen = slice(begin, end)
        body = scan.body[chosen]
        if not body.any():
            continue
        bones = None if scan.bones is None else scan.bones[chosen]
        layers = curve.layers(scan.volume.part(begin, end), body, bones)
        values = torch.from_numpy(np.concatenate([layers, body[None].astype(np.float32)]))
        short = [(last - first) * pooling[0] - (end - begin)]
        short += [n * f - m for n, f, m in zip(across, pooling[1:], scan.volume.shape[1:], strict=True)]
        values = F.pad(values, (0, short[2], 0, short[1], 0, short[0]))
        if max(pooling) > 1:
            values = F.avg_pool3d(values[None], tuple(pooling))[0]
        if last > first + thick:
            values[:-1, -1] = 0
        yield Slab(values, first)
