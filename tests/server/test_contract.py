"""The HTTP contract of docs/architecture.md, call by call."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from maskel_core.errors import MaskelError
from maskel_core.version import API_MIN, API_VERSION, __version__

from tests.server.doubles import TOKEN, assert_typed, pixels_of, png_of


def post(client, png, headers=None, **fields):
    return client.post("/v1/xray", files={"mask": ("m.png", png)}, data=fields, headers=headers)


def test_health_is_open_and_complete(client):
    response = client.get("/v1/health", headers={"Authorization": ""})
    assert response.status_code == 200
    assert response.json() == {
        "status": "ready",
        "name": "maskel",
        "version": __version__,
        "api": API_VERSION,
        "api_min": API_MIN,
        "model": "double",
        "device": "cpu",
    }


def test_models_lists_the_one_model(client):
    (entry,) = client.get("/v1/models").json()["models"]
    assert entry["id"] == "double" and entry["default"] is True and entry["native_size"] == 64
    assert entry["styles"][0] == "dxa" and set(entry["styles"]) == {"dxa", "radiograph", "bone", "inverted"}


def test_png_answer_has_the_mask_s_size_and_the_headers(client, mask_png, body_mask):
    response = post(client, mask_png)
    assert response.status_code == 200
    assert response.headers["content-type"] == "image/png"
    mode, pixels = pixels_of(response.content)
    assert mode == "L" and np.array_equal(pixels, body_mask // 2)
    assert response.headers["x-maskel-model"] == "double"
    assert response.headers["x-maskel-version"] == __version__
    assert float(response.headers["x-maskel-seconds"]) >= 0


def test_fields_reach_the_pipeline(client, pipeline, mask_png):
    assert post(client, mask_png, style="bone", size="96", format="json", joints="true").status_code == 200
    assert pipeline.calls == [((48, 32), "bone", 96, True)]


@pytest.mark.parametrize("size", ["", "0"])
def test_no_size_is_the_mask_s(client, pipeline, mask_png, size):
    assert post(client, mask_png, size=size).status_code == 200
    assert pipeline.calls[0][2] is None


def test_json_answer_carries_layers_and_joints(client, mask_png, body_mask):
    answer = post(client, mask_png, format="json", joints="true").json()
    assert set(answer) == {
        "model",
        "version",
        "width",
        "height",
        "style",
        "seconds",
        "image",
        "layers",
        "joints",
        "familiarity",
    }
    assert (answer["width"], answer["height"], answer["style"]) == (32, 48, "dxa")
    assert answer["joints"] == {"head": {"x": 16.0, "y": 3.5, "confidence": 0.75}}
    assert pixels_of(base64.b64decode(answer["image"]))[0] == "L"
    bone = body_mask.astype(np.float32) / 255 * 1.25
    for name, truth in (("bone", bone), ("soft", bone * 2)):
        layer = answer["layers"][name]
        mode, pixels = pixels_of(base64.b64decode(layer["png"]))
        assert mode.startswith("I") and pixels.shape == (48, 32)
        assert np.abs(pixels * layer["scale"] - truth).max() <= layer["scale"] / 2 + 1e-6


@pytest.mark.parametrize(("found", "told"), [(0.625, "0.625"), (0.0, "0.000"), (None, None)])
def test_both_answers_say_how_familiar_the_mask_is(client, pipeline, mask_png, found, told):
    pipeline.familiarity = found
    assert post(client, mask_png, format="json").json()["familiarity"] == found
    assert post(client, mask_png).headers.get("X-MaSkel-Familiarity") == told


def test_json_without_joints_has_none(client, mask_png):
    assert post(client, mask_png, format="json").json()["joints"] == {}


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x"]
)
@pytest.mark.parametrize("call", [("GET", "/v1/models"), ("POST", "/v1/xray"), ("GET", "/v1/nothing")])
def test_a_wrong_token_opens_nothing(client, pipeline, call, header):
    response = client.request(*call, headers={"Authorization": header})
    assert_typed(response, 401, "unauthorized")
    assert response.headers["www-authenticate"] == "Bearer"
    assert not pipeline.calls


def test_version_handshake(client, mask_png):
    assert post(client, mask_png, headers={"X-MaSkel-Api": str(API_VERSION)}).status_code == 200
    assert_typed(post(client, mask_png, headers={"X-MaSkel-Api": "999"}), 409, "version_mismatch")
    assert client.get("/v1/health", headers={"X-MaSkel-Api": "999"}).status_code == 200


def test_unknown_paths_and_methods_are_typed(client):
    assert_typed(client.get("/v1/nothing"), 404, "not_found")
    assert_typed(client.get("/docs"), 404, "not_found")
    assert_typed(client.get("/v1/xray"), 405, "method_not_allowed")
    assert_typed(client.post("/v1/health"), 405, "method_not_allowed")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"size": "-1"}, "bad_size"),
        ({"size": "1.5"}, "bad_size"),
        ({"size": "many"}, "bad_size"),
        ({"size": "100000"}, "bad_size"),
        ({"joints": "perhaps"}, "bad_request"),
        ({"joints": "true"}, "bad_request"),
        ({"format": "tiff"}, "bad_request"),
        ({"stile": "dxa"}, "bad_request"),
        ({"style": "sepia"}, "bad_style"),
        ({"view": "above"}, "bad_view"),
        ({"uncertainty": "true"}, "bad_request"),
        ({"style": "x" * 5000}, "bad_request"),
    ],
)
def test_wrong_fields_are_named(client, mask_png, fields, code):
    assert_typed(post(client, mask_png, **fields), 422, code)


def test_uncertainty_is_a_third_layer_when_asked_for(client, mask_png):
    plain = post(client, mask_png, format="json").json()
    asked = post(client, mask_png, format="json", uncertainty="true", view="back").json()
    assert set(plain["layers"]) == {"bone", "soft"}
    assert set(asked["layers"]) == {"bone", "soft", "uncertainty"}
    assert asked["layers"]["uncertainty"]["scale"] == pytest.approx(asked["layers"]["bone"]["scale"] / 8)


def test_requests_that_are_not_the_form(client, mask_png):
    assert_typed(client.post("/v1/xray", json={"mask": "x"}), 422, "bad_request")
    assert_typed(client.post("/v1/xray", data={"style": "dxa"}), 422, "bad_request")
    assert_typed(client.post("/v1/xray", files={"picture": ("m.png", mask_png)}), 422, "bad_request")
    twice = [("mask", ("m.png", mask_png)), ("mask", ("n.png", mask_png))]
    assert_typed(client.post("/v1/xray", files=twice), 422, "bad_request")
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    assert_typed(client.post("/v1/xray", content=b"--y\r\n", headers=broken), 422, "bad_request")
    assert_typed(
        client.post("/v1/xray", content=b"", headers={"Content-Type": "multipart/form-data"}),
        422,
        "bad_request",
    )


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"GIF89a" + bytes(100), b"%PDF-1.4", b"\x89PNG\r\n\x1a\n" + bytes(9)]
)
def test_what_is_no_image_is_refused(client, pipeline, data):
    assert_typed(post(client, data), 415, "not_an_image")
    assert not pipeline.calls


def test_a_real_gif_is_refused_too(client):
    assert_typed(post(client, png_of(np.full((9, 9), 255, np.uint8), "GIF")), 415, "not_an_image")


def test_errors_of_the_pipeline_keep_their_code(client):
    assert_typed(post(client, png_of(np.zeros((8, 8), np.uint8))), 422, "empty_mask")


def test_an_unforeseen_error_shows_nothing_of_its_inside(client, pipeline, mask_png):
    pipeline.error = RuntimeError("secret detail")
    response = post(client, mask_png)
    assert_typed(response, 500, "internal")
    assert "secret" not in response.text


def test_running_out_of_memory_is_typed(client, pipeline, mask_png):
    pipeline.error = MemoryError()
    assert_typed(post(client, mask_png), 503, "out_of_memory")


def test_a_failed_load_is_told(make_client, mask_png):
    def load():
        raise MaskelError("no_weights", "The weights are not there.", "Install again.")

    client = make_client(load)
    health = client.get("/v1/health").json()
    assert (
        health["status"] == "failed" and health["error"]["code"] == "no_weights" and health["model"] is None
    )
    response = post(client, mask_png)
    assert_typed(response, 503, "not_ready")
    assert "weights" in response.json()["message"]
    assert_typed(client.get("/v1/models"), 503, "not_ready")


def test_an_upload_is_answered_in_memory(client, monkeypatch, body_mask):
    """A mask of several megabytes leaves no temporary file."""
    import tempfile

    def refuse(*args, **kwargs):
        raise AssertionError("a temporary file was made")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    noise = np.random.default_rng(0).integers(0, 256, (1500, 1500), np.uint8)
    data = png_of(noise, compress_level=0)
    assert len(data) > 2_000_000
    response = post(client, data)
    assert response.status_code == 200
    assert pixels_of(io.BytesIO(response.content).getvalue())[1].shape == (1500, 1500)
