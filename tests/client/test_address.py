"""Addresses as people write them."""

import pytest

from maskel_blender.client.address import DEFAULT_PORT, parse_address
from maskel_blender.errors import ClientError


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("127.0.0.1", f"http://127.0.0.1:{DEFAULT_PORT}"),
        ("127.0.0.1:9000", "http://127.0.0.1:9000"),
        (" localhost:9000/ ", "http://localhost:9000"),
        ("http://localhost:9000", "http://localhost:9000"),
        ("http://localhost:9000/", "http://localhost:9000"),
        ("HTTP://Localhost:9000//", "http://localhost:9000"),
        ("https://render.example.org", "https://render.example.org:443"),
        ("https://render.example.org/maskel/", "https://render.example.org:443/maskel"),
        ("[::1]:9000", "http://[::1]:9000"),
        ("::1", f"http://[::1]:{DEFAULT_PORT}"),
        ("farm-07:81", "http://farm-07:81"),
    ],
)
def test_forms(text, url):
    assert parse_address(text).url == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "http://",
        ":8765",
        "ftp://localhost",
        "localhost:port",
        "localhost:99999",
        "a b:1",
        "host:0",
        "http://u:p@h:1",
        "h:1?x=1",
    ],
)
def test_refused(text):
    with pytest.raises(ClientError) as caught:
        parse_address(text)
    assert caught.value.code == "bad_address"
    assert caught.value.fix


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8:1", True),
        ("[::1]:1", True),
        ("192.168.0.4", False),
        ("a.example", False),
    ],
)
def test_loopback(text, loopback):
    assert parse_address(text).is_loopback is loopback
