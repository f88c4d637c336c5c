"""What an item of the folder becomes: one sample of a pair, one a view of a volume."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from maskel_core.data.importing.ct import (
    VIEW_DEGREES,
    Scan,
    framed_camera,
    load_scan,
    project_scan,
    surface,
)
from maskel_core.data.importing.hounsfield import BONE_HU, CT_KEV, HounsfieldCurve
from maskel_core.data.importing.naming import Item
from maskel_core.data.importing.pairs import Pair, frame_pair, load_pair
from maskel_core.data.importing.pictures import Grey
from maskel_core.data.importing.problems import refuse
from maskel_core.data.importing.splits import number_of
from maskel_core.data.sample import Sample
from maskel_core.projection.camera import Camera

LEAST_BONE = 1.0 / 512
"""Share of the body that bone covers at least; less is a picture without bones."""


@dataclass(frozen=True)
class ImportSettings:
    """How a folder is read.

    Args:
        size: Edge of the square pictures, pixels, 32 to 2048.
        segment: Find the body where there is no mask.
        person: Regular expression for the person in a name; see `person_of`.
        val: Share of the people in the split ``val``.
        test: Share of the people in the split ``test``.
        split: Put everybody in this split.
        grey: What grey values of pictures mean.
        view: From where pictures were taken: a key of `VIEW_DEGREES`, or ``unknown``.
        yaws: Views on CT volumes, degrees.
        distance: Of the X-ray source from the middle of a CT volume's body, metres; None = from infinity.
        energy: Photon energy of the X-rays made of CT volumes, keV.
        ct_energy: Effective energy of the CT scanner, keV.
        bone_threshold: Hounsfield unit from which a voxel counts as bone.
    """

    size: int = 512
    segment: bool = False
    person: str | None = None
    val: float = 0.1
    test: float = 0.1
    split: str | None = None
    grey: Grey = field(default_factory=Grey)
    view: str = "unknown"
    yaws: tuple[float, ...] = tuple(VIEW_DEGREES.values())
    distance: float | None = None
    energy: float = 40.0
    ct_energy: float = CT_KEV
    bone_threshold: float = BONE_HU


def load_item(item: Item, settings: ImportSettings) -> Pair | Scan:
    """Read and check an item; raises what `load_pair` and `load_scan` raise."""
    if item.kind == "ct":
        return load_scan(item, settings.segment)
    return load_pair(item, settings.grey, settings.segment)


def make_samples(
    item: Item, person: str, split: str, settings: ImportSettings, curve: HounsfieldCurve, first: int
) -> Iterator[Sample]:
    """The samples of an item.

    Args:
        item: Its files.
        person: Whom it shows.
        split: The person's split.
        settings: How to read.
        curve: Hounsfield units to attenuation.
        first: Number of its first sample in the set.

    Raises:
        MaskelError: Of `load_item`, ``bad_distance``, ``no_bone``.
    """
    shared = {
        "seed": [number_of(person), 0],
        "split": split,
        "source": item.name,
        "body": {"seed": number_of(person), "person": person, "age_group": "unknown"},
        "pose_class": "real",
        "outfit": "none",
        "clothing": [],
    }
    loaded = load_item(item, settings)
    if isinstance(loaded, Scan):
        yield from _views(loaded, shared, settings, curve, first)
        return
    made = frame_pair(loaded, settings.size)
    yaw = VIEW_DEGREES.get(settings.view)
    meta = {
        **shared,
        "modality": "dxa",
        "camera": {} if yaw is None else {"yaw": math.radians(yaw)},
        "known_layers": ["bone"] if loaded.soft is None else ["bone", "soft"],
        "pixel_mm": made.spacing,
        "joints": {name: _place(x, y, settings.size) for name, (x, y) in made.joints.items()},
    }
    yield _sample(first, meta, made.mask, made.bone, made.soft)


def _views(
    scan: Scan, shared: dict[str, Any], settings: ImportSettings, curve: HounsfieldCurve, first: int
) -> Iterator[Sample]:
    points = surface(scan)
    cameras = [framed_camera(points, math.radians(yaw), settings.distance) for yaw in settings.yaws]
    for number, view in enumerate(project_scan(scan, cameras, settings.size, curve)):
        mask = np.rint(view.mask * 255).astype(np.uint8)
        if not (view.bone > 0.05).sum() > LEAST_BONE * (mask > 0).sum():
            raise refuse(
                "no_bone",
                scan.volume.path,
                f"shows no bone from {curve.threshold:g} HU",
                "Lower --bone-threshold.",
            )
        meta = {
            **shared,
            "modality": "ct",
            "camera": view.camera.as_dict(),
            "energy_kev": settings.energy,
            "known_layers": ["bone", "soft"],
            "pixel_mm": 1000 * view.camera.height / settings.size,
            "joints": _projected(scan.joints, view.camera, settings.size),
        }
        yield _sample(first + number, meta, mask, view.bone, view.soft)


def _projected(
    joints: dict[str, tuple[float, float, float]], camera: Camera, size: int
) -> dict[str, dict[str, Any]]:
    found = {}
    for name, place in joints.items():
        x, y, depth = camera.project(torch.tensor(place, dtype=torch.float64), (size, size)).tolist()
        found[name] = {**_place(x, y, size), "depth": round(depth, 4)}
    return found


def _place(x: float, y: float, size: int) -> dict[str, Any]:
    visible = 0 <= x <= size - 1 and 0 <= y <= size - 1
    return {"x": round(x, 3), "y": round(y, 3), "visible": visible}


def _sample(
    number: int, meta: dict[str, Any], mask: np.ndarray, bone: np.ndarray, soft: np.ndarray
) -> Sample:
    key = f"real{number:08d}"
    shown = mask > 0
    layers = [np.where(shown | np.isnan(layer), layer, 0).astype(np.float16) for layer in (bone, soft)]
    return Sample(key, meta["split"], mask, layers[0], layers[1], {"key": key, **meta})
