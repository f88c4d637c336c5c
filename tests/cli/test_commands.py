"""The ``maskel`` command as users meet it: exit status, files, words."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from maskel_core.errors import MaskelError
from maskel_core.images import decode_mask
from maskel_core.version import __version__
from PIL import Image

from tests.server.doubles import SquarePipeline

COMMAND = [sys.executable, "-c", "from maskel_core.cli import main; main()"]


@pytest.fixture
def maskel(monkeypatch, capsys):
    """Run the command in this process; answers (status, stdout, stderr)."""
    from maskel_core.cli import main

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["maskel", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return run


@pytest.fixture
def double(monkeypatch):
    pipeline = SquarePipeline()
    monkeypatch.setattr("maskel_core.runtime.open_pipeline", lambda *arguments: pipeline)
    return pipeline


@pytest.fixture
def masks(tmp_path):
    """Two mask files of different sizes."""
    paths = []
    for name, shape in (("one", (40, 30)), ("two", (20, 50))):
        mask = np.zeros(shape, np.uint8)
        mask[5:15, 5:25] = 255
        paths.append(tmp_path / f"{name}.png")
        Image.fromarray(mask).save(paths[-1])
    return paths


def run_process(*arguments, **environment):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )


def test_help_needs_nothing_heavy():
    code = (
        "import sys\nsys.argv = ['maskel', '--help']\n"
        "from maskel_core.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "heavy = {'torch', 'diffusers', 'fastapi', 'numpy', 'PIL', 'uvicorn', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    for name in ("xray", "serve", "data", "train", "eval", "study", "doctor"):
        assert name in done.stdout


@pytest.mark.parametrize(
    "group",
    [
        "xray",
        "serve",
        "data",
        "data build",
        "data character",
        "train",
        "eval",
        "doctor",
        "study make",
        "study analyse",
    ],
)
def test_every_command_explains_itself(maskel, group):
    status, out, _ = maskel(*group.split(), "--help")
    assert status == 0 and "Usage" in out


def test_version(maskel):
    assert maskel("--version")[1].split() == ["maskel", __version__]


def test_xray_writes_grey_of_the_mask_s_size(maskel, double, masks, tmp_path):
    out = tmp_path / "deep" / "out"
    status, stdout, stderr = maskel("xray", *masks, "--out", out)
    assert status == 0 and stdout == ""
    assert sorted(path.name for path in out.iterdir()) == ["one.png", "two.png"]
    for path in masks:
        with Image.open(out / path.name) as image, Image.open(path) as mask:
            assert image.mode == "L" and image.size == mask.size
            assert np.array_equal(np.asarray(image), np.asarray(mask) // 2)
        assert f"{path} -> " in stderr


def test_xray_passes_its_options_on(maskel, double, masks, tmp_path):
    arguments = ("--style", "bone", "--size", 90, "--joints")
    assert maskel("xray", masks[0], "--out", tmp_path / "o", *arguments)[0] == 0
    assert double.calls == [((40, 30), "bone", 90, True)]
    with Image.open(tmp_path / "o" / "one.png") as image:
        assert max(image.size) == 90
    joints = json.loads((tmp_path / "o" / "one.joints.json").read_text())
    assert list(joints) == ["joints"] and set(joints["joints"]["head"]) == {"x", "y", "confidence"}


@pytest.mark.parametrize(("arguments", "looks"), [((), None), (("--looks", 1), 1), (("--looks", 2), 2)])
def test_xray_looks_as_often_as_told(maskel, masks, tmp_path, monkeypatch, arguments, looks):
    asked = []

    def opened(model, device, threads, precision, looks):
        asked.append(looks)
        return SquarePipeline()

    monkeypatch.setattr("maskel_core.runtime.open_pipeline", opened)
    assert maskel("xray", masks[0], "--out", tmp_path / "o", *arguments)[0] == 0
    assert asked == [looks]
    assert maskel("xray", masks[0], "--out", tmp_path / "o", "--looks", 3)[0] == 2


def test_xray_writes_how_far_bone_may_be_off(maskel, double, masks, tmp_path):
    assert maskel("xray", masks[0], "--out", tmp_path / "o", "--uncertainty", "--view", "back")[0] == 0
    with Image.open(tmp_path / "o" / "one.uncertainty.png") as image, Image.open(masks[0]) as mask:
        assert image.mode == "L"
        assert np.abs(np.asarray(image) - np.asarray(mask) / 8).max() <= 0.5
    status, _, stderr = maskel("xray", masks[1], "--out", tmp_path / "o", "--view", "above")
    assert status == 1 and "view" in stderr


def test_one_bad_mask_does_not_stop_the_others(maskel, double, masks, tmp_path):
    text = tmp_path / "text.png"
    text.write_text("not an image")
    empty = tmp_path / "empty.png"
    Image.new("L", (9, 9)).save(empty)
    missing = tmp_path / "missing.png"
    out = tmp_path / "out"
    status, _, stderr = maskel("xray", text, masks[0], empty, missing, masks[1], "--out", out)
    assert status == 1
    assert sorted(path.name for path in out.iterdir()) == ["one.png", "two.png"]
    assert "3 of 5 failed" in stderr and "Traceback" not in stderr
    for path in (text, empty, missing):
        assert f"{path}: " in stderr


def test_two_masks_for_one_file_are_wrong_use(maskel, double, masks, tmp_path):
    (tmp_path / "b").mkdir()
    twin = tmp_path / "b" / "ONE.png"
    twin.write_bytes(masks[0].read_bytes())
    status, _, stderr = maskel("xray", masks[0], twin, "--out", tmp_path / "out")
    assert status == 2 and "one.png" in stderr
    assert not double.calls and not (tmp_path / "out").exists()


def test_an_xray_never_replaces_its_mask(maskel, double, masks, tmp_path):
    before = masks[0].read_bytes()
    status, _, stderr = maskel("xray", masks[0], "--out", tmp_path)
    assert status == 1 and "overwrite" in stderr
    assert masks[0].read_bytes() == before


@pytest.mark.parametrize(
    "arguments", [["xray"], ["xray", "m.png"], ["nothing"], ["xray", "m.png", "--out", "o", "--size", "big"]]
)
def test_wrong_use_is_status_2(maskel, arguments):
    status, _, stderr = maskel(*arguments)
    assert status == 2 and stderr


def test_an_out_folder_that_cannot_be(maskel, double, masks):
    status, _, stderr = maskel("xray", masks[0], "--out", masks[1])
    assert status == 2 and "cannot be made" in stderr


def test_errors_are_a_message_and_a_fix(maskel, monkeypatch, masks, tmp_path):
    def broken(*arguments):
        raise MaskelError("no_weights", "There are no weights.", "Install again.")

    monkeypatch.setattr("maskel_core.runtime.open_pipeline", broken)
    status, _, stderr = maskel("xray", masks[0], "--out", tmp_path / "o")
    assert status == 1
    assert "There are no weights." in stderr and "Install again." in stderr and "Traceback" not in stderr
    monkeypatch.setattr(
        sys, "argv", ["maskel", "--debug", "xray", str(masks[0]), "--out", str(tmp_path / "o")]
    )
    with pytest.raises(MaskelError):
        from maskel_core.cli import main

        main()


def test_a_device_that_is_not_there_is_typed(masks, tmp_path):
    done = run_process("xray", masks[0], "--out", tmp_path / "o", "--device", "abacus")
    assert done.returncode == 1 and "abacus" in done.stderr and "Traceback" not in done.stderr


def test_doctor_names_every_finding(tmp_path):
    done = run_process("doctor", "--json", MASKEL_STATE=str(tmp_path / "state"))
    findings = json.loads(done.stdout)["findings"]
    names = [finding["name"] for finding in findings]
    assert {
        "Python",
        "PyTorch",
        "Processor",
        "Memory",
        "State folder",
        "Blender libraries",
        "Blender",
    } <= set(names)
    assert all(finding["level"] in ("ok", "note", "missing") for finding in findings)
    assert all(finding["fix"] for finding in findings if finding["level"] == "missing")
    assert done.returncode == int(any(finding["level"] == "missing" for finding in findings))


def test_doctor_finds_what_is_broken(monkeypatch, tmp_path):
    from maskel_core.cli import checks

    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MASKEL_STATE", str(tmp_path / "file" / "below"))
    assert checks.state().level == "missing"
    monkeypatch.setattr(checks, "PACKAGE", tmp_path)
    assert checks.model().level == "missing" and checks.anatomy().level == "missing"
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "anatomy.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{}")
    with pytest.raises(MaskelError) as caught:
        checks.anatomy()
    assert caught.value.code == "damaged_file"
    monkeypatch.setattr(checks, "SYSTEM_LIBRARIES", {"libno-such-thing.so.9": "libno-such-thing9"})
    if sys.platform.startswith("linux"):
        finding = checks.blender_libraries()
        assert finding.level == "note" and finding.fix == "sudo apt-get install -y libno-such-thing9"


def test_a_saved_xray_is_a_mask_file_again(maskel, double, masks, tmp_path):
    maskel("xray", masks[0], "--out", tmp_path / "o")
    assert decode_mask((tmp_path / "o" / "one.png").read_bytes()).max() == 127
