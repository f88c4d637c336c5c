"""A contact sheet of every augmentation: the new mask over the body's own, its name under it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from maskel_core.anatomy.age import parameter_of
from maskel_core.anatomy.asset import Anatomy, default_anatomy
from maskel_core.anatomy.figure import Figure, make_figure
from maskel_core.anatomy.pose_library import POSE_CLASSES
from maskel_core.data.silhouettes.dressing import repeat
from maskel_core.data.silhouettes.framing import Move
from maskel_core.data.silhouettes.outline import silhouette
from maskel_core.data.silhouettes.registry import AUGMENTATIONS, KINDS
from maskel_core.data.silhouettes.shapes import Array, Surface
from maskel_core.data.silhouettes.wearer import Wearer
from maskel_core.projection.camera import Camera
from numpy.typing import NDArray
from PIL import Image, ImageDraw

STRENGTHS = (0.2, 0.85)
"""Left and right picture of a cell."""

BODY, ADDED, REMOVED, EMPTY = (
    np.array(c, np.float32) for c in ((84, 120, 156), (250, 214, 140), (196, 64, 58), (18, 18, 20))
)
"""Colours (3,) of what mask and body share, of what was added, of what was taken away, and of the ground."""

_LABEL = 13
_HEAD = ("head", "neck")
_FEET = ("foot_l", "foot_r", "leg_l", "leg_r")
_TURNS: dict[str, float] = {
    "hair_short": 35.0,
    "hair_long": 140.0,
    "hair_ponytail": -70.0,
    "hair_braid": -100.0,
    "hair_bun": 70.0,
    "hair_mohawk": 60.0,
    "hair_bob": 25.0,
    "hair_spikes": 30.0,
    "beard": 55.0,
    "cap": 50.0,
    "helmet": 40.0,
    "beanie": 60.0,
    "horns": 20.0,
    "animal_ears": 15.0,
    "shoes": 60.0,
    "boots": 45.0,
    "heels": 75.0,
    "cape": 150.0,
    "backpack": 120.0,
    "shoulder_bag": 20.0,
    "tail": 120.0,
    "wings_feathered": 20.0,
    "wings_bat": 10.0,
    "sword": 40.0,
    "axe": 40.0,
    "gun": -30.0,
    "bow": 25.0,
    "shield": 30.0,
    "pauldrons": 20.0,
    "hard_suit": 30.0,
    "furniture": 50.0,
    "hidden_by_furniture": 20.0,
}
"""Yaw in degrees from which an augmentation is best seen; 0 where not named."""


def _person(gender: float) -> dict[str, float]:
    return {
        "gender": gender,
        "age": parameter_of(30.0),
        "muscle": 0.5,
        "weight": 0.5,
        "height": 0.5,
        "proportions": 0.5,
    }


def _figures(anatomy: Anatomy, seed: int) -> dict[str, Figure]:
    rng = np.random.default_rng([seed, 1])

    def figure(gender: float, pose: str) -> Figure:
        return make_figure(anatomy, _person(gender), lambda touch: POSE_CLASSES[pose](rng, touch))

    return {"man": figure(0.0, "a_pose"), "woman": figure(1.0, "a_pose"), "seated": figure(1.0, "sit")}


def framing(points: Array, yaw: float, margin: float = 1.06) -> Camera:
    """A level view from infinity that holds points (N, 3); yaw in degrees."""
    flat = Camera(yaw=float(np.radians(yaw)))
    axes = flat.axes().numpy()
    low, high = (points @ axes.T).min(0), (points @ axes.T).max(0)
    target = ((low + high) / 2) @ axes
    height = float((high - low)[:2].max()) * margin
    return Camera(flat.yaw, 0.0, 0.0, tuple(target.tolist()), height)


def paint(mask: NDArray[np.float32], body: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Colours of a mask over the body's own, both float (S, S) in [0, 1]; uint8 (S, S, 3)."""
    shared = np.minimum(mask, body)[..., None]
    added, removed = mask[..., None] - shared, body[..., None] - shared
    ground = 1 - shared - added - removed
    colours = shared * BODY + added * ADDED + removed * REMOVED + ground * EMPTY
    return colours.clip(0, 255).round().astype(np.uint8)


