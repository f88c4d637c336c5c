"""Characters from figures: who wears what, how often, and the mask that a render of it gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from maskel_core.anatomy.asset import Anatomy
from maskel_core.anatomy.figure import Figure
from maskel_core.data.silhouettes.framing import Move
from maskel_core.data.silhouettes.outline import silhouette
from maskel_core.data.silhouettes.registry import AUGMENTATIONS, KINDS
from maskel_core.data.silhouettes.shapes import Surface, merge
from maskel_core.data.silhouettes.wearer import Wearer
from maskel_core.projection.camera import Camera

Choice = tuple[float, tuple[str, ...]]
"""A probability and the names of which one is taken then."""

_HAIR = (
    "hair_short",
    "hair_short",
    "hair_bob",
    "hair_long",
    "hair_long",
    "hair_ponytail",
    "hair_braid",
    "hair_afro",
    "hair_bun",
    "hair_curls",
    "hair_spikes",
    "hair_twintails",
)
_WEAPON = ("sword", "sword", "axe", "staff", "bow")

OUTFITS: dict[str, tuple[float, tuple[Choice, ...]]] = {
    "hair": (0.17, ((1.0, (*_HAIR, "hair_mohawk")), (0.1, ("beard",)), (0.25, ("tight_clothes",)))),
    "everyday": (
        0.25,
        (
            (0.8, _HAIR),
            (0.9, ("shirt", "sweater", "tight_clothes")),
            (0.9, ("trousers",)),
            (0.8, ("shoes", "boots")),
            (0.2, ("cap", "beanie", "headphones", "hat")),
            (0.2, ("backpack", "handbag", "shoulder_bag")),
            (0.08, ("beard",)),
        ),
    ),
    "dressed_up": (
        0.15,
        (
            (
                0.9,
                (
                    "hair_bob",
                    "hair_long",
                    "hair_ponytail",
                    "hair_bun",
                    "hair_curls",
                    "hair_twintails",
                    "hair_braid",
                ),
            ),
            (1.0, ("dress", "dress", "skirt", "skirt_pleated")),
            (0.6, ("heels", "shoes", "boots")),
            (0.15, ("crown", "hat", "animal_ears")),
            (0.15, ("handbag",)),
        ),
    ),
    "coat": (
        0.10,
        (
            (0.7, _HAIR),
            (1.0, ("coat",)),
            (0.6, ("trousers",)),
            (0.8, ("boots", "shoes")),
            (0.35, ("hat", "beanie", "cap")),
            (0.25, ("handbag", "shoulder_bag", "gun", "sword")),
        ),
    ),
    "knight": (
        0.10,
        (
            (0.6, ("helmet",)),
            (0.4, _HAIR),
            (0.85, ("breastplate",)),
            (0.7, ("pauldrons",)),
            (0.75, ("limb_armour", "boots")),
            (0.45, ("cape",)),
            (0.6, _WEAPON),
            (0.3, ("shield",)),
        ),
    ),
    "mage": (
        0.08,
        (
            (0.7, _HAIR),
            (1.0, ("robe", "robe", "wide_sleeves", "dress")),
            (0.4, ("witch_hat", "crown", "horns")),
            (0.4, ("cape",)),
            (0.6, ("staff",)),
            (0.3, ("beard",)),
        ),
    ),
    "future": (
        0.07,
        (
            (0.7, ("hard_suit", "tight_clothes", "limb_armour")),
            (0.6, ("helmet", "headphones")),
            (0.4, ("pauldrons",)),
            (0.55, ("gun",)),
            (0.3, ("backpack",)),
        ),
    ),
    "creature": (
        0.08,
        (
            (0.6, _HAIR),
            (0.55, ("wings_feathered", "wings_bat")),
            (0.55, ("tail",)),
            (0.6, ("horns", "animal_ears")),
            (0.3, ("tight_clothes", "skirt", "trousers")),
            (0.25, _WEAPON),
        ),
    ),
}
"""Kinds of characters: their share of all that are dressed, and what they wear with which probability."""

_HATS = {"cap", "hat", "witch_hat", "beanie", "helmet"}
_VOLUMINOUS = {"hair_afro", "hair_spikes", "hair_bun", "hair_mohawk", "hair_twintails"}


@dataclass(frozen=True)
class Recipe:
    """How often a silhouette is changed; each probability is independent of the others.

    Args:
        clothed: The character wears one of ``OUTFITS``.
        shares: Shares of some of them that hold instead of those in ``OUTFITS``.
        furniture: A dressed character comes with furniture.
        low_poly: The body is faceted.
        hidden: Something stands before the character, and the render shows it so.
        edges: One change of the picture's edge or quality.
        moves: Names of kind ``moves`` with the probability of each; at most one is done.
        framed: The view holds what the character wears or carries; else it holds the body and the frame cuts the rest.
        least_visible: Occluders that leave less than this share of the mask are dropped, as are those that take nothing.
    """

    clothed: float = 0.35
    shares: tuple[tuple[str, float], ...] = ()
    furniture: float = 0.04
    low_poly: float = 0.04
    hidden: float = 0.05
    edges: float = 0.12
    moves: tuple[tuple[str, float], ...] = (("crop", 0.06), ("place", 0.02), ("stretch", 0.02))
    framed: float = 0.9
    least_visible: float = 0.55


@dataclass
class Outfit:
    """A character's surfaces, before any view.

    Args:
        name: Key of ``OUTFITS`` or ``"none"``.
        added: Surface that joins the body.
        body: Surface drawn in place of the skin, if any.
        applied: What was done: ``name``, ``strength`` and ``seed`` of each.
    """

    name: str
    added: Surface
    body: Surface | None = None
    applied: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Dressing:
    """A character's silhouette.

    Args:
        mask: float32 (S, S) in [0, 1].
        applied: ``name``, ``strength`` and ``seed`` of each augmentation, in order; ``repeat`` makes any of them again.
        outfit: Key of ``OUTFITS`` or ``"none"``.
        move: What was done to the frame of the mask, and is to be done to layers and joints.
    """

    mask: torch.Tensor
    applied: list[dict[str, Any]]
    outfit: str = "none"
    move: Move | None = None

    @property
    def clothing(self) -> list[str]:
        """Names of the augmentations, in order."""
        return [note["name"] for note in self.applied]


def _note(name: str, rng: np.random.Generator) -> dict[str, Any]:
    return {"name": name, "strength": round(float(rng.random()), 3), "seed": int(rng.integers(2**31))}


def repeat(note: dict[str, Any], *subject: Any) -> Any:
    """Run an augmentation as recorded.

    Args:
        note: ``name``, ``strength``, ``seed``.
        subject: The wearer or mask; for those that hide, the camera after it.
    """
    random = np.random.default_rng(note["seed"])
    return AUGMENTATIONS[note["name"]](subject[0], random, note["strength"], *subject[1:])


def choose(rng: np.random.Generator, recipe: Recipe) -> tuple[str, list[str]]:
    """Key of an outfit and the names of its parts; ``"none"`` and nothing when the character stays undressed."""
    if rng.random() >= recipe.clothed:
        return "none", []
    keys = list(OUTFITS)
    wanted = dict(recipe.shares)
    shares = np.array([wanted.get(key, OUTFITS[key][0]) for key in keys])
    key = str(rng.choice(keys, p=shares / shares.sum()))
    names: list[str] = []
    for chance, options in OUTFITS[key][1]:
        if rng.random() < chance:
            name = options[int(rng.integers(len(options)))]
            if name not in names:
                names.append(name)
    if _HATS & set(names):
        names = ["hair_bob" if name in _VOLUMINOUS else name for name in names]
    if rng.random() < recipe.furniture:
        names.append("furniture")
    return key, names


def design(
    anatomy: Anatomy, figure: Figure, rng: np.random.Generator, recipe: Recipe = Recipe()
) -> tuple[Outfit, Wearer | None]:
    """Choose and make what a figure wears.

    Args:
        anatomy: The asset.
        figure: The posed body.
        rng: Source of all choices.
        recipe: How often what is done.

    Returns:
        The outfit, and the measured figure when anything needed it.
    """
    key, names = choose(rng, recipe)
    faceted = rng.random() < recipe.low_poly
    notes = [_note(name, rng) for name in names]
    wearer = Wearer(anatomy, figure) if names or faceted else None
    outfit = Outfit(key if names else "none", merge([repeat(note, wearer) for note in notes]), None, notes)
    if faceted:
        note = _note("low_poly", rng)
        outfit.body = repeat(note, wearer)
        outfit.applied.append(note)
    return outfit, wearer


def reach(
    outfit: Outfit, rng: np.random.Generator, recipe: Recipe, like: torch.Tensor
) -> torch.Tensor | None:
    """Points that a view of the character holds beside its body, float (N, 3); None where the frame cuts them.

    Args:
        outfit: What it wears.
        rng: Of the choice.
        recipe: How often it is made.
        like: A tensor of the type and on the device that is wanted.
    """
    if rng.random() >= recipe.framed or not len(outfit.added.points):
        return None
    return torch.from_numpy(np.ascontiguousarray(outfit.added.points)).to(like)


def draw(
    anatomy: Anatomy,
    figure: Figure,
    outfit: Outfit,
    camera: Camera,
    size: int,
    rng: np.random.Generator,
    recipe: Recipe = Recipe(),
    base: torch.Tensor | None = None,
    wearer: Wearer | None = None,
) -> Dressing:
    """The silhouette of an outfit on a figure; arguments as of ``dress``."""
    applied = list(outfit.applied)
    if outfit.body is not None:
        mask = silhouette(outfit.body, camera, size)
    elif base is not None:
        mask = base.detach().cpu().numpy().astype(np.float32)
    else:
        skin = Surface(figure.skin.cpu().numpy(), anatomy["body.faces"].cpu().numpy())
        mask = silhouette(skin, camera, size)
    if len(outfit.added.faces):
        mask = np.maximum(mask, silhouette(outfit.added, camera, size))
    hidden = [name for name, kind in KINDS.items() if kind == "hides"]
    if rng.random() < recipe.hidden:
        note = _note(hidden[int(rng.integers(len(hidden)))], rng)
        cut = mask * (1 - silhouette(repeat(note, wearer or Wearer(anatomy, figure), camera), camera, size))
        if recipe.least_visible <= cut.sum() / mask.sum() < 0.998:
            mask = cut
            applied.append(note)
    if rng.random() < recipe.edges:
        edges = [name for name, kind in KINDS.items() if kind == "edges"]
        note = _note(edges[int(rng.integers(len(edges)))], rng)
        mask = repeat(note, mask)
        applied.append(note)
    move, share = None, rng.random()
    for name, chance in recipe.moves:
        if 0 <= share < chance:
            note = _note(name, rng)
            move = repeat(note, mask)
            mask = move.pixels(mask)
            applied.append(note)
        share -= chance
    return Dressing(torch.from_numpy(np.ascontiguousarray(mask, np.float32)), applied, outfit.name, move)


def dress(
    anatomy: Anatomy,
    figure: Figure,
    camera: Camera,
    size: int,
    rng: np.random.Generator,
    recipe: Recipe = Recipe(),
    base: torch.Tensor | None = None,
) -> Dressing:
    """The silhouette of a figure as a character: dressed, faceted, hidden in part, its edge disturbed, or as it is.

    Only the mask changes. Layers and joints stay those of the body: an X-ray shows nothing of hair and cloth, is empty where the
    mask covers only them, and goes on behind an occluder. Where the frame moved, ``Dressing.move`` moves layers and joints along.

    Args:
        anatomy: The asset.
        figure: The posed body.
        camera: The view.
        size: Edge of the picture, pixels.
        rng: Source of all choices; the same state gives the same silhouette.
        recipe: How often what is done.
        base: float (S, S), the figure's own mask when it is known already.
    """
    outfit, wearer = design(anatomy, figure, rng, recipe)
    return draw(anatomy, figure, outfit, camera, size, rng, recipe, base, wearer)
