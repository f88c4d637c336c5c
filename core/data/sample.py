"""One training sample from one seed: person, pose, camera, mask, layers, joints."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from maskel_core.anatomy.asset import Anatomy
from maskel_core.anatomy.figure import Figure, sample_figure
from maskel_core.anatomy.joints import JOINT_NAMES
from maskel_core.projection.camera import Camera
from maskel_core.projection.xray import project_figure

VIEWS_PER_BODY = 2
"""Consecutive samples that share a person, each in its own pose and view."""

_DEGREE = np.pi / 180


@dataclass
class Sample:
    """A paired sample.

    Args:
        key: Unique name within the set.
        split: ``train``, ``val`` or ``test``; a person is in one split only.
        mask: uint8 (S, S), 255 = body.
        bone: float16 (S, S), bone line integral.
        soft: float16 (S, S), soft-tissue line integral.
        meta: JSON-ready description with the named joints.
        extra: Layers at further energies by name (``bone70``, ``soft70``: at 70 keV), float16 (S, S).
    """

    key: str
    split: str
    mask: np.ndarray
    bone: np.ndarray
    soft: np.ndarray
    meta: dict[str, Any]
    extra: dict[str, np.ndarray] = field(default_factory=dict)


def split_of(body_seed: int) -> str:
    """The split that a person belongs to: 90 % train, 4 % val, 6 % test, by a hash of its seed."""
    bucket = int.from_bytes(hashlib.sha256(f"maskel-body-{body_seed}".encode()).digest()[:4], "big") % 100
    if bucket < 90:
        return "train"
    return "val" if bucket < 94 else "test"


def sample_camera(rng: np.random.Generator, figure: Figure) -> Camera:
    """A view as artists set it up: any yaw with frontal the most frequent, level or tilted, near or from infinity."""
    kind = rng.random()
    if kind < 0.42:
        yaw = rng.normal(0.0, 7.0)
    elif kind < 0.52:
        yaw = 180.0 + rng.normal(0.0, 7.0)
    elif kind < 0.68:
        yaw = rng.choice([-90.0, 90.0]) + rng.normal(0.0, 8.0)
    else:
        yaw = rng.uniform(-180.0, 180.0)
    pitch = rng.normal(0.0, 2.5) if rng.random() < 0.75 else rng.uniform(-20.0, 35.0)
    roll = 0.0 if rng.random() < 0.8 else rng.normal(0.0, 8.0)
    stature = float(figure.skin[:, 2].max() - figure.skin[:, 2].min())
    distance = None if rng.random() < 0.5 else float(stature * rng.uniform(1.7, 6.0))
    centre = (figure.skin.amax(0) + figure.skin.amin(0)) / 2
    loose = Camera(yaw * _DEGREE, pitch * _DEGREE, roll * _DEGREE, tuple(centre.tolist()), 2.0, distance)
    flat = loose.project(figure.skin, (1000, 1000))[:, :2]
    low, high = flat.amin(0), flat.amax(0)
    # Framing by the picture of the body, so that it fills the frame in every pose.
    offset = (low + high) / 2 - 499.5
    axes = loose.axes().float()
    target = centre + (axes[0] * offset[0] + axes[1] * offset[1]) * (2.0 / 1000)
    fill = rng.uniform(0.86, 0.97)
    height = float((high - low).max()) * (2.0 / 1000) / fill
    return Camera(loose.yaw, loose.pitch, loose.roll, tuple(target.tolist()), height, distance)


def make_sample(
    anatomy: Anatomy, seed: int, index: int, size: int, energies: tuple[float, ...] = ()
) -> Sample:
    """The sample number ``index`` of the set with this seed; the same on every machine and in any order.

    Args:
        anatomy: The asset.
        seed: Of the whole set.
        index: Number of the sample.
        size: Edge of the pictures, pixels.
        energies: Further photon energies to store layers at, keV.

    Raises:
        MaskelError: ``bad_energy``.
    """
    body_seed = seed * 1_000_003 + index // VIEWS_PER_BODY
    view_rng = np.random.default_rng([body_seed, index % VIEWS_PER_BODY, 1])
    figure = sample_figure(anatomy, np.random.default_rng([body_seed, 0]), view_rng)
    camera = sample_camera(view_rng, figure)
    default = float(anatomy["tissue.energy_kev"])
    projection = project_figure(anatomy, figure, camera, size, energies=(default, *energies))
    extra = {
        f"{layer}{energy:g}": values.half().cpu().numpy()
        for energy, pair in zip(energies, projection.energies[1:], strict=True)
        for layer, values in zip(("bone", "soft"), pair, strict=True)
    }
    mask = (projection.mask * 255).round().to(torch.uint8).cpu().numpy()
    split = split_of(body_seed)
    joints = {}
    for name, (x, y, depth) in zip(JOINT_NAMES, projection.joints.tolist(), strict=True):
        visible = 0 <= x <= size - 1 and 0 <= y <= size - 1
        joints[name] = {"x": round(x, 3), "y": round(y, 3), "depth": round(depth, 4), "visible": visible}
    traits = {k: round(v, 4) for k, v in figure.phenotypes.items()}
    key = f"{seed:04d}{index:08d}"
    meta = {
        "key": key,
        "seed": [seed, index],
        "split": split,
        "body": {"seed": body_seed, "years": round(figure.years, 2), **traits},
        "pose_class": figure.pose.name,
        "camera": camera.as_dict(),
        "energy_kev": round(default, 3),
        "further_energies_kev": list(energies),
        "joints": joints,
    }
    return Sample(
        key,
        split,
        mask,
        projection.bone.half().cpu().numpy(),
        projection.soft.half().cpu().numpy(),
        meta,
        extra,
    )
