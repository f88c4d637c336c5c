"""One training sample from one seed: person, pose, camera, mask, layers, joints."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from maskel_core.anatomy.asset import Anatomy
from maskel_core.anatomy.figure import Figure, sample_figure
from maskel_core.anatomy.joints import JOINT_NAMES
from maskel_core.data.silhouettes.dressing import OUTFITS, Recipe, design, draw, reach
from maskel_core.errors import MaskelError
from maskel_core.projection.camera import Camera
from maskel_core.projection.xray import project_figure

VIEWS_PER_BODY = 2
"""Consecutive samples that share a person, each in its own pose and view."""

CLOTHED = 0.5
"""Share of samples whose mask is that of a character with hair, clothes, props or faults; the rest are plain bodies."""

Shares = tuple[tuple[str, float], ...]
"""Names of outfits with their share of the dressed samples, over the sum of all shares."""

_DEGREE = np.pi / 180
_DRESSED = Recipe(clothed=1.0)


@dataclass
class Sample:
    """A paired sample.

    Args:
        key: Unique name within the set.
        split: ``train``, ``val`` or ``test``; a person is in one split only.
        mask: uint8 (S, S), 255 = character: the body, and what it wears and carries.
        bone: float16 (S, S), bone line integral of the body alone.
        soft: float16 (S, S), soft-tissue line integral of the body alone; above 0 where the body is.
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


def check_share(clothed: float) -> None:
    """Refuse what is no share.

    Raises:
        MaskelError: ``bad_share``.
    """
    if not 0.0 <= clothed <= 1.0:
        raise MaskelError(
            "bad_share",
            f"{clothed:g} is no share of clothed samples.",
            "Choose a number from 0 (none) to 1 (all).",
        )


def check_outfits(outfits: Shares) -> None:
    """Refuse outfits that are not there, shares below 0 and sums that are 0 or endless.

    Raises:
        MaskelError: ``bad_outfit``.
    """
    known = ", ".join(OUTFITS)
    for name, share in outfits:
        if name not in OUTFITS:
            raise MaskelError("bad_outfit", f"There is no outfit {name!r}.", f"Choose of {known}.")
        if not 0.0 <= share < float("inf"):
            raise MaskelError(
                "bad_outfit", f"{share:g} is no share of the outfit {name}.", "Choose a number from 0."
            )
    given = dict(outfits)
    total = sum(given.get(name, share) for name, (share, _) in OUTFITS.items())
    if not 0.0 < total < float("inf"):
        raise MaskelError(
            "bad_outfit", f"The shares of all outfits add up to {total:g}.", "Give them usual shares."
        )


def sample_camera(rng: np.random.Generator, figure: Figure, beside: torch.Tensor | None = None) -> Camera:
    """A view as artists set it up: any yaw with frontal the most frequent, level or tilted, near or from infinity.

    Args:
        rng: Source of the choices.
        figure: What fills the frame.
        beside: float (N, 3), further points that the frame holds.
    """
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
    extent = float((figure.skin.amax(0) - figure.skin.amin(0)).max())
    distance = None if rng.random() < 0.5 else float(extent * rng.uniform(1.7, 6.0))
    centre = ((figure.skin.amax(0) + figure.skin.amin(0)) / 2).cpu()
    loose = Camera(yaw * _DEGREE, pitch * _DEGREE, roll * _DEGREE, tuple(centre.tolist()), 2.0, distance)
    flat = loose.project(figure.skin, (1000, 1000))[:, :2]
    if beside is not None:
        further = loose.project(beside, (1000, 1000))
        # What reaches up to the source has no place in a picture.
        seen = further[:, 2] > (0.4 * distance if distance is not None else -torch.inf)
        flat = torch.cat([flat, further[seen, :2]])
    low, high = flat.amin(0).cpu(), flat.amax(0).cpu()
    # Framing by the picture of the body, so that it fills the frame in every pose.
    offset = (low + high) / 2 - 499.5
    axes = loose.axes().float()
    target = centre + (axes[0] * offset[0] + axes[1] * offset[1]) * (2.0 / 1000)
    fill = rng.uniform(0.86, 0.97)
    height = float((high - low).max()) * (2.0 / 1000) / fill
    return Camera(loose.yaw, loose.pitch, loose.roll, tuple(target.tolist()), height, distance)


