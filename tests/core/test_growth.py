"""Age in bones: growth plates, mineral, and the left side as the right one's image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from maskel_core.anatomy.age import PIECE_KINDS, mineral, nucleus_size, parameter_of, presence, years_of
from maskel_core.anatomy.asset import Anatomy, default_anatomy
from maskel_core.anatomy.figure import make_figure
from maskel_core.anatomy.joints import JOINT_NAMES
from maskel_core.anatomy.pose import Limb, Pose
from maskel_core.errors import MaskelError
from maskel_core.projection import Camera
from maskel_core.projection.attenuation import attenuation, layer_matrix
from maskel_core.projection.xray import project_figure


@pytest.fixture(scope="module")
def anatomy() -> Anatomy:
    return default_anatomy()


def person(years: float) -> dict[str, float]:
    return {
        "gender": 0.0,
        "age": parameter_of(years),
        "muscle": 0.5,
        "weight": 0.5,
        "height": 0.4,
        "proportions": 0.5,
    }


def knee_profile(anatomy: Anatomy, years: float) -> torch.Tensor:
    """Bone along the axis of the left leg from a third of the thigh to a third of the shank, 220 samples."""
    arm = Limb(abduction=0.3)
    figure = make_figure(anatomy, person(years), Pose("standing", (arm, arm)))
    place = {n: figure.landmarks[JOINT_NAMES.index(f"{n}_l")] for n in ("hip", "knee", "ankle")}
    leg = float((place["hip"] - place["ankle"]).norm())
    camera = Camera(target=tuple(place["knee"].tolist()), height=0.6 * leg)
    projection = project_figure(anatomy, figure, camera, 256)
    column = int(projection.joints[JOINT_NAMES.index("knee_l"), 0])
    return projection.bone[18:238, column - 6 : column + 7].mean(1)


def test_years_and_parameter_are_inverse() -> None:
    for years in (0.0, 0.5, 3.0, 9.0, 17.0, 40.0, 90.0):
        assert years_of(parameter_of(years)) == pytest.approx(years, abs=1e-9)


def test_mineral_rises_to_the_prime_and_falls() -> None:
    values = [mineral(y) for y in (0, 2, 8, 15, 30, 70, 90)]
    assert values[:5] == sorted(values[:5])
    assert values[4] > values[5] > values[6] > 0.7


def test_centres_grow_from_nothing_to_the_whole_end() -> None:
    appears, closes = torch.tensor([1.0]), torch.tensor([16.0])
    sizes = [float(nucleus_size(y, appears, closes)) for y in (0.5, 1.0, 4.0, 9.0, 15.5)]
    assert sizes[0] == 0
    assert sizes[1:] == sorted(sizes[1:])
    assert sizes[1] > 0.2
    assert sizes[-1] == 1


def test_grown_ups_have_no_pieces_of_growth(anatomy: Anatomy) -> None:
    there = presence(30.0, anatomy["piece.kind"], anatomy["piece.appears"], anatomy["piece.closes"])
    growing = (anatomy["piece.kind"] == PIECE_KINDS.index("plate")) | (
        anatomy["piece.kind"] == PIECE_KINDS.index("nucleus")
    )
    assert growing.sum() > 100
    assert there[growing].max() == 0
    assert there[anatomy["piece.kind"] == PIECE_KINDS.index("always")].min() == 1


def test_plates_open_dark_gaps_at_the_knee_of_a_child_only(anatomy: Anatomy) -> None:
    def gaps(years: float) -> int:
        profile = knee_profile(anatomy, years)
        dark = profile < 0.45 * profile.median()
        return int((dark[1:] & ~dark[:-1]).sum())

    assert gaps(30.0) <= 1
    assert gaps(8.0) >= 2


def test_an_infants_knee_is_mostly_cartilage(anatomy: Anatomy) -> None:
    def dark_share(years: float) -> float:
        profile = knee_profile(anatomy, years)
        return float((profile < 0.3 * profile.median()).float().mean())

    assert dark_share(0.6) > dark_share(8.0) > dark_share(30.0)


def test_growth_never_takes_more_bone_than_there_is(anatomy: Anatomy) -> None:
    arm = Limb(abduction=0.3)
    for years in (0.3, 4.0, 11.0, 15.0):
        figure = make_figure(anatomy, person(years), Pose("standing", (arm, arm)))
        centre = tuple(((figure.skin.amin(0) + figure.skin.amax(0)) / 2).tolist())
        height = float((figure.skin.amax(0) - figure.skin.amin(0)).max()) * 1.05
        camera = Camera(target=centre, height=height)
        pieces = presence(years, anatomy["piece.kind"], anatomy["piece.appears"], anatomy["piece.closes"])
        from maskel_core.projection import signed_thickness

        steps = torch.zeros(len(anatomy.names["tissues"]), 1)
        for name in ("cortical", "spongiosa"):
            steps[anatomy.names["tissues"].index(name)] = 1.0
        weight = (steps[anatomy["piece.inside"]] - steps[anatomy["piece.outside"]]) * pieces.unsqueeze(1)
        length = signed_thickness(
            camera.project(figure.bones, (256, 256)),
            anatomy["bone.faces"],
            (256, 256),
            perspective=False,
            weights=weight[anatomy["bone.face_piece"]],
        )[0]
        # Path through bone may fall below nothing only by what decimation moved a surface.
        assert length.min() > -0.0035 * height
        assert (length < -0.001 * height).float().mean() < 2e-3


def test_left_bones_are_exact_mirror_images(anatomy: Anatomy) -> None:
    names = anatomy.names["bones"]
    owner = anatomy["piece.bone"][anatomy["bone.vertex_piece"]]
    for bone in ("femur", "scapula", "rib5"):
        right = anatomy["bone.vertices"][owner == names.index(f"{bone}_r")]
        left = anatomy["bone.vertices"][owner == names.index(f"{bone}_l")]
        assert len(right) > 100
        assert torch.equal(left, right * torch.tensor([-1.0, 1.0, 1.0]))


def test_attenuation_reproduces_the_tables_and_interpolates(anatomy: Anatomy) -> None:
    names = anatomy.names["tissues"]
    # Per metre at 65 and 40 keV (NIST, Elam): muscle 20.7 and 28.2; lung and cortical bone by their composition.
    assert float(attenuation(anatomy, 40.0)[names.index("muscle")]) == pytest.approx(28.2, rel=0.01)
    assert float(attenuation(anatomy, 65.0)[names.index("muscle")]) == pytest.approx(20.7, rel=0.01)
    assert float(attenuation(anatomy, 65.0)[names.index("cortical")]) == pytest.approx(53.1, rel=0.05)
    with pytest.raises(MaskelError) as wrong:
        attenuation(anatomy, 500.0)
    assert wrong.value.code == "bad_energy"


def test_bone_fades_faster_than_flesh_with_energy(anatomy: Anatomy) -> None:
    layers = layer_matrix(anatomy, (40.0, 70.0), 30.0)
    names = anatomy.names["tissues"]
    bone, flesh = names.index("cortical"), names.index("muscle")
    assert layers[bone, 0] / layers[bone, 2] > 1.7 * (layers[flesh, 1] / layers[flesh, 3])
    assert layers[bone, 1] == 0
    assert layers[flesh, 0] == 0


def test_energies_come_as_pairs_of_layers(anatomy: Anatomy) -> None:
    arm = Limb(abduction=0.3)
    figure = make_figure(anatomy, person(30), Pose("standing", (arm, arm)))
    centre = tuple(((figure.skin.amin(0) + figure.skin.amax(0)) / 2).tolist())
    projection = project_figure(anatomy, figure, Camera(target=centre, height=2.0), 96, energies=(40.0, 70.0))
    assert projection.energies.shape == (2, 2, 96, 96)
    assert torch.equal(projection.energies[0, 0], projection.bone)
    inside = projection.bone > 0.3
    ratio = (projection.energies[0, 0] / projection.energies[1, 0])[inside]
    assert 1.9 < float(ratio.median()) < 3.2
    assert np.isfinite(projection.energies.numpy()).all()
