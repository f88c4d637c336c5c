"""The page of a reading study keeps the secret, and the order keeps a body's two pictures apart."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import re
from collections import Counter

import numpy as np
import pytest
from maskel_core.errors import MaskelError
from maskel_core.pipeline import render_style
from maskel_core.study.cases import choose_samples, make_cases, order_cases, shows_all, simulated_picture
from maskel_core.study.page import build_page, embed_json, key_path, study_id, write_study
from PIL import Image

from tests.core.reading import small_study, tiny_pipeline
from tests.core.synthetic import figure, write_shards


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return small_study(tmp_path_factory.mktemp("study"))


def embedded(text):
    return json.loads(re.search(r'id="study">(.*?)</script>', text, re.DOTALL)[1])


def meta(body, view=0.0, clothing=(), style=None, key=None):
    person = {"seed": body, "stylised": style is not None, "style": style, "age_group": "adult"}
    return {
        "key": key or f"{body:05d}{view:.1f}",
        "body": person,
        "camera": {"yaw": view},
        "clothing": list(clothing),
    }


@pytest.mark.parametrize("bodies", [2, 3, 7, 20])
def test_every_body_comes_twice_in_both_forms_and_far_apart(bodies):
    for seed in range(20):
        order = order_cases(bodies, np.random.default_rng(seed))
        assert Counter((body, source) for body, source, _ in order) == {
            (body, source): 1 for body in range(bodies) for source in ("made", "truth")
        }
        assert [part for *_, part in order] == [1] * bodies + [2] * bodies
        assert {body for body, _, part in order if part == 1} == set(range(bodies))
        assert sum(source == "made" for _, source, part in order if part == 1) == bodies // 2
        places = {}
        for place, (body, *_) in enumerate(order):
            places.setdefault(body, []).append(place)
        assert min(second - first for first, second in places.values()) > bodies / 2


def test_the_order_is_not_always_the_same():
    orders = {tuple(order_cases(6, np.random.default_rng(seed))) for seed in range(10)}
    assert len(orders) == 10


def test_views_take_turns_and_a_person_comes_once():
    metas = [meta(i, 0.0) for i in range(30)]
    metas += [meta(100 + i, np.pi / 2) for i in range(5)] + [meta(i, np.pi) for i in range(5)]
    chosen = choose_samples(metas, 12, np.random.default_rng(0))
    assert len({m["body"]["seed"] for m in chosen}) == 12
    assert Counter(m["camera"]["yaw"] for m in chosen) == {0.0: 4, np.pi / 2: 4, np.pi: 4}


def test_plain_leaves_out_the_dressed_and_the_stylised():
    metas = [meta(1), meta(2, clothing=["cape"]), meta(3, style="chibi"), meta(4)]
    assert {m["body"]["seed"] for m in choose_samples(metas, 2, np.random.default_rng(0), plain=True)} == {
        1,
        4,
    }
    with pytest.raises(MaskelError) as refused:
        choose_samples(metas, 3, np.random.default_rng(0), plain=True)
    assert refused.value.code == "too_few_bodies"


def test_bodies_that_are_cut_are_not_shown():
    mask, _bone, soft, _ = figure(3, 72)
    assert shows_all({"mask": mask, "soft": soft})
    cut = mask.copy()
    cut[50:] = 0
    assert not shows_all({"mask": cut, "soft": soft})
    assert not shows_all({"mask": mask, "soft": np.zeros_like(soft)})
    # A crop takes mask and layers alike.
    lower = {"mask": np.roll(mask, 20, axis=0), "soft": np.roll(soft, 20, axis=0)}
    for part in lower.values():
        part[:20] = 0
    assert not shows_all(lower)


def test_the_simulated_picture_is_the_truth_in_the_same_tone_curve():
    mask, bone, soft, _ = figure(3, 72)
    for style in ("dxa", "inverted"):
        wanted = render_style(style, bone.astype(np.float32), soft.astype(np.float32), mask)
        shown = simulated_picture({"mask": mask, "bone": bone, "soft": soft}, style, 72)
        assert np.array_equal(shown, wanted)
    assert simulated_picture({"mask": mask, "bone": bone, "soft": soft}, "dxa", 36).shape == (36, 36)


def test_made_pictures_are_the_pipelines(tmp_path):
    data = write_shards(tmp_path / "data", {"test": 4})
    cases = make_cases(data, tiny_pipeline(), 4, 5, "radiograph", size=60)
    for case in cases:
        mask, bone, soft, _ = figure(int(case.body), 72)
        made = tiny_pipeline()(mask, style="radiograph", size=60).image
        truth = simulated_picture({"mask": mask, "bone": bone, "soft": soft}, "radiograph", 60)
        assert np.array_equal(case.picture, {"made": made, "truth": truth}[case.source])
        assert not np.array_equal(made, truth)


def test_the_same_seed_gives_the_same_study(tmp_path, study):
    data = write_shards(tmp_path / "data", {"train": 1, "test": 8})
    again = make_cases(data, tiny_pipeline(), 8, 1, "dxa")
    assert [dataclasses.replace(case, picture=None) for case in again] == [
        dataclasses.replace(case, picture=None) for case in study[1]
    ]
    assert study_id(again) == study_id(study[1])
    assert study_id(make_cases(data, tiny_pipeline(), 8, 2, "dxa")) != study_id(again)


def test_nothing_of_the_key_is_in_the_page(study):
    page, cases = study
    swapped = [
        dataclasses.replace(
            case,
            source="made" if case.source == "truth" else "truth",
            sample="x",
            body="y",
            part=3 - case.part,
            groups=dict.fromkeys(case.groups, "z"),
        )
        for case in cases
    ]
    # Byte for byte the same page whatever the key says: so it can tell nothing of it.
    assert build_page(swapped, "dxa").encode() == page.read_bytes()
    assert all(set(one) == {"id", "picture"} for one in embedded(page.read_text("utf-8"))["cases"])


def test_the_page_shows_the_pictures_in_order_without_metadata(study):
    page, cases = study
    for shown, case in zip(embedded(page.read_text("utf-8"))["cases"], cases, strict=True):
        assert shown["id"] == case.id and re.fullmatch("[0-9a-f]{8}", case.id)
        data = base64.b64decode(shown["picture"].removeprefix("data:image/png;base64,"))
        with Image.open(io.BytesIO(data)) as image:
            assert np.array_equal(np.asarray(image), case.picture) and not image.info
    assert len({case.id for case in cases}) == len(cases)


def test_the_page_reaches_for_nothing(study):
    text = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", study[0].read_text("utf-8"))
    assert not re.search(
        r"https?:|//[a-z0-9]|\bsrc=|@import|url\(|fetch\(|XMLHttp|WebSocket|sendBeacon|eval\(", text
    )
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert "{{" not in text and "Not for medical use" in text


def test_what_is_embedded_cannot_end_the_script():
    nasty = {"a": "</script><script>alert(1)</script><!--", "b": "&lt;\u2028"}
    text = embed_json(nasty)
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == nasty


def test_the_key_says_which_is_which(study):
    page, cases = study
    key = json.loads(key_path(page).read_text("utf-8"))
    assert key["study"] == study_id(cases) == embedded(page.read_text("utf-8"))["study"]
    assert [(c["id"], c["source"], c["sample"], c["view"], c["pose"]) for c in key["cases"]] == [
        (c.id, c.source, c.sample, "front", "standing") for c in cases
    ]
    assert (key["model"], key["seed"], key["style"]) == ("tiny", 1, "dxa")


def test_a_study_is_never_written_over(study):
    page, cases = study
    with pytest.raises(MaskelError) as refused:
        write_study(page, cases, "dxa")
    assert refused.value.code == "file_exists"


def test_no_key_stays_behind_without_its_page(tmp_path, study, monkeypatch):
    def broken(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("maskel_core.study.page.build_page", broken)
    with pytest.raises(MaskelError) as refused:
        write_study(tmp_path / "page.html", study[1], "dxa")
    assert refused.value.code == "cannot_write" and not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    with pytest.raises(MaskelError) as refused:
        write_study(tmp_path / "file" / "page.html", study[1], "dxa")
    assert refused.value.code == "cannot_write"


@pytest.mark.parametrize(
    "changes, code",
    [
        ({"count": 7}, "bad_cases"),
        ({"count": 2}, "bad_cases"),
        ({"count": 100}, "too_few_bodies"),
        ({"size": 500}, "bad_size"),
        ({"style": "sepia"}, "bad_style"),
    ],
)
def test_what_cannot_be_made_is_refused_by_name(tmp_path, changes, code):
    data = write_shards(tmp_path / "data", {"test": 4})
    wanted = {"count": 4, "seed": 0, "style": "dxa", "size": None} | changes
    with pytest.raises(MaskelError) as refused:
        make_cases(data, tiny_pipeline(), **wanted)
    assert refused.value.code == code


def test_a_folder_without_a_test_split_is_refused(tmp_path):
    with pytest.raises(MaskelError) as refused:
        make_cases(write_shards(tmp_path, {"train": 2}), tiny_pipeline(), 4, 0, "dxa")
    assert refused.value.code == "data_missing"
