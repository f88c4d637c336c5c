"""The way from a person to line integrals stays on one device."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from maskel_core.anatomy.asset import Anatomy, default_anatomy
from maskel_core.anatomy.figure import sample_figure
from maskel_core.data.sample import sample_camera
from maskel_core.projection.beam import project_beam, tube_beam
from maskel_core.projection.dxa import decompose
from maskel_core.projection.xray import project_figure

from tests.core.elsewhere import ELSEWHERE, Elsewhere, MixedDevicesError, TensorElsewhere


@pytest.fixture(scope="module")
def anatomy() -> Anatomy:
    return default_anatomy()


def test_the_make_believe_device_tells_mixtures() -> None:
    with Elsewhere():
        there = torch.tensor([1.0, 2.0], device=ELSEWHERE)
        assert isinstance(there + 1, TensorElsewhere)
        assert float((there * torch.tensor(2.0)).sum()) == 6.0
        assert torch.equal(there.cpu(), torch.tensor([1.0, 2.0]))
        with pytest.raises(MixedDevicesError):
            there + torch.ones(2)
        with pytest.raises(MixedDevicesError):
            torch.arange(4.0, device=ELSEWHERE).index_select(0, torch.tensor([1]))


@pytest.mark.parametrize("seed", [1, 6, 12])
def test_figures_and_projections_stay_on_the_anatomys_device(anatomy: Anatomy, seed: int) -> None:
    def project(on: Anatomy):
        rng = np.random.default_rng(seed)
        figure = sample_figure(on, rng, rng)
        camera = sample_camera(rng, figure)
        return figure, camera, project_figure(on, figure, camera, 96, energies=(40.0, 70.0))

    figure, camera, seen = project(anatomy)
    with Elsewhere():
        far_figure, far_camera, far = project(anatomy.to(ELSEWHERE))
        for name in ("skin", "bones", "landmarks", "transforms"):
            assert isinstance(getattr(far_figure, name), TensorElsewhere), name
        for name in ("mask", "bone", "soft", "joints", "energies"):
            assert isinstance(getattr(far, name), TensorElsewhere), name
            assert torch.equal(getattr(far, name).cpu(), getattr(seen, name)), name
    assert far_camera == camera
    assert torch.equal(far_figure.bones.inner, figure.bones)


def test_beams_and_densitometry_stay_on_the_anatomys_device(anatomy: Anatomy) -> None:
    with Elsewhere():
        on = anatomy.to(ELSEWHERE)
        rng = np.random.default_rng(3)
        figure = sample_figure(on, rng, rng)
        camera = sample_camera(rng, figure)
        film = project_beam(on, figure, camera, 64, tube_beam(70))
        seen = project_figure(on, figure, camera, 64, energies=(40.0, 70.0)).energies.sum(1)
        found = decompose(seen[0], seen[1])
        for picture in (film, found.mineral, found.soft, found.fat):
            assert isinstance(picture, TensorElsewhere)