def streams(
    seed: int, index: int
) -> tuple[int, np.random.Generator, np.random.Generator, np.random.Generator]:
    """The person's number and the sources of chance for body, view and dress of one sample of a set."""
    body = seed * 1_000_003 + index // VIEWS_PER_BODY
    view = index % VIEWS_PER_BODY
    return (
        body,
        np.random.default_rng([body, 0]),
        np.random.default_rng([body, view, 1]),
        np.random.default_rng([body, view, 2]),
    )


def make_sample(
    anatomy: Anatomy,
    seed: int,
    index: int,
    size: int,
    energies: tuple[float, ...] = (),
    clothed: float = CLOTHED,
    outfits: Shares = (),
) -> Sample:
    """The sample number ``index`` of the set with this seed; the same in any order, and to the byte where torch uses one thread.

    Args:
        anatomy: The asset.
        seed: Of the whole set.
        index: Number of the sample.
        size: Edge of the pictures, pixels.
        energies: Further photon energies to store layers at, keV.
        clothed: Share of samples whose mask is a dressed character's; person, pose and view's angles do not depend on it.
        outfits: Shares of some outfits that hold instead of their own.

    Raises:
        MaskelError: ``bad_energy``, ``bad_outfit``, ``bad_share``.
    """
    check_share(clothed)
    check_outfits(outfits)
    recipe = replace(_DRESSED, shares=outfits)
    body_seed, body_rng, view_rng, dress_rng = streams(seed, index)
    figure = sample_figure(anatomy, body_rng, view_rng)
    outfit = wearer = beside = None
    if dress_rng.random() < clothed:
        outfit, wearer = design(anatomy, figure, dress_rng, recipe)
        beside = reach(outfit, dress_rng, recipe, figure.skin)
    camera = sample_camera(view_rng, figure, beside)
    default = float(anatomy["tissue.energy_kev"])
    projection = project_figure(anatomy, figure, camera, size, energies=(default, *energies))
    mask, layers, places = projection.mask, projection.energies, projection.joints
    dressing = None
    if outfit is not None:
        dressing = draw(anatomy, figure, outfit, camera, size, dress_rng, recipe, mask, wearer)
        mask = dressing.mask
        if dressing.move is not None:
            layers = torch.from_numpy(dressing.move.pixels(layers.cpu().numpy()))
            places = places.cpu().clone()
            places[:, :2] = torch.from_numpy(dressing.move.points(places[:, :2].numpy()))
    extra = {
        f"{layer}{energy:g}": values.half().cpu().numpy()
        for energy, pair in zip(energies, layers[1:], strict=True)
        for layer, values in zip(("bone", "soft"), pair, strict=True)
    }
    split = split_of(body_seed)
    joints = {}
    for name, (x, y, depth) in zip(JOINT_NAMES, places.tolist(), strict=True):
        visible = 0 <= x <= size - 1 and 0 <= y <= size - 1
        joints[name] = {"x": round(x, 3), "y": round(y, 3), "depth": round(depth, 4), "visible": visible}
    traits = {k: round(v, 4) for k, v in figure.phenotypes.items()}
    key = f"{seed:04d}{index:08d}"
    meta = {
        "key": key,
        "seed": [seed, index],
        "split": split,
        "body": {
            "seed": body_seed,
            "years": round(figure.years, 2),
            "age_group": figure.person.age_group,
            "stylised": figure.person.style is not None,
            "style": figure.person.style,
            **traits,
        },
        "pose_class": figure.pose.name,
        "camera": camera.as_dict(),
        "outfit": dressing.outfit if dressing is not None else "none",
        "clothing": dressing.clothing if dressing is not None else [],
        "energy_kev": round(default, 3),
        "further_energies_kev": list(energies),
        "joints": joints,
    }
    return Sample(
        key,
        split,
        (mask * 255).round().to(torch.uint8).cpu().numpy(),
        layers[0, 0].half().cpu().numpy(),
        layers[0, 1].half().cpu().numpy(),
        meta,
        extra,
    )
