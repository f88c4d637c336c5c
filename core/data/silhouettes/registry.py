"""All augmentations of silhouettes by name and by what they do to the mask."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from maskel_core.data.silhouettes import (
    armour,
    carried,
    creature,
    draped,
    footwear,
    framing,
    garments,
    hair,
    headgear,
    picture,
    scene,
)

_ADDS: dict[ModuleType, tuple[str, ...]] = {
    hair: (
        "hair_short",
        "hair_bob",
        "hair_long",
        "hair_ponytail",
        "hair_twintails",
        "hair_braid",
        "hair_afro",
        "hair_bun",
        "hair_curls",
        "hair_spikes",
        "hair_mohawk",
        "beard",
    ),
    garments: (
        "tight_clothes",
        "shirt",
        "sweater",
        "trousers",
        "skirt",
        "skirt_pleated",
        "dress",
        "coat",
    ),
    draped: ("wide_sleeves", "robe", "cape"),
    footwear: ("shoes", "boots", "heels"),
    headgear: (
        "cap",
        "hat",
        "witch_hat",
        "beanie",
        "crown",
        "headphones",
        "helmet",
        "horns",
        "animal_ears",
    ),
    armour: ("breastplate", "pauldrons", "limb_armour", "hard_suit"),
    carried: (
        "sword",
        "staff",
        "axe",
        "gun",
        "shield",
        "bow",
        "handbag",
        "backpack",
        "shoulder_bag",
    ),
    creature: ("wings_feathered", "wings_bat", "tail"),
    scene: ("furniture",),
}
_OTHERS: dict[str, tuple[ModuleType, tuple[str, ...]]] = {
    "hides": (scene, ("hidden_by_box", "hidden_by_pole", "hidden_by_furniture")),
    "replaces": (scene, ("low_poly",)),
    "edges": (
        picture,
        (
            "soft_edge",
            "hard_edge",
            "grow",
            "shrink",
            "rough_edge",
            "low_resolution",
            "jpeg",
            "holes",
            "specks",
        ),
    ),
    "moves": (framing, ("place", "crop", "stretch")),
}

KINDS: dict[str, str] = {
    **{name: "adds" for names in _ADDS.values() for name in names},
    **{name: kind for kind, (_, names) in _OTHERS.items() for name in names},
}
"""What each does.

``adds``: (wearer, random, strength) to a surface of the character that joins the mask.
``hides``: (wearer, random, strength, camera) to a surface before the character that is cut out of the mask.
``replaces``: (wearer, random, strength) to a surface drawn in place of the skin.
``edges``: (mask, random, strength) to a mask in the same frame.
``moves``: (mask, random, strength) to a ``Move`` of mask, layers and joints.
"""

AUGMENTATIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(module, name) for module, names in _ADDS.items() for name in names},
    **{name: getattr(module, name) for module, names in _OTHERS.values() for name in names},
}
"""Every augmentation by name."""
