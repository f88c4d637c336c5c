"""Fat and the tissues of whole bodies against reference figures."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from maskel_core.anatomy.age import parameter_of
from maskel_core.anatomy.asset import Anatomy, default_anatomy
from maskel_core.anatomy.cavities import Cavities, cavities
from maskel_core.anatomy.fat import body_fat, layer_factors, muscle_surface, volume
from maskel_core.anatomy.figure import Figure, make_figure, sample_figure
from maskel_core.anatomy.hollows import closed_skin
from maskel_core.anatomy.joints import JOINT_NAMES
from maskel_core.anatomy.pose import Limb, Pose
from maskel_core.projection import Camera
from maskel_core.projection.attenuation import attenuation
from maskel_core.projection.rasterise import signed_thickness
from maskel_core.projection.xray import project_tissues


@pytest.fixture(scope="module")
def anatomy() -> Anatomy:
    return default_anatomy()


def person(anatomy: Anatomy, years: float, **changes: float) -> Figure:
    arm = Limb(abduction=0.3)
    traits = {"gender": 0.0, "muscle": 0.5, "weight": 0.5, "height": 0.4, "proportions": 0.5, **changes}
    return make_figure(anatomy, {**traits, "age": parameter_of(years)}, Pose("standing", (arm, arm)))


def litres(anatomy: Anatomy, figure: Figure) -> dict[str, float]:
    centre = tuple(((figure.skin.amin(0) + figure.skin.amax(0)) / 2).tolist())
    height = float((figure.skin.amax(0) - figure.skin.amin(0)).max()) * 1.05
    lengths = project_tissues(anatomy, figure, Camera(target=centre, height=height), 256).lengths
    pixel = (height / 256) ** 2
    return {n: float(v.sum()) * pixel * 1e3 for n, v in zip(anatomy.names["tissues"], lengths, strict=True)}


def test_fat_follows_build_age_and_sex() -> None:
    assert body_fat(22.0, 30.0, 0.0) > body_fat(22.0, 30.0, 1.0) + 0.09
    assert body_fat(30.0, 30.0, 1.0) > body_fat(22.0, 30.0, 1.0)
    assert body_fat(24.0, 70.0, 1.0) > body_fat(24.0, 30.0, 1.0)
    # Deurenberg's own worked values: a man of 30 with 25 kg/m2 has 20.7 %, a boy of 10 with 17 kg/m2 has 16.5 %.
    assert float(body_fat(25.0, 30.0, 1.0)) == pytest.approx(0.207, abs=0.001)
    assert float(body_fat(17.0, 10.0, 1.0)) == pytest.approx(0.165, abs=0.001)


def test_volume_of_a_box() -> None:
    corners = torch.tensor([[x, y, z] for x in (0.0, 1.0) for y in (0.0, 2.0) for z in (0.0, 3.0)]) + 5
    trimesh = pytest.importorskip("trimesh")
    hull = trimesh.convex.convex_hull(corners.numpy())
    assert float(volume(torch.tensor(hull.vertices), torch.tensor(hull.faces))) == pytest.approx(6.0)


@pytest.mark.parametrize("years", [0.1, 6.0, 30.0, 80.0])
def test_the_layer_under_the_skin_holds_the_fat_it_should(anatomy: Anatomy, years: float) -> None:
    figure = person(anatomy, years)
    rest = figure.shape.vertices[0]
    stature = float(rest[:, 2].max() - rest[:, 2].min())
    faces = anatomy["body.faces"]
    inner = muscle_surface(anatomy, figure.skin, stature, years, 1.0)
    whole = float(volume(figure.skin, faces))
    mass = whole * 1040
    fat = (whole - float(volume(inner, faces))) * 900 / mass
    assert fat == pytest.approx(0.8 * float(body_fat(mass / stature**2, years, 1.0)), rel=0.03)
    depth = (inner - figure.skin).norm(dim=1) / stature
    assert depth.max() < 0.02
    assert depth[layer_factors(anatomy) < 0.13].max() < 0.25 * depth.max()


def test_a_mans_tissues_have_the_volumes_of_the_reference_man(anatomy: Anatomy) -> None:
    found = litres(anatomy, person(anatomy, 30.0))
    # ICRP publication 89: brain 1.45 kg, lungs with blood and air 3 to 5 l, cortical bone 2.3 l, teeth 46 g.
    assert 1.1 < found["brain"] < 1.8
    assert 1.8 < found["lung"] < 6.0
    assert 1.4 < found["cortical"] < 3.2
    assert 0.008 < found["tooth"] < 0.06
    assert 8.0 < found["fat"] < 20.0
    assert 60.0 < sum(found.values()) < 85.0


def test_children_have_a_larger_share_of_brain(anatomy: Anatomy) -> None:
    child, man = litres(anatomy, person(anatomy, 2.0)), litres(anatomy, person(anatomy, 30.0))
    assert child["brain"] / sum(child.values()) > 2 * man["brain"] / sum(man.values())


@pytest.mark.parametrize(
    ("tissue", "density", "values"),
    [
        ("cortical", 1.92, (0.6655, 0.3148, 0.2229)),
        ("muscle", 1.05, (0.2688, 0.2048, 0.1823)),
        ("fat", 0.95, (0.2396, 0.1974, 0.1800)),
        ("brain", 1.04, (0.2717, 0.2058, 0.1831)),
        ("lung", 0.26, (0.2699, 0.2053, 0.1826)),
    ],
)
def test_attenuation_agrees_with_nist(
    anatomy: Anatomy, tissue: str, density: float, values: tuple[float, float, float]
) -> None:
    # Hubbell & Seltzer, NISTIR 5632: mass attenuation of the ICRU 44 tissues at 40, 60 and 80 keV, cm2/g.
    row = anatomy.names["tissues"].index(tissue)
    for energy, value in zip((40.0, 60.0, 80.0), values, strict=True):
        assert float(attenuation(anatomy, energy)[row]) == pytest.approx(100 * density * value, rel=0.015)


def test_soft_tissues_come_in_the_order_of_a_radiograph(anatomy: Anatomy) -> None:
    mu = dict(zip(anatomy.names["tissues"], attenuation(anatomy, 60.0).tolist(), strict=True))
    order = ["air", "lung", "fat", "muscle", "cartilage", "spongiosa", "cortical", "tooth"]
    assert all(mu[a] < mu[b] for a, b in pairwise(order))


AIRWAY = 5
"""Closed surfaces of an airway: pharynx with trachea, two bronchi, two sides of the nose."""


def closed_parts(cavities: Cavities) -> list[float]:
    """Volume of each closed surface, ml; fails when one is open."""
    trimesh = pytest.importorskip("trimesh")
    mesh = trimesh.Trimesh(cavities.points.numpy(), cavities.faces.numpy(), process=False)
    assert mesh.is_watertight
    return [float(part.volume) * 1e6 for part in mesh.split()]


@pytest.mark.parametrize("seed", range(4))
def test_air_lies_in_closed_surfaces_of_anatomical_size_inside_the_body(anatomy: Anatomy, seed: int) -> None:
    trimesh = pytest.importorskip("trimesh")
    figure = person(anatomy, 30.0)
    parts = closed_parts(cavities(anatomy, figure.skin, figure.bones, seed))
    assert min(parts) > 0.01
    # The airway from the palate to the bronchi; then gas: a few to two hundred millilitres.
    assert 30.0 < parts[0] < 80.0
    assert all(2.0 < nose < 10.0 for nose in parts[3:AIRWAY])
    assert 3.0 < sum(parts[AIRWAY:]) < 250.0
    skin = closed_skin(anatomy, figure.skin).numpy()
    air = cavities(anatomy, figure.skin, figure.bones, seed).points.numpy()
    distance = trimesh.proximity.ProximityQuery(
        trimesh.Trimesh(skin, anatomy["body.faces"].numpy(), process=False)
    )
    assert distance.vertex(air)[0].min() > 0.006
    assert (skin.min(0) < air.min(0)).all()
    assert (skin.max(0) > air.max(0)).all()


BESIDE_GAS = ("hip_bone", "rib", "lung", "sacrum", "l1", "l2", "l3", "l4", "l5")
BESIDE_AIRWAY = (
    "skull",
    "mandible",
    "hyoid",
    "c1",
    "c2",
    "c3",
    "c4",
    "c5",
    "c6",
    "c7",
    "t1",
    "t2",
    "t3",
    "t4",
)


def test_air_stays_in_the_body_and_out_of_the_bones(anatomy: Anatomy) -> None:
    trimesh = pytest.importorskip("trimesh")
    pytest.importorskip("embreex")

    def outer(names: tuple[str, ...]) -> np.ndarray:
        bones = [i for i, name in enumerate(anatomy.names["bones"]) if name.startswith(names)]
        pieces = torch.tensor([int((anatomy["piece.bone"] == i).nonzero()[0]) for i in bones])
        return anatomy["bone.faces"][torch.isin(anatomy["bone.face_piece"], pieces)].numpy()

    def share(points: np.ndarray, vertices: torch.Tensor, faces: np.ndarray) -> float:
        return float(trimesh.Trimesh(vertices.numpy(), faces, process=False).contains(points).mean())

    airway = len(cavities_of(anatomy, person(anatomy, 30.0), None).points)
    astray = []
    for seed in range(6):
        figure = sample_figure(anatomy, np.random.default_rng([7, seed]), np.random.default_rng([8, seed]))
        air, gas = np.split(cavities_of(anatomy, figure, seed).points.numpy(), [airway])
        skin = closed_skin(anatomy, figure.skin)
        faces = anatomy["body.faces"].numpy()
        astray.append(
            (
                share(gas, figure.bones, outer(BESIDE_GAS)),
                1 - share(gas, skin, faces),
                share(air, figure.bones, outer(BESIDE_AIRWAY)),
                1 - share(air, skin, faces),
            )
        )
    # The air in the nose touches the walls of the nose.
    assert (np.mean(astray, axis=0) < (0.02, 0.005, 0.06, 0.005)).all(), np.round(astray, 3)


def cavities_of(anatomy: Anatomy, figure: Figure, seed: int | None) -> Cavities:
    return cavities(anatomy, figure.skin, figure.bones, seed)


def test_gas_is_the_same_for_the_same_seed(anatomy: Anatomy) -> None:
    figure = person(anatomy, 30.0)
    one, other = (cavities_of(anatomy, figure, 5).points for _ in range(2))
    assert torch.equal(one, other)
    assert len(cavities_of(anatomy, figure, None).points) < len(one)
    volumes = [sum(closed_parts(cavities_of(anatomy, figure, seed))[AIRWAY:]) for seed in range(12)]
    assert 20.0 < float(np.median(volumes)) < 160.0


def test_airway_is_as_wide_as_a_trachea_and_scales_with_age(anatomy: Anatomy) -> None:
    sizes = {}
    for years in (0.1, 5.0, 30.0):
        figure = person(anatomy, years)
        sizes[years] = closed_parts(cavities_of(anatomy, figure, None))[0]
    assert sizes[0.1] < 0.06 * sizes[30.0]
    assert sizes[0.1] < sizes[5.0] < sizes[30.0]


def test_the_windpipe_shows_as_a_column_of_air(anatomy: Anatomy) -> None:
    figure = person(anatomy, 30.0)
    c7 = figure.landmarks[JOINT_NAMES.index("c7")].tolist()
    lengths = project_tissues(anatomy, figure, Camera(target=tuple(c7), height=0.2), 200).lengths
    air = lengths[anatomy.names["tissues"].index("air"), 100]
    wide = float((air > 0.003).sum()) * 1e-3
    # Gray: 18 mm wide and as deep, in the middle.
    assert 0.014 < wide < 0.024
    assert 0.013 < float(air.max()) < 0.024
    assert abs(float((air > 0.003).nonzero().float().mean()) - 99.5) < 3.0


def test_closed_lips_and_lids_hide_no_air(anatomy: Anatomy) -> None:
    trimesh = pytest.importorskip("trimesh")
    template, faces = anatomy["body.template"], anatomy["body.faces"]
    closed = closed_skin(anatomy, template)
    assert trimesh.Trimesh(closed.numpy(), faces.numpy(), process=False).is_watertight
    # A mouth of about 200 ml and two eyeballs.
    gained = float(volume(closed, faces) - volume(template, faces)) * 1e6
    assert 120.0 < gained < 300.0
    moved = (closed != template).any(1)
    assert float(template[moved][:, 2].min()) > float(template[:, 2].max()) - 0.2
    # From outside nothing changes.
    square, flat = (300, 300), Camera(target=tuple(template.mean(0).tolist()), height=1.1)
    seen = [
        signed_thickness(flat.project(v, square), faces, square, perspective=False)[0] > 1e-6
        for v in (template, closed)
    ]
    assert torch.equal(*seen)
