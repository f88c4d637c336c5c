"""Who is let in: Host and Origin headers, and from where."""

from __future__ import annotations

import pytest
from maskel_core.errors import MaskelError
from maskel_server.guard import host_allowed, origin_allowed
from maskel_server.launch import LaunchOptions, bind, check_exposure, url_of
from maskel_server.settings import ServerSettings

from tests.server.doubles import TOKEN, assert_typed


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]", "[::1]:8000"]
)
def test_loopback_names_are_believed(client, host):
    assert client.get("/v1/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
        "192.168.1.5",
        "",
        "a:b",
    ],
)
def test_rebound_names_are_refused(client, host):
    assert_typed(client.get("/v1/health", headers={"Host": host}), 403, "bad_host")


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "file://", "http://localhost.evil.example"]
)
def test_pages_from_elsewhere_are_refused(client, origin):
    assert_typed(client.get("/v1/health", headers={"Origin": origin}), 403, "bad_origin")
    assert not origin_allowed(origin)


def test_local_pages_are_let_in(client):
    assert client.get("/v1/health", headers={"Origin": "http://localhost:3000"}).status_code == 200


def test_a_server_bound_elsewhere_believes_addresses_but_no_names():
    settings = ServerSettings(token=TOKEN, host="0.0.0.0", allowed_hosts=("Farm-1",))
    assert host_allowed("192.168.1.5:8000", settings)
    assert host_allowed("farm-1:8000", settings)
    assert not host_allowed("evil.example", settings)


def test_exposure_has_to_be_asked_for(tmp_path):
    check_exposure(LaunchOptions(host="127.0.0.1"))
    check_exposure(LaunchOptions(host="::1"))
    check_exposure(LaunchOptions(host="0.0.0.0", allow_remote=True, token_file=tmp_path / "t"))
    for options in (
        LaunchOptions(host="0.0.0.0"),
        LaunchOptions(host="0.0.0.0", allow_remote=True),
        LaunchOptions(host="192.168.1.5", token_file=tmp_path / "t"),
    ):
        with pytest.raises(MaskelError) as caught:
            check_exposure(options)
        assert caught.value.code == "remote_refused"


def test_a_taken_port_is_typed():
    with bind("127.0.0.1", 0) as first:
        first.listen()
        with pytest.raises(MaskelError) as caught:
            bind("127.0.0.1", first.getsockname()[1])
        assert caught.value.code == "port_in_use"
        assert url_of(first) == f"http://127.0.0.1:{first.getsockname()[1]}"


def test_a_host_that_does_not_exist_is_typed():
    with pytest.raises(MaskelError) as caught:
        bind("no such host", 0)
    assert caught.value.code == "bad_host"
