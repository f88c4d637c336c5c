"""Answers with layers and joints, and those that are none."""

import base64
import json

import numpy as np
import pytest

from maskel_blender.client.answer import read_answer
from maskel_blender.client.png import encode_png
from maskel_blender.client.request import XrayRequest
from maskel_blender.errors import ClientError
from maskel_blender.silhouette.sharing import shared_within, sharing_meshes

PNG = encode_png(np.full((4, 3), 9, np.uint8))
JSON = {"content-type": "application/json; charset=utf-8"}
DEEP = encode_png(np.full((4, 3), 900, np.uint16))
TEXT = base64.b64encode(PNG).decode()


def test_json():
    answer = read_answer(
        JSON,
        json.dumps(
            {
                "model": "m",
                "version": "1",
                "seconds": 0.5,
                "image": TEXT,
                "layers": {"bone": {"png": base64.b64encode(DEEP).decode(), "scale": 0.25}},
                "joints": {"head": {"x": 1, "y": 2.5, "confidence": 0.75}},
                "familiarity": 0.8,
            }
        ).encode(),
    )
    assert (answer.image_png, answer.model, answer.version, answer.seconds) == (PNG, "m", "1", 0.5)
    assert (answer.layers["bone"].png, answer.layers["bone"].scale) == (DEEP, 0.25)
    joint = answer.joints["head"]
    assert (joint.x, joint.y, joint.confidence, answer.familiarity) == (1.0, 2.5, 0.75, 0.8)


def test_png():
    answer = read_answer({"content-type": "image/png", "x-maskel-familiarity": "0.25"}, PNG)
    assert (answer.image_png, answer.familiarity, answer.layers, answer.joints) == (PNG, 0.25, {}, {})
    assert read_answer({"content-type": "image/png", "x-maskel-seconds": "soon"}, PNG).seconds == 0.0


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "text/html"}, PNG),
        ({}, PNG),
        (JSON, b"{"),
        (JSON, b"[]"),
        (JSON, b'{"model": "m"}'),
        (JSON, b'{"image": "!"}'),
        (JSON, json.dumps({"image": TEXT, "layers": {"bone": {"png": TEXT}}}).encode()),
        (JSON, json.dumps({"image": TEXT, "joints": {"head": [1, 2]}}).encode()),
    ],
)
def test_what_is_no_answer(headers, body):
    with pytest.raises(ClientError) as caught:
        read_answer(headers, body)
    assert caught.value.code == "bad_answer"


def test_what_is_asked_for():
    assert XrayRequest(PNG, layers=False).fields() == {"style": "dxa", "format": "png"}
    asked = XrayRequest(PNG, joints=True, view="left")
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
