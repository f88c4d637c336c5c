"""``maskel augment`` from shards to shards with tiny models."""

from __future__ import annotations

import json

import pytest

from tests.cli.test_commands import maskel  # noqa: F401
from tests.core.synthetic import write_shards
from tests.core.test_augmentation import configs, models_that_draw  # noqa: F401


@pytest.mark.parametrize("command", ["", "fit", "sample", "review"])
def test_every_command_explains_itself(maskel, command):  # noqa: F811
    status, out, _ = maskel("augment", *command.split(), "--help")
    assert status == 0 and "Usage" in out


def test_from_shards_to_shards(maskel, tmp_path, models_that_draw):  # noqa: F811
    data, run, out = tmp_path / "data", tmp_path / "run", tmp_path / "set"
    write_shards(data, {"train": 8, "val": 4})
    small, large = configs(tmp_path)
    fit = ("augment", "fit", "--data", data, "--out", run, "--generator", small, "--super-resolver", large)
    assert maskel(*fit)[0] == 0
    status, _, stderr = maskel(*fit)
    assert status == 1 and "already holds a fit" in stderr
    assert maskel(*fit, "--resume")[0] == 0
    sample = ("augment", "sample", "--run", run, "--count", 20, "--out", out, "--device", "cpu")
    status, stdout, stderr = maskel(*sample)
    assert status == 0 and stdout == "" and "thrown away: " in stderr and " empty" in stderr
    assert json.loads((out / "manifest.json").read_text())["count"] == 20
    status, _, stderr = maskel(*sample, "--seed", 5)
    assert status == 1 and "holds another data set" in stderr
    review = ("augment", "review", "--run", run, "--samples", out, "--data", data, "--out", tmp_path / "r")
    status, stdout, _ = maskel(*review)
    assert status == 0 and json.loads(stdout)["training_pictures"] == 8


def test_sampling_from_no_fit_is_a_message(maskel, tmp_path):  # noqa: F811
    status, _, stderr = maskel("augment", "sample", "--run", tmp_path, "--count", 1, "--out", tmp_path / "o")
    assert status == 1 and "Error:" in stderr and "config.json is missing" in stderr
