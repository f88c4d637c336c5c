"""The list of ways in that are shut, each tried over a real socket; the model must hear of none of them."""

from __future__ import annotations

import struct
import sys
import zlib

import numpy as np
import pytest

from tests.server.doubles import TOKEN, assert_typed, png_of
from tests.server.listening import KIND, Listening, form

SECRET = "opened-by-a-request"
RIGHT = TOKEN.encode()
JOB = "a-job-of-somebody"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def door():
    server = Listening(max_body_bytes=1_000_000, max_pixels=1_000_000)
    yield server
    server.end()


@pytest.fixture(autouse=True)
def nothing_ran(door):
    """After every attempt the model was left alone, and the rightful user is served."""
    door.pipeline.forget()
    yield
    assert not door.pipeline.calls
    assert door.xray(png_of(np.full((8, 8), 255, np.uint8))).status == 200


def head(target=b"/v1/models", host=b"127.0.0.1", token=RIGHT, method=b"GET"):
    """A request head as bytes, so that nothing on this side tidies it up."""
    return (
        method
        + b" "
        + target
        + b" HTTP/1.1\r\nHost: "
        + host
        + b"\r\nAuthorization: Bearer "
        + token
        + b"\r\n"
    )


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width, height, rows):
    """A PNG of ``width`` x ``height`` 8-bit grey pixels whose data is ``rows`` zero bytes, deflated."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return PNG + header + chunk(b"IDAT", zlib.compress(bytes(rows), 9)) + chunk(b"IEND", b"")


CALLS = [
    ("GET", "/v1/models"),
    ("POST", "/v1/xray"),
    ("GET", "/"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("GET", "/v1/health/"),
    ("GET", "//v1/health"),
    ("OPTIONS", "/v1/xray"),
    ("TRACE", "/v1/xray"),
    ("GET", "/v1/status"),
    ("POST", "/v1/memory/free"),
    ("GET", "/metrics"),
    ("GET", "/v1/openapi.json"),
    ("POST", "/v1/jobs"),
    ("DELETE", "/v1/jobs"),
    ("GET", f"/v1/jobs/{JOB}"),
    ("GET", f"/v1/jobs/{JOB}/events"),
    ("GET", f"/v1/jobs/{JOB}/result"),
    ("DELETE", f"/v1/jobs/{JOB}"),
]
PATHS = [
    b"/v1/health",
    b"/v1/models",
    b"/v1/status",
    b"/metrics",
    b"/v1/openapi.json",
    b"/v1/jobs/" + JOB.encode() + b"/events",
    b"/v1/jobs/" + JOB.encode() + b"/result",
]


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
@pytest.mark.parametrize(
    "token", [None, "", "x" * 24, TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "Bearer " + TOKEN, "\xff" * 24]
)
def test_no_token_or_a_wrong_one(door, call, token):
    assert_typed(door.ask(*call, token=token), 401, "unauthorized")


@pytest.mark.parametrize("scheme", ["", "Basic ", "Digest ", "Token "])
def test_the_token_under_another_scheme(door, scheme):
    answer = door.ask("GET", "/v1/models", headers={"Authorization": scheme + TOKEN}, token=None)
    assert_typed(answer, 401, "unauthorized")


@pytest.mark.parametrize("place", [f"?token={TOKEN}", f"?access_token={TOKEN}"])
def test_a_token_in_the_address_or_a_cookie(door, place):
    assert_typed(door.ask("GET", "/v1/models" + place, token=None), 401, "unauthorized")
    cookie = {"Cookie": f"token={TOKEN}; Authorization=Bearer {TOKEN}"}
    assert_typed(door.ask("GET", "/v1/models", headers=cookie, token=None), 401, "unauthorized")


@pytest.mark.parametrize(
    "host",
    [
        b"evil.example",
        b"127.0.0.1.evil.example",
        b"localhost.evil.example",
        b"evil.example#127.0.0.1",
        b"127.0.0.1@evil.example",
        b"0.0.0.0",
        b"192.168.1.5",
        b"2130706433",
        b"0x7f.1",
        b"[::ffff:8.8.8.8]",
        b"127.0.0.1:99999",
        b"",
    ],
)
@pytest.mark.parametrize("target", PATHS)
def test_a_wrong_host_even_with_the_token(door, host, target):
    assert_typed(door.raw(head(target, host) + b"Connection: close\r\n\r\n"), 403, "bad_host")


def test_no_host_or_two(door):
    close = b"Connection: close\r\n\r\n"
    assert_typed(door.raw(b"GET /v1/health HTTP/1.0\r\n\r\n"), 403, "bad_host")
    assert_typed(door.raw(b"GET /v1/health HTTP/1.1\r\n" + close), 400, "bad_http")
    assert_typed(door.raw(head() + b"Host: evil.example\r\n" + close), 400, "bad_http")
    forwarded = b"X-Forwarded-Host: 127.0.0.1\r\nForwarded: host=localhost\r\n"
    assert_typed(door.raw(head(host=b"evil.example") + forwarded + close), 403, "bad_host")


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1@evil.example",
        "null",
        "file://",
        "chrome-extension://abc",
        "http://",
        "http://[",
        "",
    ],
)
def test_a_wrong_origin_even_with_the_token(door, origin):
    answer = door.xray(png_of(np.full((8, 8), 255, np.uint8)), {"Origin": origin})
    assert_typed(answer, 403, "bad_origin")
    assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize(
    "target",
    [
        b"/../../../../etc/passwd",
        b"/v1/../../etc/passwd",
        b"/v1/health/../models",
        b"/v1/health/..%2fmodels",
        b"/%2e%2e/%2e%2e/etc/passwd",
        b"/v1/models%00.png",
        b"/v1/models;a=b",
        b"/v1//models",
        b"/V1/MODELS",
        b"/v1/models/",
        b"\\v1\\models",
        b"/v1/%xx",
        b"http://evil.example/v1/models",
        b"file:///etc/passwd",
        b"*",
        b"/metrics/",
        b"/v1/metrics",
        b"/v1/openapi.json/",
        b"/v1/status/../models",
        b"/v1/memory",
        b"/v1/jobs/",
        b"/v1/jobs//events",
        b"/v1/jobs/../../../etc/passwd",
        b"/v1/jobs/..%2f..%2f..%2fetc%2fpasswd",
        b"/v1/jobs/a-job-of-somebody/..%2fresult",
        b"/v1/jobs/a-job-of-somebody/result/",
        b"/v1/jobs/a-job-of-somebody/RESULT",
        b"/v1/jobs/a-job-of-somebody/events/../result",
    ],
)
def test_path_tricks(door, target):
    close = b"Connection: close\r\n\r\n"
    assert_typed(door.raw(head(target) + close), 404, "not_found")
    assert_typed(door.raw(head(target, token=b"wrong") + close), 401, "unauthorized")


@pytest.mark.parametrize(
    "name",
    [
        b"%2e%2e%5c%2e%2e%5ctoken",
        b"a-job%00-of-somebody",
        b"a.job.of.somebody",
        b"C:%5cWindows%5c",
        b"%0d%0aX: y",
    ],
)
@pytest.mark.parametrize("rest", [b"", b"/events", b"/result"])
def test_job_names_that_are_paths(door, name, rest):
    target = b"/v1/jobs/" + name.replace(b" ", b"%20") + rest
    answer = door.raw(head(target) + b"Connection: close\r\n\r\n")
    assert_typed(answer, 422, "bad_job")
    assert "x" not in answer.headers, "no header can be written into an answer"


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/memory/free"])
def test_a_page_from_elsewhere_starts_and_stops_nothing(door, path):
    for method in ("POST", "DELETE"):
        answer = door.ask(method, path, b"", {"Origin": "https://evil.example"})
        assert_typed(answer, 403, "bad_origin")
    assert door.ask("GET", "/v1/health").json()["status"] == "ready"


@pytest.fixture(scope="module")
def opened():
    """Paths that Python opens while ``watching`` is set."""
    seen = {"watching": False, "paths": []}

    def hook(event, arguments):
        if event == "open" and seen["watching"]:
            seen["paths"].append(str(arguments[0]))

    sys.addaudithook(hook)  # cannot be taken out again, only told to sleep
    return seen


def test_a_file_name_in_the_form_is_never_opened(door, opened, tmp_path):
    secret = tmp_path / SECRET
    secret.write_bytes(png_of(np.full((8, 8), 255, np.uint8)))
    opened["watching"] = True
    try:
        answer = door.xray(b"", filename=secret.as_posix())
        told = door.xray(secret.as_posix().encode(), filename="../" * 9 + secret.as_posix())
        styled = door.xray(b"\x89PNG", style=secret.as_posix())
    finally:
        opened["watching"] = False
    assert_typed(styled, 422, "bad_style")
    for refused in (answer, told):
        assert_typed(refused, 415, "not_an_image")
        assert SECRET not in refused.text
    assert not [path for path in opened["paths"] if SECRET in path or "passwd" in path]


@pytest.mark.parametrize(
    "field",
    [b"X-Padding: " + b"a" * 70_000, b"\r\n".join(b"X-%d: %s" % (i, b"b" * 90) for i in range(4000))],
    ids=["one long header", "many headers"],
)
@pytest.mark.parametrize("target", PATHS)
def test_oversize_headers(door, field, target):
    assert_typed(door.raw(head(target) + field + b"\r\n\r\n"), 431, "headers_too_large")


def test_an_oversize_request_line(door):
    for start in (b"/v1/", b"/v1/jobs/"):
        assert_typed(door.raw(head(start + b"a" * 100_000) + b"\r\n"), 431, "headers_too_large")


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /v1/models\r\n\r\n",
        head() + b"Bad Header: x\r\n\r\n",
        head() + b"Content-Length: -1\r\n\r\n",
        head() + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        head() + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        head() + b"X: a\x00b\r\n\r\n",
        head(b"/v1/m\xf6dels") + b"\r\n",
    ],
)
def test_what_is_no_http(door, data):
    answer = door.raw(data)
    assert_typed(answer, answer.status, "bad_http")
    assert 400 <= answer.status < 500


def test_oversize_bodies(door):
    large = bytes(1_000_001)
    assert_typed(door.xray(large), 413, "body_too_large")
    for path in ("/v1/jobs", "/v1/memory/free"):
        assert_typed(door.ask("POST", path, large, {"Content-Type": KIND}), 413, "body_too_large")
    pieces = (large[start : start + 50_000] for start in range(0, len(large), 50_000))
    opening = form(b"").partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    streamed = (piece for group in ([opening], pieces) for piece in group)
    answer = door.ask("POST", "/v1/xray", streamed, {"Content-Type": KIND})
    assert_typed(answer, 413, "body_too_large")


@pytest.mark.parametrize(
    ("width", "height"),
    [(1001, 1000), (65_535, 65_535), (1, 2**31 - 1), (2**31 - 1, 2**31 - 1), (200_000, 200_000)],
)
def test_pictures_that_claim_to_be_giants(door, width, height):
    assert_typed(door.xray(bomb(width, height, 1000)), 413, "too_many_pixels")


def test_data_that_unpacks_to_more_than_the_picture_holds(door):
    """200 MB of zeros behind a header of 8 x 8 pixels: never unpacked beyond the picture."""
    resource = pytest.importorskip("resource")
    packed = bomb(8, 8, 200_000_000)
    assert len(packed) < 1_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = door.xray(packed)
    door.pipeline.forget()
    assert answer.status in (200, 415, 422), answer.text
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_a_text_chunk_that_unpacks_without_end(door):
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(100_000_000), 9))
    plain = png_of(np.full((8, 8), 255, np.uint8))
    data = plain[:33] + text + plain[33:]
    assert len(data) < 1_000_000
    assert_typed(door.xray(data), 415, "not_an_image")


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "ICO", "PPM", "TGA", "PCX", "SGI", "DDS", "JPEG2000"])
def test_image_types_that_are_not_named(door, kind):
    data = png_of(np.full((16, 16), 255, np.uint8), kind)
    assert_typed(door.xray(data), 415, "not_an_image")


@pytest.mark.parametrize(
    "data",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        b"%PDF-1.7\n",
        b"PK\x03\x04" + bytes(60),
        b"\x80\x04\x95" + bytes(60),
        b"8BPS\x00\x01" + bytes(60),
    ],
    ids=["eps", "svg", "pdf", "zip", "pickle", "psd"],
)
def test_files_that_could_do_something(door, data):
    assert_typed(door.xray(data), 415, "not_an_image")
