"""The asset and what is made of it: closed bones, under the skin, jointed, mirrored."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from maskel_core.anatomy.asset import ASSET_PATH, Anatomy, default_anatomy, read_anatomy
from maskel_core.anatomy.body import rest_shape, shape_coefficients
from maskel_core.anatomy.character import export_character
from maskel_core.anatomy.figure import Figure, make_figure, sample_figure
from maskel_core.anatomy.joints import JOINT_NAMES, MIRRORED
from maskel_core.anatomy.pose import Limb, Pose
from maskel_core.anatomy.pose_library import POSE_CLASSES
from maskel_core.errors import MaskelError
from maskel_core.projection import Camera
from maskel_core.projection.xray import project_figure

ADULT = {"gender": 0.0, "age": 0.68, "muscle": 0.5, "weight": 0.5, "height": 0.4, "proportions": 0.5}


@pytest.fixture(scope="module")
def anatomy() -> Anatomy:
    return default_anatomy()


def standing(anatomy: Anatomy, **changes: float) -> Figure:
    arm = Limb(abduction=0.2, bend=0.1)
    return make_figure(anatomy, {**ADULT, **changes}, Pose("standing", (arm, arm)))


def joint(figure: Figure, name: str) -> torch.Tensor:
    return figure.landmarks[JOINT_NAMES.index(name)]


def test_asset_is_small_enough_to_ship() -> None:
    assert ASSET_PATH.stat().st_size < 16 * 2**20


def test_every_surface_is_closed(anatomy: Anatomy) -> None:
    for key in ("body.faces", "bone.faces"):
        faces = anatomy[key].numpy()
        edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
        sign = np.where(edges[:, 0] < edges[:, 1], 1, -1) * (edges[:, 0] != edges[:, 1])
        keys = edges.min(1) * (faces.max() + 1) + edges.max(1)
        _, index = np.unique(keys, return_inverse=True)
        assert not np.bincount(index, weights=sign).any(), key


def test_missing_and_damaged_assets_say_so(tmp_path) -> None:
    with pytest.raises(MaskelError) as missing:
        read_anatomy(tmp_path / "none.safetensors")
    assert missing.value.code == "asset_missing"
    (tmp_path / "bad.safetensors").write_bytes(b"not a file of tensors")
    with pytest.raises(MaskelError) as damaged:
        read_anatomy(tmp_path / "bad.safetensors")
    assert damaged.value.code == "asset_damaged"


def test_age_weight_and_height_act_as_named(anatomy: Anatomy) -> None:
    def stature_and_volume(**changes: float) -> tuple[float, float]:
        values = torch.tensor([[{**ADULT, **changes}[n] for n in anatomy.names["phenotypes"]]])
        v = rest_shape(anatomy, shape_coefficients(anatomy, values)).vertices[0]
        a, b, c = v[anatomy["body.faces"]].unbind(1)
        volume = (a * torch.linalg.cross(b, c)).sum() / 6
        return float(v[:, 2].max() - v[:, 2].min()), float(volume)

    tall, usual = stature_and_volume()
    assert 1.5 < tall < 2.0
    assert 0.05 < usual < 0.11
    assert stature_and_volume(age=0.2)[0] < 0.75 * tall
    assert stature_and_volume(height=0.8)[0] > 1.05 * tall
    assert stature_and_volume(weight=1.0)[1] > 1.07 * usual
    assert stature_and_volume(weight=0.0)[1] < 0.93 * usual


@pytest.mark.parametrize(
    "changes", [{}, {"gender": 1.0}, {"weight": 1.0}, {"weight": 0.0}, {"age": 0.25}, {"age": 1.0}]
)
def test_segments_have_the_lengths_of_a_human(anatomy: Anatomy, changes: dict[str, float]) -> None:
    figure = standing(anatomy, **changes)
    stature = float(figure.skin[:, 2].max() - figure.skin[:, 2].min())

    def length(a: str, b: str) -> float:
        return float((joint(figure, a) - joint(figure, b)).norm()) / stature

    assert 0.20 < length("hip_l", "knee_l") < 0.29
    assert 0.20 < length("knee_l", "ankle_l") < 0.29
    assert 0.13 < length("shoulder_l", "elbow_l") < 0.22
    assert 0.07 < length("hip_l", "hip_r") < 0.14
    for name in ("knee", "elbow", "ankle"):
        assert joint(figure, f"{name}_l")[0] > 0 > joint(figure, f"{name}_r")[0]


def test_mirrored_pose_gives_mirrored_skeleton(anatomy: Anatomy) -> None:
    left, right = Limb(0.5, 0.3, 0.2, 0.9, 0.1, 0.3), Limb(-0.1, 0.8, 0.0, 0.2, 0.0, 0.0)
    one = make_figure(
        anatomy, ADULT, Pose("test", (left, right), (right, left), (0.1, 0.2, 0.3), (0.1, -0.1, 0.2))
    )
    other = make_figure(
        anatomy, ADULT, Pose("test", (right, left), (left, right), (0.1, -0.2, -0.3), (0.1, 0.1, -0.2))
    )
    mirrored = other.landmarks[list(MIRRORED)] * torch.tensor([-1.0, 1.0, 1.0])
    assert (one.landmarks - mirrored).abs().max() < 1e-5


@pytest.mark.parametrize("pose", list(POSE_CLASSES))
def test_femoral_head_stays_in_its_socket(anatomy: Anatomy, pose: str) -> None:
    rest = make_figure(anatomy, ADULT, Pose("rest"))
    posed = make_figure(anatomy, ADULT, POSE_CLASSES[pose](np.random.default_rng(3), 0.1))
    for side in "lr":
        gaps = [
            f.landmarks[JOINT_NAMES.index(f"hip_{side}")] - f.landmarks[JOINT_NAMES.index("pelvis")]
            for f in (rest, posed)
        ]
        assert gaps[0].norm() == pytest.approx(float(gaps[1].norm()), abs=0.0035)


def test_bones_lie_under_the_skin(anatomy: Anatomy) -> None:
    outside = []
    for seed in range(12):
        figure = sample_figure(anatomy, np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1]))
        centre = tuple(((figure.skin.amin(0) + figure.skin.amax(0)) / 2).tolist())
        height = float((figure.skin.amax(0) - figure.skin.amin(0)).max()) * 1.1
        for yaw in (0.0, np.pi / 2):
            camera = Camera(yaw=yaw, target=centre, height=height)
            mask = project_figure(anatomy, figure, camera, 256, 1).mask
            flat = camera.project(figure.bones, (256, 256))[:, :2].round().long().clamp(0, 255)
            outside.append(float((mask[flat[:, 1], flat[:, 0]] == 0).float().mean()))
    assert np.mean(outside) < 0.012
    assert np.max(outside) < 0.05


def test_bone_absorbs_more_than_the_flesh_it_displaces(anatomy: Anatomy) -> None:
    figure = standing(anatomy)
    centre = tuple(((figure.skin.amin(0) + figure.skin.amax(0)) / 2).tolist())
    projection = project_figure(anatomy, figure, Camera(target=centre, height=2.1), 256)
    knee = projection.joints[JOINT_NAMES.index("knee_l")]
    row, column = int(knee[1]) - 14, int(knee[0])
    shaft = projection.bone[row, column - 8 : column + 9]
    assert shaft.max() > 1.0
    assert projection.bone[projection.mask == 0].max() == 0
    assert projection.soft[projection.mask == 0].max() == 0
    assert 1.5 < projection.soft.max() < 9.0


def test_cortex_is_brighter_than_the_marrow_canal(anatomy: Anatomy) -> None:
    figure = standing(anatomy)
    hip, knee = joint(figure, "hip_l"), joint(figure, "knee_l")
    middle = (hip + knee) / 2
    camera = Camera(target=tuple(middle.tolist()), height=0.12)
    profile = project_figure(anatomy, figure, camera, 192).bone[96]
    bright = (profile > 0.5 * profile.max()).nonzero().squeeze(1)
    left, right = int(bright[0]), int(bright[-1])
    centre = profile[(left + right) // 2 - 4 : (left + right) // 2 + 4].mean()
    edges = torch.stack([profile[left : left + 25].max(), profile[right - 25 : right].max()]).mean()
    assert edges > 1.12 * centre


def test_exported_character_has_matching_parts(tmp_path) -> None:
    with np.load(export_character(tmp_path / "c.npz"), allow_pickle=False) as data:
        assert data["verts"][:, 2].min() == pytest.approx(0, abs=1e-5)
        assert data["faces"].max() == len(data["verts"]) - 1
        assert np.allclose(data["skin_weight"].sum(1), 1, atol=1e-5)
        parents = data["bone_parents"]
        assert (parents[1:] < np.arange(1, len(parents))).all()
        posed = np.einsum(
            "jab,jb->ja", data["pose_matrices"], np.c_[data["bone_heads"], np.ones(len(parents))]
        )
        assert np.isfinite(posed).all()


def test_unknown_pose_class_is_refused(tmp_path) -> None:
    with pytest.raises(MaskelError) as refused:
        export_character(tmp_path / "c.npz", pose="moonwalk")
    assert refused.value.code == "bad_pose"
