"""Form of the spine, the pelvis and the leg: sockets that fit, openings that are open, joints that neither gape nor overlap."""

from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("myo_sim")

from maskel_core.anatomy.construction.remesh import is_closed
from maskel_core.anatomy.construction.sculpt import leg, sculpt_skeleton, spine
from maskel_core.anatomy.construction.sculpt.smooth import sample
from maskel_core.anatomy.construction.source import named_bones
from scipy.spatial import cKDTree

pytestmark = pytest.mark.slow
HIP_AND_KNEE = ["hip_bone", "sacrum", "femur", "patella"]
LEVELS = ["c1", "c2", "t6", "l3", "l4"]
FIRST_RAY = ["talus", "tarsal4", "tarsal1", "metatarsal1", "toe_phalanx7", "toe_phalanx2"]


@pytest.fixture(scope="module")
def source():
    return named_bones()


@pytest.fixture(scope="module")
def solids(source):
    return sculpt_skeleton(*source, only=[*HIP_AND_KNEE, *LEVELS, *FIRST_RAY])


@pytest.fixture(scope="module")
def outer(solids):
    return {n: s.parts[0].field.surface(0.0, s.parts[0].faces) for n, s in solids.items()}


def _hits(mesh, origins, directions):
    """Whether each ray meets the mesh."""
    return mesh.ray.intersects_any(np.asarray(origins, float), np.asarray(directions, float))


def _distance(one, other):
    return cKDTree(other.vertices).query(one.vertices)[0].min()


def test_every_surface_is_closed_and_within_its_budget(solids):
    for solid in solids.values():
        for part in solid.parts:
            surface = part.field.surface(0.0, part.faces)
            assert surface is None or is_closed(surface.faces), (solid.name, part.name)
            assert surface is None or len(surface.faces) <= 1.1 * part.faces, (solid.name, part.name)


def test_the_socket_is_round_about_the_head_across_a_joint_space(source, outer):
    hip = source[1]["femur_r"]
    head = outer["femur"].vertices - hip
    # The cap that faces the socket, up and inwards.
    cap = head[head @ np.array([0.5, 0.0, 0.87]) > 0.019]
    assert len(cap) > 20 and np.ptp(np.linalg.norm(cap, axis=1)) < 0.0015
    radius = np.linalg.norm(cap, axis=1).mean()
    assert 0.021 < radius < 0.025
    around = np.radians(np.arange(0, 360, 30))
    up = np.array([0.3, 0.1, 0.95]) / np.linalg.norm([0.3, 0.1, 0.95])
    side = np.cross(up, [0, 1, 0])
    directions = [up + 0.35 * (np.cos(a) * side + np.sin(a) * np.cross(up, side)) for a in around]
    points, rays, _ = outer["hip_bone"].ray.intersects_location(
        np.tile(hip, (12, 1)), directions, multiple_hits=False
    )
    assert len(set(rays)) == 12
    gap = np.linalg.norm(points - hip, axis=1) - radius
    assert gap.min() > 0.001 and gap.max() < 0.008 and np.ptp(gap) < 0.002


def test_the_obturator_foramen_is_open_and_framed_by_bone(outer):
    mesh = outer["hip_bone"]
    hole = np.array([-0.034, 0.0, 0.893])
    ring = [hole + 0.004 * np.array([np.cos(a), 0, np.sin(a)]) for a in np.linspace(0, 2 * np.pi, 8)]
    assert not _hits(mesh, ring, np.tile([0, 1.0, 0], (8, 1))).any()
    for direction in ([1, 0, 0], [-1, 0, 0], [0, 0, 1], [0, 0, -1]):
        columns = [hole + step * np.array(direction) for step in np.arange(0.0, 0.035, 0.002)]
        assert _hits(mesh, columns, np.tile([0, 1.0, 0], (len(columns), 1))).any(), direction


@pytest.mark.parametrize("name", ["c1", "c2", "t6", "l3"])
def test_the_vertebral_canal_is_open_and_closed_all_round(source, outer, name):
    path = spine.centres(source[0])
    index = max(spine.LEVELS.index(name) if name in spine.LEVELS else 0, 0)
    level, frame = spine.Level.of(spine.LEVELS[index]), spine.frame(path, index)
    behind = 0.016 if name == "c1" else 0.43 * level.depth + 0.5 * level.canal_depth
    height = spine.atlas_height(path) if name == "c1" else 0.0
    middle = path[index] + behind * frame[1] + height * frame[2]
    starts = middle + np.array([0.0, 0.004, -0.004])[:, None] * frame[0] - 0.06 * frame[2]
    assert not _hits(outer[name], starts, np.tile(frame[2], (3, 1))).any()
    around = np.radians(np.arange(0, 360, 45))
    directions = [np.cos(a) * frame[0] + np.sin(a) * frame[1] for a in around]
    # Bone all round, at one height or another of the arch.
    met = [
        _hits(outer[name], np.tile(middle + z * frame[2], (8, 1)), directions)
        for z in (-0.008, -0.004, 0, 0.004)
    ]
    assert np.any(met, axis=0).all()


def test_neighbouring_bodies_leave_room_for_a_disc(source, outer):
    path = spine.centres(source[0])
    upper, lower = (path[spine.LEVELS.index(n)] for n in ("l3", "l4"))
    down = (lower - upper) / np.linalg.norm(lower - upper)
    leaves = outer["l3"].ray.intersects_location([upper], [down])[0] @ down
    enters = outer["l4"].ray.intersects_location([lower], [-down])[0] @ down
    assert 0.003 < enters.min() - leaves.max() < 0.013


def test_the_dens_stands_in_the_ring_of_the_atlas(solids, outer):
    assert 0.001 < _distance(outer["c1"], outer["c2"]) < 0.004
    ring, dens = outer["c1"].bounds, outer["c2"].vertices
    top = dens[dens[:, 2] > dens[:, 2].max() - 0.003].mean(0)
    assert abs(top[0]) < 0.001 and ring[0][1] + 0.003 < top[1] < ring[1][1] - 0.02
    assert top[2] > ring[0][2] + 0.005


def test_the_kneecap_lies_before_the_femur(source, outer):
    knee = source[1]["tibia_r"]
    patella, femur = outer["patella"], outer["femur"].vertices
    trochlea = femur[np.abs(femur[:, 2] - patella.centroid[2]) < 0.01]
    assert patella.bounds[1][1] < trochlea[:, 1].min() + 0.003
    assert 0.002 < _distance(patella, outer["femur"]) < 0.006
    assert abs(patella.bounds[0][2] - knee[2]) < 0.022


def test_bones_of_one_foot_ray_meet_without_overlap(solids, outer):
    for behind, name in pairwise(FIRST_RAY):
        assert sample(solids[behind].parts[0].field, outer[name].vertices).max() < 0, (behind, name)
        assert 0.0008 < _distance(outer[name], outer[behind]) < 0.004, (behind, name)
    assert {n for toe in leg.TOES for n in toe[1:]} == set(range(1, 15))


def test_the_marrow_canal_tapers_instead_of_ending_at_a_wall(solids):
    canal = next(p.field for p in solids["femur"].parts if p.name == "canal")
    areas = (canal.values > 0).sum((0, 1)).astype(float)
    areas = areas[areas > 0]
    # A wall would lose most of the section within a voxel.
    assert np.abs(np.diff(areas)).max() < 0.2 * areas.max()
