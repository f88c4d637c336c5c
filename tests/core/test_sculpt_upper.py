"""Form of the head's bones: hollow where they should be, teeth that stand in them and do not meet in one place."""

import numpy as np
import pytest

pytest.importorskip("myo_sim")

from maskel_core.anatomy.construction.remesh import is_closed
from maskel_core.anatomy.construction.sculpt import head, teeth
from maskel_core.anatomy.construction.sculpt.smooth import sample
from maskel_core.anatomy.construction.source import named_bones


@pytest.fixture(scope="module")
def solids():
    meshes, _ = named_bones()
    return {
        "skull": head.skull(meshes["skull"], 0.0012),
        "mandible": head.mandible(meshes["mandible"], 0.0012),
    }


def _at(solid, part, point):
    field = next(p.field for p in solid.parts if p.name == part)
    return float(sample(field, np.array(point, np.float32)[None])[0])


@pytest.mark.slow
def test_the_skull_is_hollow_and_its_orbits_and_nose_are_open(solids):
    skull = solids["skull"]
    assert _at(skull, "cavity", [0.0, 0.21, 1.70]) > 0.03
    for x in (-0.03, 0.03):
        assert _at(skull, "outer", [x, 0.138, 1.660]) < 0
    assert _at(skull, "outer", [0.006, 0.135, 1.628]) < 0
    assert _at(skull, "sinuses", [-0.0245, 0.152, 1.629]) > 0
    assert _at(skull, "outer", [0.0, 0.231, 1.615]) < 0


@pytest.mark.slow
def test_every_part_lies_in_the_one_it_displaces(solids):
    for solid in solids.values():
        parts = {p.name: p for p in solid.parts}
        outer = parts["outer"].field.values
        for name in {"cavity", "diploe", "sinuses", "core"} & set(parts):
            assert not ((parts[name].field.values > 0) & (outer <= 0)).any(), name
        if "cavity" in parts:
            brain = parts["cavity"].field.values > 0
            assert not (brain & (parts["diploe"].field.values > 0)).any()
            assert not ((parts["sinuses"].field.values > 0) & (parts["diploe"].field.values > 0)).any()


@pytest.mark.slow
def test_all_surfaces_are_closed_within_their_budget(solids):
    for solid in solids.values():
        for part in solid.parts:
            surface = part.field.surface(0.0, part.faces)
            assert surface is not None and is_closed(surface.faces) and len(surface.faces) <= 1.1 * part.faces


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["permanent_teeth", "milk_teeth"])
def test_the_teeth_of_both_arches_do_not_meet(stage):
    upper, lower = teeth.arch("upper", stage), teeth.arch("lower", stage)
    whole = [np.maximum(a.crowns, a.roots) for a in (upper, lower)]
    inside = upper.grid.points[whole[0] > 0]
    assert (sample(lower.grid.field(whole[1]), inside) <= 0).mean() > 0.9999


@pytest.mark.slow
def test_the_socket_faces_the_head_across_the_joint_space():
    from maskel_core.anatomy.construction.sculpt import shoulder

    meshes, origins = named_bones()
    bones = shoulder.sculpt(meshes, origins)
    surfaces = {n: s.parts[0].field.surface(0.0, s.parts[0].faces) for n, s in bones.items()}
    assert all(is_closed(s.faces) for s in surfaces.values())
    distance = np.linalg.norm(surfaces["scapula"].vertices - origins["humerus_r"], axis=1)
    gap = np.sort(distance)[:40].mean() - shoulder.HEAD_RADIUS
    assert 0.002 < gap < 0.005
    assert float(sample(bones["humerus"].parts[0].field, surfaces["scapula"].vertices).max()) < 0
