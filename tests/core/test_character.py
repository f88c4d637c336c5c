"""The character for 3D programs: its file, and that its armature poses its mesh."""

from __future__ import annotations

import numpy as np
import pytest
from maskel_core.anatomy.asset import default_anatomy
from maskel_core.anatomy.character import export_character, make_character
from maskel_core.errors import MaskelError


@pytest.mark.parametrize(("seed", "pose"), [(None, None), (1, "squat")])
def test_the_armature_poses_the_mesh_as_the_figure_is_posed(tmp_path, seed, pose) -> None:
    with np.load(export_character(tmp_path / "c.npz", seed, pose), allow_pickle=False) as data:
        rest = np.c_[data["verts"], np.ones(len(data["verts"]))]
        matrices = data["pose_matrices"][data["skin_index"]]
        posed = np.einsum("vk,vkij,vj->vi", data["skin_weight"], matrices, rest)[:, :3]
    figure = make_character(default_anatomy(), seed, pose)
    lift = np.array([0.0, 0.0, float(figure.skin[:, 2].min())])
    apart = np.linalg.norm(posed - (figure.skin.numpy() - lift), axis=1)
    # The rest is skin drawn over bones that would show.
    assert np.quantile(apart, 0.9) < 1e-4
    assert apart.max() < 0.04


def test_the_file_has_the_name_that_was_asked_for(tmp_path) -> None:
    out = export_character(tmp_path / "character")
    assert out == tmp_path / "character"
    assert [path.name for path in tmp_path.iterdir()] == ["character"]


def test_a_place_that_cannot_be_written_is_refused(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MaskelError) as refused:
        export_character(tmp_path / "file" / "c.npz")
    assert refused.value.code == "cannot_write"
