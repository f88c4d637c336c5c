"""Frame lists and file names: what people write and what file systems take."""

import pytest

from maskel_blender.batch.frames import LAST, parse_frames
from maskel_blender.batch.naming import MOST_BYTES, Pattern, safe_name, split_output
from maskel_blender.batch.plan import Plan, Settings, default_pattern
from maskel_blender.errors import PlanError

VALUES = {"camera": "Cam", "character": "Hero", "frame": 7, "style": "dxa", "scene": "Scene"}


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("7", (7,)),
        ("1-4", (1, 2, 3, 4)),
        ("1..4", (1, 2, 3, 4)),
        ("1-9x4", (1, 5, 9)),
        ("9,1,5,1", (1, 5, 9)),
        (" 3 , 1-2 ", (1, 2, 3)),
        ("-3--1", (-3, -2, -1)),
        ("-2-1", (-2, -1, 0, 1)),
    ],
)
def test_frames(text, frames):
    assert parse_frames(text) == frames


@pytest.mark.parametrize(
    "text", ["", ",", "1-", "x", "1-5x0", "5-1", "1.5", "1-2-3", f"{LAST + 1}", "1-999999999", "١"]
)
def test_no_frames(text):
    with pytest.raises(PlanError) as caught:
        parse_frames(text)
    assert caught.value.code == "bad_frames"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Front", "Front"),
        ("Größe 東京", "Größe 東京"),
        ("a/b\\c:d", "a_b_c_d"),
        ("../../etc/passwd", "__.._etc_passwd"),
        ("..", "_"),
        ("", "_"),
        (".hidden", "_hidden"),
        ("trailing. . ", "trailing"),
        ("CON", "_CON"),
        ("con.front", "_con.front"),
        ("COM1", "_COM1"),
        ("lpt¹", "_lpt¹"),
        ("Console", "Console"),
        ("tab\there", "tab_here"),
        ("half \udc80 name", "half _ name"),
        ("Cafe\u0301", "Caf\u00e9"),
    ],
)
def test_safe_names(name, safe):
    assert safe_name(name) == safe


def test_long_names_stay_apart_and_keep_their_ending():
    one, other = safe_name("é" * 300 + "1.png"), safe_name("é" * 300 + "2.png")
    assert one != other
    for name in (one, other):
        assert len(name.encode()) <= MOST_BYTES
        assert name.endswith(".png")


def test_pattern():
    pattern = Pattern.parse("{scene}/{camera}/{character}_{frame:04d}.png")
    assert str(pattern.path(VALUES)) == "Scene/Cam/Hero_0007.png"
    assert str(Pattern.parse("{camera}").path(VALUES)) == "Cam.png"
    assert str(Pattern.parse("{{{camera}}}.PNG").path(VALUES)) == "{Cam}.PNG"
    assert str(Pattern.parse("{camera}\\{frame}").path(VALUES)) == "Cam/7.png"
    assert pattern.has("frame")
    assert not Pattern.parse("{camera}").has("frame")


@pytest.mark.parametrize(
    "name", ["../../up", "/etc/passwd", "C:\\Windows", "..", "a/../../b", "\\\\host\\share", "nul", "x" * 999]
)
def test_no_path_escapes(tmp_path, name):
    path = Pattern.parse("{camera}/{character}.png").path(VALUES | {"camera": name, "character": name})
    assert len(path.parts) == 2
    assert (tmp_path / path).resolve().parent.parent == tmp_path.resolve()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/abs/{camera}",
        "../{camera}",
        "{camera}/../x",
        "{camera}/./x",
        "{camera",
        "{nobody}",
        "{}",
        "{0}",
        "{camera.__class__}",
        "{camera[0]}",
        "{camera!r}",
        "{camera:>99}",
        "{frame:x}",
        "{frame:0999d}",
        "a:{camera}",
        "{camera}?.png",
        "{camera}.jpg",
    ],
)
def test_bad_patterns(text):
    with pytest.raises(PlanError) as caught:
        Pattern.parse(text)
    assert caught.value.code == "bad_pattern"


