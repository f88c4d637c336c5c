"""`blender -b FILE --command maskel`."""

import bpy
import numpy as np

from maskel_blender.cli import DONE, SOME_FAILED, WRONG_USE, run
from maskel_blender.client.png import decode_png, read_text


def test_writes_pictures_and_file(scene, character, server, tmp_path):
    saved = tmp_path / "with planes.blend"
    assert (
        run(
            [
                "--camera",
                "Camera",
                "--output",
                str(tmp_path / "new" / "out"),
                "--style",
                "inverted",
                "--save",
                str(saved),
            ]
        )
        == DONE
    )
    mask = decode_png((tmp_path / "new" / "out" / "Camera.mask.png").read_bytes())
    xray = decode_png((tmp_path / "new" / "out" / "Camera.xray.png").read_bytes())
    told = read_text((tmp_path / "new" / "out" / "Camera.xray.png").read_bytes())
    assert (told["MaSkel model"], told["MaSkel style"]) == ("fake", "inverted")
    assert "Not for medical use" in told["Disclaimer"]
    assert mask.shape == xray.shape == (400, 300)
    np.testing.assert_array_equal(xray, (mask * 0.6).astype(np.uint8))
    assert server.forms[0]["style"] == b"inverted"
    bpy.ops.wm.open_mainfile(filepath=str(saved))
    assert [item.type for item in bpy.data.collections["MaSkel"].objects] == ["MESH", "EMPTY"]


def test_some_failed(scene, character, server, tmp_path, capsys):
    assert run(["--camera", "Camera", "--camera", "Nobody", "--output", str(tmp_path)]) == SOME_FAILED
    assert (tmp_path / "Camera.xray.png").exists()
    assert "Nobody" in capsys.readouterr().err


def test_wrong_use(scene, character, server, tmp_path, monkeypatch):
    out = ["--output", str(tmp_path)]
    assert run([]) == WRONG_USE
    assert run([*out, "--style", "psychedelic"]) == WRONG_USE
    assert run([*out, "--size", "-3"]) == WRONG_USE
    assert run([*out, "--target", "Nobody"]) == WRONG_USE
    assert run([*out, "--collection", "Nobody"]) == WRONG_USE
    assert run(["--help"]) == DONE
    monkeypatch.delenv("MASKEL_SERVER")
    monkeypatch.setenv("PATH", "")
    assert run(out) == WRONG_USE
    assert not list(tmp_path.glob("*.png"))


def test_named_targets(scene, character, server, tmp_path):
    bpy.context.view_layer.objects.active = None
    assert run(["--output", str(tmp_path)]) == WRONG_USE
    assert run(["--output", str(tmp_path), "--target", "Rig"]) == DONE