def picture(
    anatomy: Anatomy, name: str, figure: Figure, strength: float, size: int, seed: int
) -> NDArray[np.uint8]:
    """What one augmentation does to a figure's mask, uint8 (S, S, 3).

    Args:
        anatomy: The asset.
        name: Key of ``AUGMENTATIONS``.
        figure: Whose mask.
        strength: 0 to 1.
        size: Edge of the picture, pixels.
        seed: Of the augmentation.
    """
    note = {"name": name, "strength": strength, "seed": seed}
    skin = Surface(figure.skin.cpu().numpy(), anatomy["body.faces"].cpu().numpy())
    kind, yaw = KINDS[name], _TURNS.get(name, 0.0)
    if kind in ("adds", "replaces"):
        wearer = Wearer(anatomy, figure)
        surface = repeat(note, wearer)
        camera = framing(np.concatenate([surface.points, _beside(name, wearer)]), yaw)
        body, made = (silhouette(s, camera, size) for s in (skin, surface))
        return paint(made if kind == "replaces" else np.maximum(made, body), body)
    if kind == "hides":
        camera = framing(skin.points, yaw)
        body = silhouette(skin, camera, size)
        return paint(
            body * (1 - silhouette(repeat(note, Wearer(anatomy, figure), camera), camera, size)), body
        )
    if kind == "edges":
        # The whole figure at 256 pixels; its head and shoulders enlarged, else no edge is seen.
        body = silhouette(skin, framing(skin.points, yaw), 256)
        shown = paint(repeat(note, body), body)
        shown = shown if name in ("holes", "specks") else shown[:104, 76:180]
        return np.asarray(Image.fromarray(shown).resize((size, size), Image.Resampling.NEAREST))
    body = silhouette(skin, framing(skin.points, yaw, 1.15), size)
    move: Move = repeat(note, body)
    return paint(move.pixels(body), body)


def _beside(name: str, wearer: Wearer) -> Array:
    """Points of the body that a picture must show beside the augmentation itself, (N, 3)."""
    from maskel_core.data.silhouettes import footwear, hair, headgear

    module = AUGMENTATIONS[name].__module__
    regions = {hair.__name__: _HEAD, headgear.__name__: _HEAD, footwear.__name__: _FEET}.get(module)
    if regions is None:
        return wearer.skin
    kept = wearer.share(*regions) > 0.5
    knees = 0.5 * (wearer.landmark("knee_l")[2] + wearer.landmark("knee_r")[2])
    return wearer.skin[kept & (wearer.skin[:, 2] < knees)] if regions == _FEET else wearer.skin[kept]


def draw_sheet(
    size: int = 128,
    seed: int = 0,
    columns: int = 8,
    progress: Callable[[int, int], None] | None = None,
    names: tuple[str, ...] = tuple(AUGMENTATIONS),
) -> Image.Image:
    """The sheet of every augmentation, each mild and strong, in the order of the registry.

    Args:
        size: Edge of each picture, pixels.
        seed: Of figures and augmentations.
        columns: Augmentations in a row.
        progress: Called with augmentations done and augmentations in all.
        names: Which to draw.
    """
    anatomy = default_anatomy()
    rows = -(-len(names) // columns)
    wide, tall = 2 * size + 2, size + _LABEL
    sheet = Image.new("RGB", (columns * wide, rows * tall), tuple(EMPTY.astype(int).tolist()))
    pen = ImageDraw.Draw(sheet)
    with torch.inference_mode():
        figures = _figures(anatomy, seed)
        for number, name in enumerate(names):
            left, top = number % columns * wide, number // columns * tall
            for index, strength in enumerate(STRENGTHS):
                who = "seated" if name == "furniture" else ("man", "woman")[(number + index) % 2]
                shown = picture(anatomy, name, figures[who], strength, size, 100 * seed + index)
                sheet.paste(Image.fromarray(shown), (left + index * size, top))
            pen.text((left + 3, top + size), name, fill=(205, 205, 205))
            if progress is not None:
                progress(number + 1, len(names))
    return sheet
