"""``maskel eval`` as users meet it."""

from __future__ import annotations

import json

import pytest
import torch
from maskel_core.cli import app
from maskel_core.models import CONFIGURATIONS
from maskel_core.models.store import export_model
from typer.testing import CliRunner

from tests.core.synthetic import write_shards


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp("shards"), {"train": 6, "test": 3})


@pytest.mark.parametrize(
    "peers, words", [(["runs/unet"], "NAME=FOLDER"), (["a=one", "a=two"], "Two peers are named 'a'")]
)
def test_a_peer_needs_a_name_of_its_own(shards, tmp_path, peers, words):
    options = [part for peer in peers for part in ("--peer", peer)]
    done = CliRunner().invoke(app, ["eval", "--data", str(shards), "--out", str(tmp_path), *options])
    assert done.exit_code == 2
    assert words in done.output
    assert not list(tmp_path.iterdir())


def test_eval_prints_what_it_writes(shards, tmp_path):
    torch.manual_seed(0)
    for name in ("model", "other"):
        export_model(CONFIGURATIONS["tiny"].make_generator(), tmp_path / name)
    export_model(CONFIGURATIONS["tiny"].make_autoencoder(), tmp_path / "features")
    options = {"data": shards, "out": tmp_path / "out", "model": tmp_path / "model", "limit": 2}
    options |= {"features": tmp_path / "features", "peer": f"again={tmp_path / 'other'}"}
    done = CliRunner().invoke(
        app, ["eval", *(str(part) for name, value in options.items() for part in (f"--{name}", value))]
    )
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "report.md").read_text() in done.output
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert "again" in report["all"]
    assert report["features"]["name"] == "features"
