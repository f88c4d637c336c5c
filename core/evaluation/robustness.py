"""How much the figures of the same bodies fall when hair, clothes, props, crops or noise change their masks."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from maskel_core.anatomy.asset import Anatomy, default_anatomy
from maskel_core.anatomy.figure import Figure, sample_figure
from maskel_core.data.sample import VIEWS_PER_BODY, sample_camera, streams
from maskel_core.data.silhouettes import AUGMENTATIONS, KINDS, repeat
from maskel_core.data.silhouettes.framing import Move
from maskel_core.data.silhouettes.outline import silhouette
from maskel_core.data.silhouettes.wearer import Wearer
from maskel_core.evaluation.aims import FALL_LIMIT
from maskel_core.evaluation.joints import body_length, seen_joints
from maskel_core.evaluation.measure import NEAR, Progress, Record, joint_figures, summarise
from maskel_core.evaluation.references import Answer, PipelineAnswer
from maskel_core.evaluation.truth import Truth
from maskel_core.projection.camera import Camera
from maskel_core.projection.xray import project_figure
from maskel_core.training.sources import numbers_of_split
from numpy.typing import NDArray

SHARES = (*NEAR, "joint_pck2", "joint_pck5")
"""Figures that are held to `FALL_LIMIT`: those of which more is better. Errors are reported beside them."""

_MODULES = {
    "hair": ("hair",),
    "clothes": ("garments", "draped", "footwear", "armour"),
    "props": ("headgear", "carried", "creature"),
}


def _families() -> dict[str, tuple[str, ...]]:
    """Names of augmentations by family, in the order of the registry."""
    found: dict[str, tuple[str, ...]] = {}
    for family, modules in _MODULES.items():
        owner = {name: make.__module__.rpartition(".")[2] for name, make in AUGMENTATIONS.items()}
        found[family] = tuple(name for name in AUGMENTATIONS if owner[name] in modules)
    kinds = {kind: tuple(name for name in KINDS if KINDS[name] == kind) for kind in ("hides", "edges")}
    found["props"] += ("furniture",)
    return {**found, "crops": ("crop",), "noise": (*kinds["edges"], "low_poly"), "occluders": kinds["hides"]}


FAMILIES = _families()
"""Augmentations (`maskel_core.data.silhouettes.AUGMENTATIONS`) of each family."""

WORN = ("hair", "clothes", "props")
"""Families that add surfaces; their view steps back to hold them, for plain and dressed body alike."""

LEAST_LEFT = {"crops": 0.3, "occluders": 0.55}
"""Share of the mask that must be left; what takes more is drawn again."""


@dataclass
class Scene:
    """A figure as a camera sees it.

    Attributes:
        mask: float32 (S, S) in [0, 1], the plain body.
        layers: float32 (2, S, S), bone and soft-tissue line integrals.
        joints: float64 (J, 2), x, y in pixels; some may lie outside the frame.
        height: Pixels of the longer side of the body's box.
    """

    mask: NDArray[np.floating]
    layers: NDArray[np.floating]
    joints: NDArray[np.floating]
    height: float

    @classmethod
    def of(cls, anatomy: Anatomy, figure: Figure, camera: Camera, size: int) -> Scene:
        """Project a figure at ``size`` pixels."""
        seen = project_figure(anatomy, figure, camera, size)
        # float16 as in shards.
        layers = torch.stack([seen.bone, seen.soft]).half().float().cpu().numpy()
        mask = seen.mask.float().cpu().numpy()
        joints = seen.joints[:, :2].double().cpu().numpy()
        return cls(mask, layers, joints, body_length(layers[1], as_picture(mask)))


def as_picture(mask: NDArray[np.floating]) -> NDArray[np.uint8]:
    """A mask (S, S) in [0, 1] as uint8."""
    picture: NDArray[np.uint8] = (mask.clip(0, 1) * 255).round().astype(np.uint8)
    return picture


def held_out_bodies(seed: int, count: int) -> list[int]:
    """Numbers of the set's samples that show the first ``count`` bodies of its test split, one view each."""
    numbers = (n for n in numbers_of_split(seed, "test") if n % VIEWS_PER_BODY == 0)
    return list(itertools.islice(numbers, count))


def robustness(
    answer: Answer,
    count: int,
    size: int,
    scales: tuple[float, float],
    seed: int = 1,
    progress: Progress | None = None,
) -> dict[str, dict[str, Any]]:
    """Figures of changed silhouettes beside those of the same bodies' plain ones, by family.

    Truth and mask of a pair differ in nothing but one named augmentation. Where pixels are lost (crops, occluders), the plain
    answer is cut the same way, so that the same pixels are compared.

    Args:
        answer: What is measured.
        count: Bodies; each is changed once by every family.
        size: Pixels per side.
        scales: Dense line integrals of bone and soft tissue.
        seed: Of the set whose held-out bodies are made again.
        progress: Called after every body.

    Returns:
        By family ``samples``, ``plain`` and ``changed`` (as of `summarise`), ``change`` (share by which each figure
        changes, below 0 = falls), ``largest_fall`` and ``falls_most`` among `SHARES`, and ``passed``.
    """
    anatomy = default_anatomy()
    plain: dict[str, list[Record]] = {family: [] for family in FAMILIES}
    changed: dict[str, list[Record]] = {family: [] for family in FAMILIES}
    for done, number in enumerate(held_out_bodies(seed, count), start=1):
        with torch.inference_mode():
            for family, before, after in _pairs(anatomy, answer, seed, number, size, scales):
                plain[family].append(before)
                changed[family].append(after)
        if progress is not None:
            progress(done, count)
    return {family: compare(plain[family], changed[family]) for family in FAMILIES if plain[family]}


