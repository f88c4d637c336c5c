"""Every augmentation by itself: seeded, named, and doing to the mask what its name says."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import torch
from maskel_core.anatomy.age import parameter_of
from maskel_core.anatomy.asset import default_anatomy
from maskel_core.anatomy.figure import Figure, make_figure
from maskel_core.anatomy.pose import Limb, Pose
from maskel_core.data.silhouettes import AUGMENTATIONS, KINDS, OUTFITS, repeat
from maskel_core.data.silhouettes.outline import silhouette
from maskel_core.data.silhouettes.shapes import Surface, box
from maskel_core.data.silhouettes.sheet import framing
from maskel_core.data.silhouettes.wearer import Wearer
from maskel_core.projection.camera import Camera
from scipy import ndimage
from scipy.spatial import cKDTree

SIZE = 128
PERSON = {
    "gender": 0.5,
    "age": parameter_of(30.0),
    "muscle": 0.5,
    "weight": 0.5,
    "height": 0.5,
    "proportions": 0.5,
}
OF_KIND = {kind: [n for n, k in KINDS.items() if k == kind] for kind in set(KINDS.values())}
FLIP = np.array([-1.0, 1.0, 1.0])


def figure_in(pose: Pose) -> Figure:
    with torch.inference_mode():
        return make_figure(default_anatomy(), PERSON, pose)


@functools.cache
def wearer(pose: str = "arms out") -> Wearer:
    out, apart = Limb(abduction=0.7), Limb(abduction=0.12)
    poses = {
        "arms out": Pose("test", (out, out), (apart, apart)),
        "stride": Pose(
            "test", (Limb(0.5, 0.4, 0, 0.6), Limb(-0.4, 0.3)), (Limb(-0.3), Limb(0.5, 0.1, 0, 0.4))
        ),
        "mirrored stride": Pose(
            "test", (Limb(-0.4, 0.3), Limb(0.5, 0.4, 0, 0.6)), (Limb(0.5, 0.1, 0, 0.4), Limb(-0.3))
        ),
        "lying": Pose(
            "test", (out, out), (apart, apart), root=torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
        ),
        "seated": Pose("test", (out, out), (Limb(1.5, 0.1, 0, 1.5), Limb(1.5, 0.1, 0, 1.5))),
    }
    return Wearer(default_anatomy(), figure_in(poses[pose]))


@functools.cache
def view(yaw: float = 0.0) -> Camera:
    """Room for wings and staffs beside the body."""
    return framing(wearer().skin, yaw, 1.7)


@functools.cache
def body(yaw: float = 0.0) -> np.ndarray:
    return silhouette(Surface(wearer().skin, wearer().faces), view(yaw), SIZE)


def surface(name: str, strength: float = 0.6, seed: int = 1, on: str = "arms out", *more: Any) -> Surface:
    return repeat({"name": name, "strength": strength, "seed": seed}, wearer(on), *more)


def mask(name: str, strength: float = 0.6, seed: int = 1, yaw: float = 0.0) -> np.ndarray:
    """The body's mask after an augmentation of any kind."""
    kind = KINDS[name]
    if kind == "adds":
        return np.maximum(body(yaw), silhouette(surface(name, strength, seed), view(yaw), SIZE))
    if kind == "hides":
        hidden = surface(name, strength, seed, "arms out", view(yaw))
        return body(yaw) * (1 - silhouette(hidden, view(yaw), SIZE))
    if kind == "replaces":
        return silhouette(surface(name, strength, seed), view(yaw), SIZE)
    made = repeat({"name": name, "strength": strength, "seed": seed}, body(yaw))
    return made.pixels(body(yaw)) if kind == "moves" else made


def zone(points: np.ndarray) -> np.ndarray:
    """Weights of added pixels: x and z in the world of a front view's pixels, and how much was added there."""
    camera = view()
    rows, columns = np.mgrid[:SIZE, :SIZE]
    step = camera.height / SIZE
    x = camera.target[0] + (columns - (SIZE - 1) / 2) * step
    z = camera.target[2] - (rows - (SIZE - 1) / 2) * step
    return np.stack([x, z, points], -1)


