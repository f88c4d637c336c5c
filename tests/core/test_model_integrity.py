"""A model folder that was cut short or tampered with is refused, by name of the file."""

from __future__ import annotations

import json
import pickle

import pytest
from maskel_core.errors import MaskelError
from maskel_core.models.configurations import CONFIGURATIONS
from maskel_core.models.manifest import CHECKSUMS, CONFIG, FILES, SHIPPED, WEIGHTS, file_digest
from maskel_core.models.store import export_model, load_model


@pytest.fixture
def folder(tmp_path):
    export_model(CONFIGURATIONS["tiny"].make_discriminator(), tmp_path / "model")
    return tmp_path / "model"


def refusal(folder):
    with pytest.raises(MaskelError) as caught:
        load_model(folder)
    return caught.value


def test_what_ships_carries_a_true_manifest():
    folders = [path.parent for path in SHIPPED.glob("*/config.json")]
    assert folders
    for folder in folders:
        sums = json.loads((folder / CHECKSUMS).read_text())
        names = {CONFIG, *(path.name for path in folder.glob("*.safetensors"))}
        assert sums == {name: file_digest(folder / name) for name in names}


def test_an_export_carries_one(folder):
    assert json.loads((folder / CHECKSUMS).read_text()) == {
        name: file_digest(folder / name) for name in FILES
    }
    load_model(folder)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("harm", ["cut", "flip", "empty", "longer"])
def test_a_changed_file_is_refused_by_name(folder, name, harm):
    data = bytearray((folder / name).read_bytes())
    if harm == "cut":
        data = data[:-1]
    elif harm == "flip":
        data[len(data) // 2] ^= 1
    elif harm == "empty":
        data = b""
    else:
        data += b" "
    (folder / name).write_bytes(data)
    error = refusal(folder)
    assert error.code == "model_damaged" and name in error.message and error.fix


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"config.json": "0"}'])
def test_a_manifest_that_says_too_little_is_refused(folder, text):
    (folder / CHECKSUMS).write_text(text)
    error = refusal(folder)
    assert error.code == "model_damaged" and CHECKSUMS in error.message


def test_a_manifest_cannot_point_elsewhere(folder, tmp_path):
    (tmp_path / "outside").write_text("x")
    sums = json.loads((folder / CHECKSUMS).read_text())
    (folder / CHECKSUMS).write_text(json.dumps({**sums, "../outside": "0"}))
    load_model(folder)


def test_a_model_that_ships_needs_its_manifest(folder, monkeypatch):
    (folder / CHECKSUMS).unlink()
    load_model(folder)
    monkeypatch.setattr("maskel_core.models.manifest.SHIPPED", folder.parent.resolve())
    assert CHECKSUMS in refusal(folder).message


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickle_is_never_read(folder, tmp_path):
    trap = pickle.dumps(Trap(tmp_path / "sprung"))
    pickle.loads(trap).close()
    assert (tmp_path / "sprung").exists(), "the trap works"
    (tmp_path / "sprung").unlink()
    for name in ("diffusion_pytorch_model.bin", "pytorch_model.bin", "model.pt"):
        (folder / name).write_bytes(trap)
    load_model(folder)
    (folder / CHECKSUMS).unlink()
    (folder / WEIGHTS).write_bytes(trap)
    assert refusal(folder).code == "model_damaged"
    (folder / WEIGHTS).unlink()
    assert refusal(folder).code == "model_missing"
    (folder / CONFIG).unlink()
    assert refusal(folder).code == "model_missing"
    assert not (tmp_path / "sprung").exists()