def compare(plain: list[Record], changed: list[Record]) -> dict[str, Any]:
    """One family's part of what `robustness` returns."""
    before, after = summarise(plain), summarise(changed)
    change = {
        name: after[name] / before[name] - 1
        for name in before
        if name in after and name != "samples" and before[name] > 0
    }
    falls = {name: -change[name] for name in SHARES if name in change}
    worst = max(falls, key=lambda name: falls[name])
    return {
        "samples": len(plain),
        "plain": before,
        "changed": after,
        "change": change,
        "largest_fall": falls[worst],
        "falls_most": worst,
        "passed": falls[worst] <= FALL_LIMIT,
    }


def _pairs(
    anatomy: Anatomy, answer: Answer, seed: int, number: int, size: int, scales: tuple[float, float]
) -> Iterator[tuple[str, Record, Record]]:
    """Family, figures of the plain silhouette and of the changed one, of one body."""
    body, body_rng, view_rng, _ = streams(seed, number)
    figure = sample_figure(anatomy, body_rng, view_rng)
    # The view's source of chance as it is now: every camera of this body looks the same way.
    state = view_rng.bit_generator.state
    camera = sample_camera(view_rng, figure)
    wearer = Wearer(anatomy, figure)
    scene = Scene.of(anatomy, figure, camera, size)
    _tell(answer, camera)
    made = answer.predict(as_picture(scene.mask))
    for order, (family, names) in enumerate(FAMILIES.items()):
        rng = np.random.default_rng([body, number, order, 3])
        if family in WORN:
            surface = repeat(_note(names, rng), wearer)
            view_rng.bit_generator.state = state
            beside = torch.from_numpy(np.ascontiguousarray(surface.points)).to(figure.skin)
            wider = sample_camera(view_rng, figure, beside)
            held = Scene.of(anatomy, figure, wider, size)
            dressed = np.maximum(held.mask, silhouette(surface, wider, size))
            shown = answer.predict(as_picture(held.mask))
            yield family, *_both(answer, held, held.mask, dressed, shown, scales)
        elif family == "crops":
            yield family, *_cropped(answer, scene, made, names, rng, scales)
        else:
            mask = _spoilt(anatomy, figure, wearer, camera, scene.mask, family, names, rng)
            pixels = mask if family == "occluders" else scene.mask
            yield family, *_both(answer, scene, pixels, mask, made, scales)


def _note(names: tuple[str, ...], rng: np.random.Generator) -> dict[str, Any]:
    name = names[int(rng.integers(len(names)))]
    return {"name": name, "strength": round(float(rng.random()), 3), "seed": int(rng.integers(2**31))}


def _tell(answer: Answer, camera: Camera) -> None:
    if isinstance(answer, PipelineAnswer):
        answer.tell(camera.yaw)


def _both(
    answer: Answer,
    scene: Scene,
    pixels: NDArray[np.floating],
    mask: NDArray[np.floating],
    made: tuple[NDArray, NDArray, NDArray | None],
    scales: tuple[float, float],
) -> tuple[Record, Record]:
    """Figures of the plain answer inside ``pixels`` and of the answer to ``mask`` inside it."""
    shown = pixels > 0
    before = figures(scene, pixels, (made[0] * shown, made[1] * shown, made[2]), scales)
    return before, figures(scene, mask, answer.predict(as_picture(mask)), scales)


def figures(
    scene: Scene,
    mask: NDArray[np.floating],
    made: tuple[NDArray, NDArray, NDArray | None],
    scales: tuple[float, float],
) -> Record:
    """What `summarise` needs of one answer inside a mask."""
    truth = Truth(scene.layers[0], scene.layers[1], as_picture(mask), scales)
    joints = seen_joints(scene.joints, mask.shape)
    return {**truth.compare(made[0], made[1]), **joint_figures(made[2], joints, scene.height)}


def _spoilt(
    anatomy: Anatomy,
    figure: Figure,
    wearer: Wearer,
    camera: Camera,
    mask: NDArray[np.floating],
    family: str,
    names: tuple[str, ...],
    rng: np.random.Generator,
) -> NDArray[np.floating]:
    """A mask with one fault of the picture, or with something before the body."""
    size, spoilt = len(mask), mask
    for _ in range(20):
        note = _note(names, rng)
        if family == "occluders":
            cut = mask * (1 - silhouette(repeat(note, wearer, camera), camera, size))
            # A share near 1 hides nothing.
            if LEAST_LEFT[family] <= cut.sum() / mask.sum() < 0.998:
                return cut
            continue
        if KINDS[note["name"]] == "replaces":
            return silhouette(repeat(note, wearer), camera, size)
        return np.asarray(repeat(note, mask), np.float32)
    return spoilt


def _cropped(
    answer: Answer,
    scene: Scene,
    made: tuple[NDArray, NDArray, NDArray | None],
    names: tuple[str, ...],
    rng: np.random.Generator,
    scales: tuple[float, float],
) -> tuple[Record, Record]:
    """The plain answer cropped, and the answer to the cropped mask."""
    for _ in range(20):
        move: Move = repeat(_note(names, rng), scene.mask)
        mask = move.pixels(scene.mask)
        if mask.sum() >= LEAST_LEFT["crops"] * scene.mask.sum():
            break
    held = Scene(mask, move.pixels(scene.layers), move.points(scene.joints), scene.height)
    points = None if made[2] is None else move.points(made[2])
    moved = move.pixels(made[0]), move.pixels(made[1]), points
    return _both(answer, held, mask, mask, moved, scales)
