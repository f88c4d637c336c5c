"""Room between bones that meet, surface to surface, and shafts without slits or facets."""

import numpy as np
import pytest
import trimesh

pytest.importorskip("myo_sim")

from maskel_core.anatomy.construction.sculpt import sculpt_skeleton
from maskel_core.anatomy.construction.sculpt.articulate import articulations
from maskel_core.anatomy.construction.sculpt.smooth import rounded
from maskel_core.anatomy.construction.source import named_bones
from scipy.spatial import ConvexHull, cKDTree

pytestmark = pytest.mark.slow
LEAST = 0.0012
HAND = ["lunate", "scaphoid", "pisiform", "triquetrum", "capitate", "trapezium", "trapezoid", "hamate"]
HAND += ["1mc", "thumbprox", "thumbdist"]
HAND += [f"{finger}{part}" for finger in "2345" for part in ("mc", "proxph", "midph", "distph")]
FOOT = ["tibia", "fibula", "talus", "calcaneus", *(f"tarsal{i}" for i in range(1, 6))]
FOOT += [f"metatarsal{i}" for i in range(1, 6)] + [f"toe_phalanx{i}" for i in range(1, 15)]
REST = ["humerus", "radius", "ulna", "c1", "c4", "c5", "c6", "t11", "t12", "l1", "l4", "l5"]


@pytest.fixture(scope="module")
def source():
    return named_bones()


@pytest.fixture(scope="module")
def outer(source):
    solids = sculpt_skeleton(*source, only=[*HAND, *FOOT, *REST])
    return {n: s.parts[0].field.surface(0.0, s.parts[0].faces) for n, s in solids.items()}


def _gap(one, other):
    """Least distance between two surfaces, metres, negative where they cross."""
    gaps = []
    for a, b in ((one, other), (other, one)):
        distance = cKDTree(b.vertices).query(a.vertices)[0]
        near = a.vertices[np.argsort(distance)[:200]]
        exact = trimesh.proximity.closest_point(b, near)[1]
        gaps.append(np.where(b.contains(near), -exact, exact).min())
    return min(gaps)


def test_all_bones_that_meet_leave_room_for_cartilage(outer):
    gaps = {}
    for one, other, _ in articulations():
        if one not in outer or other not in outer:
            continue
        a, b = outer[one], outer[other]
        if (a.bounds[0] - 0.008 < b.bounds[1]).all() and (b.bounds[0] - 0.008 < a.bounds[1]).all():
            gaps[one, other] = _gap(a, b)
    assert len(gaps) > 90
    tight = {pair: round(gap * 1e3, 2) for pair, gap in gaps.items() if gap < LEAST}
    assert not tight
    fingers = [gaps[f"{k}midph", f"{k}proxph"] for k in "2345"] + [gaps["thumbdist", "thumbprox"]]
    assert min(fingers) > 0.0016 and max(fingers) < 0.0024
    assert min(gaps["c4", "c5"], gaps["talus", "tibia"], gaps["ulna", "humerus"]) > 0.0019


def test_the_shafts_of_the_forearm_are_round_and_whole(source, outer):
    for name in ("radius", "ulna", "humerus"):
        assert rounded(source[0][name]).is_watertight, name
        mesh = outer[name]
        low, high = mesh.bounds[:, 2]
        for share in (0.35, 0.5, 0.65):
            cut = mesh.section(plane_origin=[0, 0, low + share * (high - low)], plane_normal=[0, 0, 1])
            rings = cut.discrete
            assert len(rings) == 1, (name, share)
            ring = rings[0][:-1, :2]
            after = np.roll(ring, -1, axis=0)
            area = abs((ring[:, 0] * after[:, 1] - ring[:, 1] * after[:, 0]).sum()) / 2
            # No slit and no corner: nearly as large as its convex hull, and round.
            assert area > 0.90 * ConvexHull(ring).volume, (name, share)
            assert 4 * np.pi * area / np.linalg.norm(after - ring, axis=1).sum() ** 2 > 0.75, (name, share)
