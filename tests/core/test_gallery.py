"""The gallery draws every sheet, with something human in every cell."""

from __future__ import annotations

import numpy as np
import pytest
from maskel_core.anatomy.asset import default_anatomy
from maskel_core.data.gallery import LAYERS, draw, make_gallery, sheets
from maskel_core.errors import MaskelError
from PIL import Image


def test_layers_show_what_they_are_called() -> None:
    sheet = next(s for s in sheets(default_anatomy(), 64, 0) if s.name == "layers")
    cells = {name: sheet.make(1, column).astype(int) for column, name in enumerate(LAYERS)}
    body = cells["mask"][..., 0] > 250
    assert 0.05 < body.mean() < 0.6
    assert cells["dxa"][~(cells["mask"][..., 0] > 0)].max() == 0
    assert cells["bone"][body].std() > cells["mask"][body].std()
    assert cells["inverted"][body].mean() > cells["bone"][body].mean()
    marked = (cells["joints"][..., 0] - cells["joints"][..., 2]) > 60
    assert marked.sum() > 40


def test_a_sheet_has_a_cell_for_every_row_and_column() -> None:
    sheet = next(s for s in sheets(default_anatomy(), 64, 0) if s.name == "views")
    seen = []
    picture = draw(sheet, lambda done, total: seen.append((done, total)))
    assert picture.width == 64 * len(sheet.columns)
    assert picture.height >= 64 * len(sheet.rows)
    assert seen[-1] == (len(sheet.rows) * len(sheet.columns),) * 2


@pytest.mark.slow
def test_the_page_shows_every_sheet_and_needs_no_network(tmp_path) -> None:
    page = make_gallery(tmp_path / "gallery", 64)
    text = page.read_text("utf-8")
    pictures = sorted(p.name for p in page.parent.glob("*.png"))
    assert len(pictures) == 6
    assert all(name in text for name in pictures)
    assert "http" not in text
    for name in pictures:
        assert np.asarray(Image.open(page.parent / name)).std() > 10


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MaskelError) as refused:
        make_gallery(tmp_path / "file", 64)
    assert refused.value.code == "cannot_write"