def level(landmark: str) -> float:
    return float(wearer().landmark(landmark)[2])


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_seed_decides(name: str) -> None:
    assert AUGMENTATIONS[name].__name__ == name
    assert KINDS[name] in {"adds", "hides", "replaces", "edges", "moves"}
    assert len(AUGMENTATIONS[name].__doc__ or "") > 20
    one, again, other = (mask(name, 0.6, seed) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert np.abs(one - other).max() > 0.01
    assert one.dtype == np.float32
    assert one.min() >= 0
    assert one.max() <= 1


def test_outfits_wear_what_there_is() -> None:
    worn = {name for _, choices in OUTFITS.values() for _, names in choices for name in names}
    assert worn <= set(OF_KIND["adds"])
    # Furniture comes by its own chance, whatever is worn.
    assert set(OF_KIND["adds"]) - worn == {"furniture"}


ON_THE_HEAD = [n for n in OF_KIND["adds"] if AUGMENTATIONS[n].__module__.endswith(("headgear", "hair"))]
LONG = {"hair_long", "hair_ponytail", "hair_twintails", "hair_braid", "hair_curls", "beard"}
TOP, FLOOR = 10.0, -10.0


def where(name: str) -> tuple[float, float]:
    """Lowest and highest world z of what an augmentation adds; at least nine tenths of it lies there."""
    if name in ON_THE_HEAD:
        return level("shoulder_l") - 0.1 if name not in LONG else level("l5"), TOP
    return {
        "shoes": (FLOOR, level("knee_l")),
        "boots": (FLOOR, level("knee_l") + 0.15),
        "heels": (FLOOR, level("ankle_l") + 0.05),
        "trousers": (FLOOR, level("l5") + 0.05),
        "skirt": (FLOOR, level("l1")),
        "skirt_pleated": (FLOOR, level("l1")),
        "shirt": (level("hip_l") - 0.15, level("jaw")),
        "sweater": (level("hip_l") - 0.15, level("jaw")),
        "breastplate": (level("knee_l"), level("jaw")),
        "pauldrons": (level("l1"), TOP),
        "wide_sleeves": (level("knee_l"), level("shoulder_l") + 0.15),
        "backpack": (level("hip_l"), TOP),
        "shoulder_bag": (level("knee_l"), TOP),
        "cape": (FLOOR, level("jaw")),
        "robe": (FLOOR, level("jaw")),
        "dress": (FLOOR, level("jaw")),
        "coat": (FLOOR, level("head")),
        "tail": (FLOOR, level("t6")),
        "wings_feathered": (level("knee_l"), TOP),
        "wings_bat": (level("knee_l"), TOP),
        "furniture": (FLOOR, level("knee_l")),
    }.get(name, (FLOOR, TOP))


@pytest.mark.parametrize("name", OF_KIND["adds"])
def test_what_is_worn_adds_where_it_is_worn(name: str) -> None:
    low, high = where(name)
    shares = []
    for seed in (1, 2, 3):
        made = [mask(name, 0.7, seed, yaw) for yaw in (0.0, 90.0)]
        for after, yaw in zip(made, (0.0, 90.0), strict=True):
            assert (after >= body(yaw)).all()
        added = made[0] - body()
        x, z, weight = np.moveaxis(zone(added), -1, 0)
        shares.append(
            max(float((m - body(y)).sum() / body(y).sum()) for m, y in zip(made, (0.0, 90.0), strict=True))
        )
        within = weight[(z > low) & (z < high)].sum()
        assert within >= 0.9 * weight.sum(), f"{within / weight.sum():.2f} of {name}, seed {seed}"
        if name == "wide_sleeves":
            assert weight[np.abs(x) > abs(wearer().landmark("shoulder_l")[0])].sum() > 0.9 * weight.sum()
    # Of the body's area: skin-tight clothes and an empty holster add little, wings and gowns much.
    assert 0.002 < np.median(shares) < 2.5


@pytest.mark.parametrize("name", [n for n in ON_THE_HEAD if n != "beard"])
def test_hair_and_hats_stand_above_the_crown(name: str) -> None:
    head = wearer().skin[wearer().share("head") > 0.5]
    for seed in (1, 2, 3):
        made = surface(name, 0.5, seed)
        rise = made.points[:, 2].max() - head[:, 2].max()
        # Elves' ears leave the crown bare; a mohawk or a witch's hat is half a head or more.
        assert rise > (0.002 if name != "animal_ears" else -0.15)
        assert rise < 0.75
        near = np.linalg.norm(made.points - head.mean(0), axis=1).min()
        assert near < 0.15


@pytest.mark.parametrize("name", ["shoes", "boots", "heels"])
def test_soles_raise_the_character(name: str) -> None:
    rises = [wearer().skin[:, 2].min() - surface(name, s, 4).points[:, 2].min() for s in (0.0, 1.0)]
    assert 0.003 < rises[0] < rises[1] < 0.13 or name == "boots"
    assert min(rises) > 0.003
    assert max(rises) < 0.13


@pytest.mark.parametrize("name", ["backpack", "tail", "wings_feathered", "wings_bat"])
def test_what_hangs_behind_is_behind(name: str) -> None:
    made = surface(name, 0.6, 2).points
    trunk = wearer().within("trunk")
    assert np.median(made[:, 1]) > np.median(trunk[:, 1]) + 0.05
    assert made[:, 1].max() > trunk[:, 1].max() + 0.05


@pytest.mark.parametrize("name", ["sword", "staff", "axe", "gun", "shield", "bow", "handbag"])
def test_what_is_held_is_in_a_hand(name: str) -> None:
    # A shield is strapped to the forearm.
    regions = ("arm_l", "arm_r") if name == "shield" else ("hand_l", "hand_r")
    hands = wearer().skin[wearer().share(*regions) > 0.9]
    for seed in range(6):
        held = surface(name, 0.4, seed)
        a, b, _ = np.moveaxis(held.points[held.faces], 1, 0)
        made = (a + (b - a) * np.linspace(0, 1, 12)[:, None, None]).reshape(-1, 3)
        assert cKDTree(hands).query(made)[0].min() < 0.03


def test_a_chair_stands_on_the_floor_under_the_pelvis() -> None:
    made, sitter = surface("furniture", 0.5, 3, "seated").points, wearer("seated")
    assert made[:, 2].min() == pytest.approx(sitter.skin[:, 2].min(), abs=0.03)
    seat = made[np.abs(made[:, 2] - sitter.landmark("pelvis")[2]) < 0.2]
    assert len(seat) > 8
    assert np.abs(seat[:, :2] - sitter.landmark("pelvis")[:2]).max() < 0.5


@pytest.mark.parametrize("name", ["hair_long", "hair_ponytail", "skirt", "dress", "coat", "robe", "cape"])
def test_what_hangs_lies_on_the_ground_with_who_lies(name: str) -> None:
    lying = wearer("lying")
    assert lying.upright == pytest.approx(0.0, abs=0.2)
    assert np.ptp(lying.skin[:, 2]) < 0.5
    for seed in range(3):
        made = surface(name, 0.8, seed, "lying").points
        # Strands and sleeves have a thickness, and may dip by that.
        assert made[:, 2].min() > lying.ground - 0.07
        assert made[:, 2].max() < lying.skin[:, 2].max() + 0.12
    bed = surface("furniture", 0.5, 2, "lying").points
    assert bed[:, 2].max() == pytest.approx(lying.ground, abs=1e-6)
    assert (bed[:, :2].min(0) < lying.skin[:, :2].min(0) + 0.01).all()
    assert (bed[:, :2].max(0) > lying.skin[:, :2].max(0) - 0.01).all()


@pytest.mark.parametrize("name", OF_KIND["adds"])
def test_strength_makes_more_of_it(name: str) -> None:
    def added(strength: float) -> float:
        return float(sum((mask(name, strength, s, 45.0) - body(45.0)).sum() for s in range(4)))

    assert added(0.95) > 1.08 * added(0.05)


@pytest.mark.parametrize("name", OF_KIND["adds"])
def test_edges_of_what_is_worn_are_anti_aliased(name: str) -> None:
    made = silhouette(surface(name, 0.6, 1), view(), SIZE)
    inside = made >= 0.5
    outline = inside ^ ndimage.binary_erosion(inside)
    grey = (made > 0.02) & (made < 0.98)
    assert (grey & ndimage.binary_dilation(outline, iterations=2)).sum() > 0.5 * outline.sum()
    if not name.startswith(("hair", "beard", "wings")):
        # And hardly anywhere else: only strands and feathers leave gaps within.
        deep = ndimage.binary_erosion(inside, iterations=3)
        assert (grey & deep).sum() <= 0.01 * max(deep.sum(), 1)


def test_the_outline_covers_the_area_it_should() -> None:
    camera = Camera(target=(0.0, 0.0, 0.0), height=1.0)
    for wide, shift in ((0.3, 0.0), (0.111, 0.0173), (0.4567, 0.003)):
        made = silhouette(box([shift, 0.0, shift], [wide, 0.1, wide]), camera, 64)
        assert made.sum() / 64**2 == pytest.approx(4 * wide**2, rel=0.02)
        rows, columns = np.mgrid[:64, :64]
        assert (made * columns).sum() / made.sum() == pytest.approx(31.5 + 64 * shift, abs=0.13)
        assert (made * rows).sum() / made.sum() == pytest.approx(31.5 - 64 * shift, abs=0.13)


@pytest.mark.parametrize("name", OF_KIND["hides"])
def test_occluders_take_away_and_add_nothing(name: str) -> None:
    lost = []
    for seed in range(10):
        for yaw in (0.0, 70.0):
            made = mask(name, 0.6, seed, yaw)
            assert (made <= body(yaw) + 1e-6).all()
            lost.append(1 - float(made.sum() / body(yaw).sum()))
    assert min(lost) > 0.002
    assert 0.02 < np.median(lost) < 0.45


def test_facets_keep_the_body_with_fewer_corners() -> None:
    coarse, fine = surface("low_poly", 1.0), surface("low_poly", 0.0)
    assert len(coarse.points) < 0.2 * len(fine.points) < 0.2 * len(wearer().skin)
    shared = [np.minimum(mask("low_poly", s), body()).sum() / body().sum() for s in (0.0, 1.0)]
    assert shared[0] > 0.97
    assert 0.8 < shared[1] < shared[0]


MIRRORED = ["tight_clothes", "shoes", "heels", "headphones", "hard_suit", "limb_armour", "hair_afro", "crown"]
MIRRORED += ["trousers", "beanie", "pauldrons", "breastplate"]


@pytest.mark.parametrize("name", MIRRORED)
def test_a_mirrored_figure_wears_it_mirrored(name: str) -> None:
    def seen(on: str, flip: bool) -> np.ndarray:
        skin, worn = wearer(on).skin, surface(name, 0.6, 5, on)
        turn = FLIP if flip else np.ones(3)
        both = [
            silhouette(Surface(s * turn, f), camera, 192)
            for s, f in ((skin, wearer().faces), (worn.points, worn.faces))
        ]
        return np.maximum(*both)

    camera = framing(wearer("stride").skin, 0.0, 1.3)
    one, other = seen("stride", False), seen("mirrored stride", True)
    # Creases and fuzz keep to the seed, not to the side.
    assert np.abs(one - other).sum() < 0.03 * one.sum()
    assert np.abs(one - one[:, ::-1]).sum() > 0.1 * one.sum()


def test_edges_change_as_they_are_called() -> None:
    plain = body()
    near = ndimage.binary_dilation(plain > 0.5, iterations=4) & ~ndimage.binary_erosion(
        plain > 0.5, iterations=4
    )

    def grey(picture: np.ndarray) -> int:
        return int(((picture > 0.05) & (picture < 0.95)).sum())

    assert grey(mask("soft_edge", 1.0)) > 1.5 * grey(plain)
    assert set(np.unique(mask("hard_edge", 1.0)).tolist()) == {0.0, 1.0}
    assert (mask("grow", 1.0) >= plain).all() and mask("grow", 1.0).sum() > 1.02 * plain.sum()
    assert (mask("shrink", 1.0) <= plain).all() and mask("shrink", 1.0).sum() < 0.98 * plain.sum()
    for name in ("soft_edge", "hard_edge", "grow", "shrink", "rough_edge"):
        change = np.abs(mask(name, 0.8) - plain)
        assert change.max() > 0.1
        assert change[~near].max() < 0.05
    assert (mask("holes", 0.8) <= plain).all()
    assert plain[mask("holes", 0.8) < plain - 0.5].min() > 0.5
    specks = mask("specks", 0.8)
    assert (specks >= plain).all()
    assert ndimage.label(specks > 0.5)[1] > ndimage.label(plain > 0.5)[1]
    ringing = np.abs(mask("jpeg", 1.0) - plain)
    assert 0.001 < ringing.mean() < 0.04


def test_low_resolution_goes_down_to_eight_per_cent_of_the_frame() -> None:
    def pixels(strength: float, seed: int) -> float:
        """Side of the coarse pixels: the frame over how many different columns there are."""
        made = mask("low_resolution", strength, seed)
        return SIZE / (1 + int((np.abs(np.diff(made, axis=1)).max(0) > 1e-6).sum()))

    blocks = max(pixels(1.0, seed) for seed in range(8))
    assert blocks > 4
    mean = [np.abs(mask("low_resolution", s, 2) - body()).mean() for s in (0.0, 0.5, 1.0)]
    assert mean[0] < mean[1] < mean[2] < 0.1
    assert mask("low_resolution", 1.0).sum() == pytest.approx(body().sum(), rel=0.05)


def extent(picture: np.ndarray, axis: int) -> float:
    """Height (axis 1) or width (axis 0) of a mask, pixels."""
    return float(np.ptp(np.flatnonzero(picture.max(axis) > 0.3))) + 1


def test_place_goes_from_eight_per_cent_to_the_whole_frame() -> None:
    shares, left, top = [], [], []
    for seed in range(160):
        move = repeat({"name": "place", "strength": 1.0, "seed": seed}, body())
        made = move.pixels(body())
        shares.append(np.sqrt(made.sum() / body().sum()) * extent(body(), 1) / SIZE)
        rows, columns = np.nonzero(made > 0.3)
        left.append(columns.min())
        top.append(rows.min())
        before, after = (ndimage.center_of_mass(m)[::-1] for m in (body(), made))
        assert move.points(np.array(before)) == pytest.approx(after, abs=0.15)
    assert 0.07 < min(shares) < 0.10
    assert 0.93 < max(shares) <= 1.0
    assert np.std(left) > 10 and np.std(top) > 10


def test_crop_cuts_at_one_side_of_the_frame() -> None:
    sides = set()
    for seed in range(24):
        move = repeat({"name": "crop", "strength": 0.8, "seed": seed}, body())
        made = move.pixels(body())
        kept = made.sum() / body().sum()
        assert 0.2 < kept < 1.0
        touched = [e.max() > 0.5 for e in (made[-1], made[0], made[:, 0], made[:, -1])]
        assert sum(touched) == 1
        sides.add(touched.index(True))
        # By whole pixels: what is left is the same, bit for bit.
        values = np.unique(made[made > 0])
        assert np.isin(values, body()).all()
    assert sides == {0, 1, 2, 3}


def test_stretch_changes_the_width_alone() -> None:
    factors = []
    for seed in range(20):
        move = repeat({"name": "stretch", "strength": 1.0, "seed": seed}, body())
        made = move.pixels(body())
        assert extent(made, 1) == extent(body(), 1)
        assert made.sum() / body().sum() == pytest.approx(move.scale[0], rel=0.01)
        factors.append(move.scale[0])
    assert 0.92 < min(factors) < 0.97
    assert 1.03 < max(factors) < 1.09


def test_line_integrals_keep_their_values_when_the_frame_moves() -> None:
    disc = np.hypot(*(np.mgrid[:SIZE, :SIZE] - 63.5)) < 50
    layers = np.stack([disc * 3.0, disc * 7.0]).astype(np.float32)
    for name, seed in (("place", 3), ("stretch", 4), ("crop", 5)):
        moved = repeat({"name": name, "strength": 0.5, "seed": seed}, disc.astype(np.float32)).pixels(layers)
        assert moved[0].max() == pytest.approx(3.0, rel=1e-3)
        assert moved[1].max() == pytest.approx(7.0, rel=1e-3)