def test_output_is_folder_and_pattern():
    assert split_output("out") == ("out", "")
    assert split_output("out/x/{camera}/{frame}.png") == ("out/x/", "{camera}/{frame}.png")
    assert split_output("C:\\out\\a{camera}") == ("C:\\out\\", "a{camera}")
    assert split_output("{camera}.png") == ("", "{camera}.png")


def build(tmp_path, pattern, cameras=("A",), characters=("Hero",), frames=(1,), **settings):
    return Plan.build(cameras, characters, frames, tmp_path, pattern, Settings(**settings))


def test_every_item_once(tmp_path):
    plan = build(
        tmp_path,
        default_pattern(2, True),
        ("A", "B", "A"),
        ("Hero", "Friend"),
        (1, 2, 3, 1),
        formats=("mask", "joints"),
    )
    assert len(plan.items) == len({item.key for item in plan.items}) == 2 * 2 * 3
    # frames outermost, cameras innermost: a character is read once for all its cameras
    assert [item.key for item in plan.items[:3]] == [("A", "Hero", 1), ("B", "Hero", 1), ("A", "Friend", 1)]
    paths = [str(path) for item in plan.items for path in item.files.values()]
    assert len(set(paths)) == len(paths) == 3 * 12
    assert "A/Hero_0001.png" in paths
    assert "A/Hero_0001.mask.png" in paths
    assert "A/Hero_0001.joints.json" in paths


def test_default_names(tmp_path):
    (item,) = build(tmp_path, default_pattern(1, False), formats=("mask", "layers", "joints")).items
    assert {kind: str(path) for kind, path in item.files.items()} == {
        "xray": "A.xray.png",
        "mask": "A.mask.png",
        "bone": "A.bone.png",
        "soft": "A.soft.png",
        "layers": "A.layers.json",
        "joints": "A.joints.json",
    }
    # a part of a batch with a single frame names it as the others do
    assert default_pattern(1, True) == "{camera}/{frame:04d}.png"


@pytest.mark.parametrize(
    ("pattern", "wanted", "fix"),
    [
        ("{camera}.png", {"frames": (1, 2)}, "{frame:04d}"),
        ("{frame}.png", {"cameras": ("A", "B")}, "{camera}"),
        ("{camera}.png", {"characters": ("Hero", "Friend")}, "{character}"),
        ("{camera}.png", {"cameras": ("a/b", "a?b")}, "Rename one camera"),
        ("{camera}.png", {"cameras": ("front", "Front")}, "Rename one camera"),
        ("{camera}.png", {"cameras": ("Cafe\u0301", "Caf\u00e9")}, "Rename one camera"),
        ("{camera}.png", {"cameras": ("A", "A.mask")}, "Rename one camera"),
        ("{camera}_{character}.png", {"characters": ("Hero", "Hero")}, "once"),
    ],
)
def test_collisions_are_refused(tmp_path, pattern, wanted, fix):
    with pytest.raises(PlanError) as caught:
        build(tmp_path, pattern, **wanted)
    assert caught.value.code == "name_collision"
    assert fix in caught.value.fix


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"style": "psychedelic"}, "bad_style"),
        ({"view": "above"}, "bad_view"),
        ({"size": -1}, "bad_size"),
        ({"size": 9000}, "bad_size"),
        ({"formats": ("video",)}, "bad_format"),
    ],
)
def test_bad_settings(tmp_path, settings, code):
    with pytest.raises(PlanError) as caught:
        build(tmp_path, "{camera}", **settings)
    assert caught.value.code == code


def test_nothing_to_do(tmp_path):
    with pytest.raises(PlanError) as caught:
        build(tmp_path, "{camera}", cameras=())
    assert caught.value.code == "nothing_to_do"
    assert Settings(style="bone").digest != Settings().digest == Settings().digest
