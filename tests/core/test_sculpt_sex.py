"""Women's and men's bones: measured angles and lengths apart, joints where they were, children alike."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from maskel_core.anatomy.dimorphism import maturity, sexed, with_left_shift

pytest.importorskip("myo_sim")

from maskel_core.anatomy.construction.sculpt import sculpt_skeleton, sex
from maskel_core.anatomy.construction.source import named_bones
from scipy.spatial import cKDTree

AMOUNT = {"male": -1.0, "neutral": 0.0, "female": 1.0}


@dataclass
class Surface:
    bone: str
    vertices: np.ndarray


def test_children_do_not_differ_and_adults_do():
    assert maturity(3.0) == maturity(11.0) == 0 and maturity(17.0) == maturity(60.0) == 1
    ages = np.array([maturity(y) for y in np.arange(10.0, 18.0, 0.5)])
    assert (np.diff(ages) >= 0).all() and 0.4 < maturity(14.0) < 0.6


def test_shifts_are_added_by_gender_and_mirrored_to_the_left():
    tensors = {
        "bone.sex_vertex": torch.tensor([1, 2], dtype=torch.int32),
        "bone.sex_shift": torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).half(),
    }
    points = torch.zeros(3, 5)
    # The second vertex has a mirror image, the third lies on the axis.
    both = with_left_shift(tensors, torch.tensor([-1, 4, -1, -1]))
    woman, man = sexed(both, points, 1.0, 30.0), sexed(both, points, 0.0, 30.0)
    assert torch.equal(woman, -man) and not points.any()
    woman = woman.T
    assert woman[1].tolist() == [1.0, 2.0, 3.0] and woman[4].tolist() == [-1.0, 2.0, 3.0]
    assert woman[2].tolist() == [4.0, 5.0, 6.0] and not woman[3].any()
    assert not sexed(both, points, 1.0, 8.0).any() and not sexed(both, points, 0.5, 30.0).any()


@pytest.fixture(scope="module")
def source():
    return named_bones()


@pytest.fixture(scope="module")
def outer(source):
    solids = sculpt_skeleton(*source, only=["hip_bone", "sacrum", "skull", "mandible"])
    return {n: s.parts[0].field.surface(0.0, s.parts[0].faces) for n, s in solids.items()}


def _of(outer, source, name, who):
    points = outer[name].vertices
    return points + AMOUNT[who] * sex.shift(name, points, source[1]["femur_r"])


def _arch(points, hip):
    """Angle between the lower rami below the symphysis, degrees."""
    below = points[:, 2] - hip[2]
    levels = np.arange(-0.074, -0.051, 0.002)
    inner = [points[np.abs(below - level) < 0.003][:, 0].max() for level in levels]
    return 2 * np.degrees(np.arctan(np.polyfit(levels, inner, 1)[0]))


@pytest.mark.slow
def test_the_pelvic_arch_and_notch_are_wider_in_women(outer, source):
    hip = source[1]["femur_r"]
    angle = {who: _arch(_of(outer, source, "hip_bone", who), hip) for who in AMOUNT}
    assert 55 < angle["male"] < 70 and 76 < angle["female"] < 90
    assert angle["male"] + 5 < angle["neutral"] < angle["female"] - 5
    tall = {who: np.ptp(_of(outer, source, "sacrum", who)[:, 2]) for who in AMOUNT}
    assert 0.006 < tall["male"] - tall["female"] < 0.016


@pytest.mark.slow
def test_socket_and_sacroiliac_joint_stay(outer, source):
    hip = source[1]["femur_r"]
    blade, tail = outer["hip_bone"].vertices, outer["sacrum"].vertices
    near = np.linalg.norm(blade - hip, axis=1) < 0.032
    face, back = cKDTree(tail).query(blade)[0] < 0.004, cKDTree(blade).query(tail)[0] < 0.004
    assert near.sum() > 50 and face.sum() > 30 and back.sum() > 30
    assert np.abs(sex.hip_bone(blade[near | face], hip)).max() < 1.5e-4
    assert np.abs(sex.sacrum(tail[back], hip)).max() < 1.5e-4


@pytest.mark.slow
def test_the_face_is_sharper_in_men_and_teeth_stay(outer, source):
    skulls = {who: _of(outer, source, "skull", who) for who in AMOUNT}
    middle = {w: s[(np.abs(s[:, 0]) < 0.012) & (np.abs(s[:, 2] - 1.679) < 0.006)] for w, s in skulls.items()}
    assert middle["female"][:, 1].min() - middle["male"][:, 1].min() > 0.002
    assert skulls["male"][:, 1].max() - skulls["female"][:, 1].max() > 0.002
    jaws = {who: _of(outer, source, "mandible", who) for who in AMOUNT}
    assert jaws["female"][:, 2].min() - jaws["male"][:, 2].min() > 0.002
    teeth = np.array([[0.0, 0.128, 1.594], [0.02, 0.15, 1.600], [-0.02, 0.17, 1.604]])
    assert np.abs(sex.mandible(teeth)).max() < 2e-4 and np.abs(sex.skull(teeth)).max() < 2e-4


@pytest.mark.slow
def test_both_sides_are_alike_and_nothing_folds(outer, source):
    hip = source[1]["femur_r"]
    for name in ("skull", "mandible", "sacrum"):
        points = outer[name].vertices
        mirrored = sex.shift(name, points * [-1, 1, 1], hip) * [-1, 1, 1]
        assert np.allclose(mirrored, sex.shift(name, points, hip), atol=1e-9)
    for name, mesh in outer.items():
        for who in ("male", "female"):
            moved = mesh.copy()
            moved.vertices = _of(outer, source, name, who)
            kept = np.einsum("ij,ij->i", moved.face_normals, mesh.face_normals)
            assert (kept > 0.5).mean() > 0.999, (name, who)


@pytest.mark.slow
def test_the_tensors_hold_the_shifts_of_the_chosen_vertices(outer, source):
    hip = source[1]["femur_r"]
    centres = {"femur": np.zeros(3), "sacrum": outer["sacrum"].bounds.mean(0)}
    pieces = [
        Surface("femur", np.zeros((7, 3))),
        Surface("sacrum", outer["sacrum"].vertices - centres["sacrum"]),
    ]
    tensors = sex.sex_tensors(pieces, centres, hip)
    vertex, shift = tensors["bone.sex_vertex"].numpy(), tensors["bone.sex_shift"].float().numpy()
    assert vertex.min() >= 7 and len(vertex) == len(shift) == len(np.unique(vertex))
    wanted = sex.sacrum(outer["sacrum"].vertices, hip)
    assert np.allclose(shift, wanted[vertex - 7], atol=1e-5)
