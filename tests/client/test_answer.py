"""Reading what a server answers, and refusing what no server of ours answers."""

import base64
import json

import numpy as np
import pytest

from maskel_blender.client.answer import Joint, read_answer
from maskel_blender.client.png import encode_png
from maskel_blender.client.request import XrayRequest
from maskel_blender.errors import ClientError
from maskel_blender.silhouette.sharing import shared_within, sharing_meshes

PICTURE = encode_png(np.full((4, 3), 9, np.uint8))
LAYER = encode_png(np.full((4, 3), 5000, np.uint16))
TEXT = base64.b64encode


def answer(**changes):
    values = {
        "model": "m",
        "version": "1.2",
        "seconds": 0.5,
        "image": TEXT(PICTURE).decode(),
        "layers": {name: {"png": TEXT(LAYER).decode(), "scale": 0.001} for name in ("bone", "soft")},
        "joints": {"head": {"x": 1, "y": 2.5, "confidence": 0.5}},
        "familiarity": 0.25,
    }
    return json.dumps(values | changes).encode()


JSON = {"content-type": "application/json; charset=utf-8"}


def test_json():
    read = read_answer(JSON, answer())
    assert (read.model, read.version, read.seconds, read.familiarity) == ("m", "1.2", 0.5, 0.25)
    assert read.image_png == PICTURE
    assert read.joints == {"head": Joint(1.0, 2.5, 0.5)}
    assert read.layers["bone"].pixels[0, 0] * read.layers["bone"].scale == pytest.approx(5.0)


def test_what_may_be_missing():
    read = read_answer(JSON, answer(layers=None, joints={}, familiarity=None))
    assert (read.layers, read.joints, read.familiarity) == ({}, {}, None)


def test_picture_alone():
    headers = {"content-type": "image/png", "x-maskel-model": "m", "x-maskel-familiarity": "0.75"}
    read = read_answer(headers, PICTURE)
    assert (read.image_png, read.model, read.seconds, read.familiarity) == (PICTURE, "m", 0.0, 0.75)
    assert read_answer(headers | {"x-maskel-familiarity": "nan"}, PICTURE).familiarity is None


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({"content-type": "text/html"}, b"<html>", "bad_answer"),
        ({}, b"", "bad_answer"),
        (JSON, b"[]", "bad_answer"),
        (JSON, b"{}", "bad_answer"),
        (JSON, answer(image="not base64!"), "bad_answer"),
        (JSON, answer(image=None), "bad_answer"),
        (JSON, answer(layers={"bone": {"png": TEXT(LAYER).decode(), "scale": -1}}), "bad_answer"),
        (JSON, answer(layers={"bone": {"png": TEXT(LAYER).decode()}}), "bad_answer"),
        (JSON, answer(layers=[1]), "bad_answer"),
        (JSON, answer(joints={"head": {"x": 1}}), "bad_answer"),
        (JSON, answer(layers={"bone": {"png": TEXT(PICTURE).decode(), "scale": 1.0}}), "bad_picture"),
    ],
)
def test_refused(headers, body, code):
    with pytest.raises(ClientError) as caught:
        read_answer(headers, body)
    assert caught.value.code == code


def test_what_is_asked_for():
    assert XrayRequest(PICTURE, layers=False).fields() == {"style": "dxa", "format": "png"}
    asked = XrayRequest(PICTURE, joints=True, view="left")
    assert asked.fields() == {"style": "dxa", "format": "json", "view": "left", "joints": "true"}
    assert XrayRequest.from_json(asked.to_json()) == asked


def test_sharing_reads_once_within():
    calls = []

    @shared_within
    def read(graph, left_out=frozenset()):
        calls.append((graph, left_out))
        return [graph]

    assert read("a") == ["a"]
    with sharing_meshes():
        first = read("b")
        assert read("c") is first
        assert read("c", {"Hat"}) == ["c"]
        assert read("d", {"Hat"}) == ["c"]
        with sharing_meshes():
            assert read("e") == ["e"]
        assert read("f") is first
    assert read("g") == ["g"]
    assert len(calls) == 5
