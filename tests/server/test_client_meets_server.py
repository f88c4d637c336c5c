"""The extension's own client and backend against the real server with a tiny real model."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from maskel_core.models import CONFIGURATIONS
from maskel_core.models.store import export_model
from maskel_core.version import API_VERSION, __version__

from maskel_blender.client.address import parse_address
from maskel_blender.client.http import HttpClient
from maskel_blender.client.request import XrayRequest
from maskel_blender.errors import MaskelError
from tests.server.doubles import pixels_of, png_of
from tests.server.test_process import Served

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Folder of an untrained tiny model: the answers mean nothing, but everything else is real."""
    import torch

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    export_model(CONFIGURATIONS["tiny"].make_generator(), folder)
    return folder


@pytest.fixture(scope="module")
def served(tiny, tmp_path_factory):
    server = Served(tmp_path_factory.mktemp("client"), "--model", str(tiny), "--threads", "1")
    yield server
    assert server.end()[0] == 0, server.logged()
    server.log.close()


@pytest.fixture
def client(served):
    return HttpClient(parse_address(served.ready["url"]), served.token, timeout=60)


@pytest.fixture
def body():
    mask = np.zeros((120, 80), np.uint8)
    mask[10:110, 25:55] = 255
    return mask


def test_the_client_waits_until_the_server_is_ready(client):
    health = client.wait_until_ready(60)
    assert (health.status, health.version, health.api) == ("ready", __version__, API_VERSION)
    assert health.model == "tiny"


@pytest.mark.parametrize(("size", "shape"), [(0, (120, 80)), (60, (60, 40)), (240, (240, 160))])
def test_an_xray_comes_back_in_the_asked_size(client, body, size, shape):
    client.wait_until_ready(60)
    answer = client.xray(XrayRequest(png_of(body), "bone", size))
    mode, pixels = pixels_of(answer.image_png)
    assert mode == "L" and pixels.shape == shape
    assert answer.model == "tiny" and answer.version == __version__ and answer.seconds > 0


@pytest.mark.parametrize(
    ("data", "style", "code"),
    [
        (b"no picture", "dxa", "not_an_image"),
        (png_of(np.zeros((32, 32), np.uint8)), "dxa", "empty_mask"),
        (png_of(np.full((32, 32), 255, np.uint8)), "dxa", "full_mask"),
        (png_of(np.eye(32, dtype=np.uint8) * 255), "sepia", "bad_style"),
    ],
)
def test_the_server_s_words_arrive_with_their_fix(client, data, style, code):
    client.wait_until_ready(60)
    with pytest.raises(MaskelError) as caught:
        client.xray(XrayRequest(data, style))
    assert caught.value.code == code and caught.value.fix


def test_a_wrong_token_is_named(served, client, body):
    client.wait_until_ready(60)
    stranger = HttpClient(client.address, "a-token-of-somebody-else")
    with pytest.raises(MaskelError) as caught:
        stranger.xray(XrayRequest(png_of(body)))
    assert caught.value.code == "unauthorized"


def test_the_backend_starts_and_stops_the_real_command(tiny):
    from maskel_blender.backend.process import Backend, ServerState

    launcher = (
        "import sys; from maskel_core.cli import main; sys.argv += ['--model', sys.argv.pop(1)]; main()"
    )
    backend = Backend()
    backend.start((sys.executable, "-c", launcher, str(tiny)))
    try:
        address, token = backend.wait_ready(60)
        assert backend.state is ServerState.READY and address.is_loopback and len(token) > 16
        assert HttpClient(address, token).wait_until_ready(60).model == "tiny"
        process = backend._process
        assert process.poll() is None
    finally:
        backend.stop()
    assert process.poll() is not None
