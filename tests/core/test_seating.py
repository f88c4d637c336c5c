"""Bones seated in their joints and skin drawn over them, on shapes whose answer is known and on the asset's own bodies."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh
from maskel_core.anatomy.asset import Anatomy, default_anatomy
from maskel_core.anatomy.balls import round_balls
from maskel_core.anatomy.cover import cover_bones, vertex_normals
from maskel_core.anatomy.figure import make_figure
from maskel_core.anatomy.person import make_person
from maskel_core.anatomy.pose import Limb, Pose
from maskel_core.anatomy.seating import move_ends, seat_bones

SAMPLES = 96


def two_balls(gap: float, mobility: tuple[float, float]) -> tuple[Anatomy, torch.Tensor]:
    """Two balls of 20 mm radius whose surfaces are ``gap`` metres apart along x, and their maps."""
    # Evenly spread, by the golden angle.
    height = torch.linspace(1 - 1 / SAMPLES, 1 / SAMPLES - 1, SAMPLES)
    angle = 2.399963 * torch.arange(SAMPLES)
    ring = (1 - height.square()).sqrt()
    points = 0.02 * torch.stack([ring * angle.cos(), ring * angle.sin(), height], dim=1)
    normals = points / points.norm(dim=1, keepdim=True)
    tensors = {
        "seat.bones": torch.tensor([[0, 1]]),
        "seat.ends": torch.tensor([[0, 0]]),
        "seat.points": torch.stack([points, points])[None],
        "seat.normals": torch.stack([normals, normals])[None],
        "slot.of_bone": torch.tensor([[1, 1], [2, 2]]),
        "slot.along": torch.zeros(2, 4),
        "slot.mobility": torch.tensor([0.0, *mobility]),
        "slot.reach": torch.full((3,), 0.005),
    }
    maps = torch.eye(3, 4).repeat(1, 2, 1, 1)
    maps[0, 1, 0, 3] = 0.04 + gap
    return Anatomy(tensors, {"bones": ["one", "two"]}), maps


@pytest.mark.parametrize(
    ("gap", "low", "high"), [(-0.002, 0.0012, 0.0035), (0.004, 0.0039, 0.0041), (0.009, 0.0045, 0.0072)]
)
def test_two_balls_come_to_rest_a_joint_space_apart(gap: float, low: float, high: float) -> None:
    anatomy, maps = two_balls(gap, (0.0, 1.0))
    seated = seat_bones(anatomy, maps)[0]
    assert torch.equal(seated[0], maps[0, 0])
    space = float((seated[1, :, 3] - seated[0, :, 3]).norm()) - 0.04
    assert low < space < high


def test_both_move_in_proportion_to_their_mobility() -> None:
    anatomy, maps = two_balls(-0.004, (1.0, 3.0))
    seated = seat_bones(anatomy, maps)[0]
    first, second = -float(seated[0, 0, 3]), float(seated[1, 0, 3] - maps[0, 1, 0, 3])
    assert first > 0
    assert second == pytest.approx(3 * first, rel=0.05)


def test_the_ends_of_a_long_bone_move_apart_linearly() -> None:
    along = torch.tensor([[0.0, 0.0, -2.0, 0.5]])
    anatomy = Anatomy({"slot.along": along}, {})
    near, far = torch.tensor([[0.0, 0.001, 0.0]]), torch.tensor([[0.0, 0.0, -0.003]])
    moved = move_ends(anatomy, torch.eye(3, 4)[None], near, far)[0]

    def at(z: float) -> torch.Tensor:
        return moved[:, :3] @ torch.tensor([0.0, 0.0, z]) + moved[:, 3]

    assert torch.allclose(at(0.25), torch.tensor([0.0, 0.001, 0.25]), atol=1e-7)
    assert torch.allclose(at(-0.25), torch.tensor([0.0, 0.0, -0.253]), atol=1e-7)
    assert torch.allclose(at(0.0), torch.tensor([0.0, 0.0005, -0.0015]), atol=1e-7)


def ball_under_skin(height: float) -> tuple[Anatomy, torch.Tensor, torch.Tensor]:
    """A round body of 100 mm radius with a bone whose tip stands ``height`` metres above its skin, along z."""
    body = trimesh.creation.icosphere(4, radius=0.1)
    skin = torch.tensor(np.asarray(body.vertices)).float()
    tip = torch.tensor([0.0, 0.0, 0.1 + height])
    patch = (skin - torch.tensor([0.0, 0.0, 0.1])).norm(dim=1).topk(14, largest=False).indices
    tensors = {
        "body.faces": torch.tensor(np.asarray(body.faces)),
        "cover.bone": torch.tensor([0]),
        "cover.points": tip[None],
        "cover.patch": patch[None],
    }
    return Anatomy(tensors, {"bones": ["tip"]}), skin, torch.eye(3, 4)[None]


def test_skin_rises_over_a_bone_and_nowhere_else() -> None:
    anatomy, skin, maps = ball_under_skin(0.005)
    risen = cover_bones(anatomy, skin, maps, 1.0)
    assert float(risen[:, 2].max()) > 0.105
    still = (risen == skin).all(1)
    assert still.float().mean() > 0.95
    assert float((risen - skin).norm(dim=1).max()) < 0.010


def test_skin_stays_over_a_bone_that_lies_beneath_it() -> None:
    anatomy, skin, maps = ball_under_skin(-0.004)
    assert torch.equal(cover_bones(anatomy, skin, maps, 1.0), skin)


def test_normals_of_a_ball_point_outwards() -> None:
    body = trimesh.creation.icosphere(3)
    vertices = torch.tensor(np.asarray(body.vertices)).float()
    normals = vertex_normals(vertices, torch.tensor(np.asarray(body.faces)))
    assert float((normals * vertices).sum(1).min()) > 0.99


def carrier(bone: str) -> str:
    """The body joint that carries most of a bone."""
    anatomy = default_anatomy()
    row = anatomy.names["bones"].index(bone)
    return anatomy.names["joints"][
        int(anatomy["bone.joint_indices"][row, anatomy["bone.joint_weights"][row].argmax()])
    ]


def test_neck_and_chest_are_carried_by_their_own_joints() -> None:
    assert all(carrier(f"c{i}").startswith(("neck", "head")) for i in range(1, 8))
    assert all(
        carrier(name).startswith("spine") for name in ("t1", "t6", "l5", "rib1_r", "sternum", "lung_l")
    )
    assert carrier("hyoid").startswith("neck")
    assert carrier("toe_phalanx2_r").startswith("toe1")


def test_femoral_heads_stay_in_their_sockets_when_the_hips_bend() -> None:
    anatomy = default_anatomy()
    person = make_person(30.0, 0.0)
    straight = make_figure(anatomy, person, Pose("t", legs=(Limb(), Limb())))
    bent = make_figure(
        anatomy, person, Pose("sit", legs=(Limb(1.2, 0.1, 0.0, 1.2), Limb(1.2, 0.1, 0.0, 1.2)))
    )
    names = anatomy.names["bones"]
    for side in "rl":
        rows = [names.index(f"{bone}_{side}") for bone in ("hip_bone", "femur")]
        piece = [int((anatomy["piece.bone"] == row).nonzero()[0]) for row in rows]
        chosen = [(anatomy["bone.vertex_piece"] == p).nonzero().squeeze(1) for p in piece]
        for figure in (straight, bent):
            apart = torch.cdist(figure.bones[chosen[0]], figure.bones[chosen[1]]).min()
            assert 0.001 < float(apart) < 0.008


def test_ball_joints_stay_round_and_even_under_maps_that_stretch() -> None:
    ball = trimesh.creation.icosphere(3, radius=0.022)
    points = torch.tensor(np.asarray(ball.vertices)).float()
    count = len(points)
    both = torch.cat([points, 1.25 * points]).T
    maps = torch.eye(3, 4).repeat(2, 1, 1)
    maps[0, :, :3] = torch.diag(torch.tensor([0.95, 0.95, 1.2]))
    maps[1, :, :3] = torch.diag(torch.tensor([1.0, 0.85, 0.95]))
    maps[:, 0, 3] = 0.1
    owner = torch.arange(2).repeat_interleave(count)
    tensors = {
        "ball.bone": torch.tensor([[0, 1]]),
        "ball.centre": torch.zeros(1, 2, 3),
        "ball.vertex": torch.arange(2 * count),
        "ball.owner": owner,
        "ball.share": torch.ones(2 * count),
    }
    posed = torch.einsum("nij,jn->in", maps[owner][..., :3], both) + maps[owner][..., 3].T
    head, socket = round_balls(tensors, both, posed, maps).T.split(count)
    radius = [(part - torch.tensor([0.1, 0.0, 0.0])).norm(dim=1) for part in (head, socket)]
    assert float(radius[0].std()) < 1e-6
    assert float(radius[1].std()) < 1e-6
    assert float(radius[1].mean() / radius[0].mean()) == pytest.approx(1.25, rel=1e-4)
    assert 0.9 < float(radius[0].mean()) / 0.022 < 1.0
