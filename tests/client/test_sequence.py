"""Frames, their files and the pictures' places."""

import numpy as np
import pytest

from maskel_blender.client.png import encode_png
from maskel_blender.errors import MaskelError
from maskel_blender.placement.frame import Frame
from maskel_blender.sequence.files import FrameRange, SequenceFiles, stem_of
from maskel_blender.sequence.pose import nearer, square
from maskel_blender.silhouette.raster import Region
from maskel_blender.silhouette.view import CameraView


def test_frames():
    made = FrameRange(10, 20, 4)
    assert made.frames == [10, 14, 18]
    assert [list(made.held(frame)) for frame in made.frames] == [
        [10, 11, 12, 13],
        [14, 15, 16, 17],
        [18, 19, 20],
    ]


@pytest.mark.parametrize("values", [(5, 4, 1), (1, 5, 0), (0, 10_000_000, 1)])
def test_no_range(values):
    with pytest.raises(MaskelError, match="range of frames"):
        FrameRange(*values)


def test_files_have_the_frames_numbers(tmp_path):
    files = SequenceFiles(tmp_path / "new" / "ä", "body", FrameRange(99, 103, 2))
    for frame in files.range.frames:
        files.write(frame, b"%d" % frame)
    found = {path.name: path.read_bytes() for path in files.folder.iterdir()}
    assert found == {
        "body_0099.png": b"99",
        "body_0100.png": b"99",
        "body_0101.png": b"101",
        "body_0102.png": b"101",
        "body_0103.png": b"103",
    }
    assert files.offset == 98


def test_negative_frames_are_numbered_from_one(tmp_path):
    files = SequenceFiles(tmp_path, "body", FrameRange(-3, 2))
    assert files.offset == 0
    assert [files.path(frame).name for frame in (-3, 2)] == ["body_0001.png", "body_0006.png"]


def test_gaps_hold_what_was_before(tmp_path):
    files = SequenceFiles(tmp_path, "body", FrameRange(1, 6))
    for frame in (3, 5):
        files.write(frame, b"%d" % frame)
    files.fill_gaps({3, 5})
    assert [files.path(frame).read_bytes() for frame in range(1, 7)] == [b"3", b"3", b"3", b"3", b"5", b"5"]


@pytest.mark.parametrize("start", [-2, 0, 1, 3])
def test_before_the_first_frame_the_first_picture_is_held_unless_there_is_one(tmp_path, start):
    files = SequenceFiles(tmp_path, "body", FrameRange(start, start + 2))
    for frame in files.range.frames:
        files.write(frame, b"%d" % frame)
    files.fill_gaps(set(files.range.frames))
    before = files.path(start - 1)
    assert before.name == f"body_{max(start - 1, 0):04d}.png"
    assert before.read_bytes().startswith(b"%d" % start)
    files.write(start, b"anew")
    files.fill_gaps(set(files.range.frames))
    assert before.read_bytes().startswith(b"anew")
    before.write_bytes(b"of an earlier range")
    files.fill_gaps(set(files.range.frames))
    assert before.read_bytes() == b"of an earlier range"


def test_size_of_a_picture(tmp_path):
    files = SequenceFiles(tmp_path, "body", FrameRange(4, 6))
    files.write(5, encode_png(np.zeros((30, 17, 4), np.uint8)))
    assert files.size(5) == (17, 30)
    files.write(6, b"cut off")
    for frame in (4, 6):
        with pytest.raises(MaskelError, match="cannot be read") as caught:
            files.size(frame)
        assert caught.value.code == "cannot_write"


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MaskelError, match="folder you may write to"):
        SequenceFiles(tmp_path / "file" / "x", "body", FrameRange(1, 2)).write(1, b"")


def test_stems():
    assert stem_of("Body", "Camera") == "Body_Camera"
    names = [
        ("Körper", "Cam"),
        ("K_rper", "Cam"),
        ("K/rper", "Cam"),
        ("..", "Cam"),
        ("", ""),
        ("a_b", "c"),
        ("a", "b_c"),
    ]
    stems = {stem_of(*each) for each in names}
    assert len(stems) == len(names)
    assert all(stem.isascii() and "/" not in stem and not stem.startswith(".") for stem in stems)


@pytest.mark.parametrize("orthographic", [False, True])
def test_the_double_looks_the_same(orthographic):
    projection = np.array(
        [[1.5, 0, 0.2, 0], [0, 2.0, -0.1, 0], [0, 0, -1.01, -0.2], [0, 0, -1, 0]], np.float64
    )
    if orthographic:
        projection = np.array([[0.5, 0, 0, 0.2], [0, 0.7, 0, -0.1], [0, 0, -0.02, -1.0], [0, 0, 0, 1]])
    view = CameraView("Camera", 300, 200, Region(0, 0, 300, 200), False, projection, np.eye(4), 0.1)
    frame = Frame(view, 4.0, 5.0)
    corners = np.array([[-0.5, -0.5, 0, 1], [0.5, -0.5, 0, 1], [0.5, 0.5, 0, 1], [-0.5, 0.5, 0, 1]]).T
    plane = square(frame) @ corners
    double = square(frame) @ nearer(frame, 0.01) @ corners
    seen = [points[:2] / points[3] for points in (projection @ plane, projection @ double)]
    np.testing.assert_allclose(seen[0], [[-1, 1, 1, -1], [-1, -1, 1, 1]], atol=1e-9)
    np.testing.assert_allclose(seen[0], seen[1], atol=1e-9)
    np.testing.assert_allclose(double[2], 0.99 * plane[2])
