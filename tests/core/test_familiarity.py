"""Familiarity: people pass, other shapes do not, and a damaged file is refused."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import skimage.data
import torch
from maskel_core.errors import MaskelError
from maskel_core.models.store import CHECKSUMS, write_checksums
from maskel_core.pipeline import DEFAULT_MODEL, MaskelPipeline, XrayRequest
from maskel_core.pipeline.familiarity import FAMILIARITY, Familiarity

from tests.server.test_real_model import figure


def cloud(count: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    turn = torch.linalg.qr(torch.randn(20, 20, generator=torch.Generator().manual_seed(0)))[0]
    spread = torch.linspace(0.2, 4, 20)
    return (torch.randn(count, 20, generator=random) * spread) @ turn + 7 + shift * turn[0]


def test_one_in_a_hundred_held_out_is_under_half() -> None:
    found = Familiarity.fit(cloud(4000, 1), cloud(4000, 2))
    assert 0.005 < (found.score(cloud(4000, 3)) < 0.5).float().mean() < 0.02


def test_what_lies_off_the_cloud_is_strange_though_it_lies_within_its_width() -> None:
    found = Familiarity.fit(cloud(4000, 1), cloud(4000, 2))
    # Four units along the direction of least spread, where the deviation is 0.2; each trait alone varies by more.
    assert (found.score(cloud(200, 4, shift=4)) < 0.1).all()


@pytest.fixture
def one_thread():
    """Two threads may add in another order from one call to the next."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_saved_and_read_back(tmp_path, one_thread) -> None:
    found = Familiarity.fit(cloud(400, 1), cloud(400, 2))
    found.save(tmp_path)
    again = Familiarity.load(tmp_path)
    assert again is not None and torch.equal(again.score(cloud(9, 3)), found.score(cloud(9, 3)))
    assert Familiarity.load(tmp_path / "elsewhere") is None


@pytest.fixture(scope="module")
def pipeline():
    return MaskelPipeline.from_pretrained(None)


def test_a_figure_is_familiar_and_a_horse_is_not(pipeline) -> None:
    horse = (~skimage.data.horse()).astype(np.uint8) * 255
    assert pipeline(figure()).familiarity > 0.6
    assert pipeline(horse).familiarity < 0.3


def test_a_damaged_file_is_refused(tmp_path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(DEFAULT_MODEL, folder)
    (folder / FAMILIARITY).write_bytes(b"damaged")
    with pytest.raises(MaskelError, match="checksum"):
        MaskelPipeline.from_pretrained(folder)
    write_checksums(folder)
    with pytest.raises(MaskelError, match="damaged"):
        MaskelPipeline.from_pretrained(folder)
    (folder / FAMILIARITY).unlink()
    (folder / CHECKSUMS).unlink()
    assert MaskelPipeline.from_pretrained(folder)(figure()).familiarity is None


def test_a_file_that_the_manifest_does_not_list_is_not_believed(tmp_path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(DEFAULT_MODEL, folder)
    data = (folder / FAMILIARITY).read_bytes()
    (folder / FAMILIARITY).unlink()
    with pytest.raises(MaskelError, match=FAMILIARITY):
        MaskelPipeline.from_pretrained(folder)
    write_checksums(folder)
    assert MaskelPipeline.from_pretrained(folder)(figure()).familiarity is None
    (folder / FAMILIARITY).write_bytes(data)
    with pytest.raises(MaskelError, match="checksum"):
        MaskelPipeline.from_pretrained(folder)


def test_each_mask_of_a_batch_has_its_own(pipeline) -> None:
    horse = (~skimage.data.horse()).astype(np.uint8) * 255
    alone = [pipeline(mask).familiarity for mask in (figure(), horse)]
    together = pipeline.batch([XrayRequest(figure()), XrayRequest(horse), XrayRequest(figure(), joints=True)])
    found = [made.familiarity for made in together]
    assert found == pytest.approx([*alone, alone[0]], abs=0.05)
    assert [bool(made.joints) for made in together] == [False, False, True]
