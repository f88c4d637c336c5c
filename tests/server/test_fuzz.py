"""Broken bodies by the thousand against the real application: never a 500, never a crash, never a leak."""

from __future__ import annotations

import gc
import http.client
import json
import random
import struct
import time
import zlib
from collections import Counter

import numpy as np
import psutil
import pytest
from PIL import Image

from tests.server.doubles import TOKEN, png_of
from tests.server.listening import BOUNDARY, KIND, Listening, form

pytestmark = pytest.mark.filterwarnings("ignore:Invalid APNG")

SEED = 20261124
QUICK = 500
FULL = 10_000


def picture(rng):
    """A small whole picture of a random kind and mode."""
    height, width = rng.randint(1, 40), rng.randint(1, 40)
    noise = np.frombuffer(rng.randbytes(height * width * 4), np.uint8).reshape(height, width, 4)
    mode = rng.choice(["L", "RGB", "RGBA", "P", "1", "LA", "I;16"])
    image = Image.fromarray(noise).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    kind = rng.choice(["PNG", "PNG", "JPEG", "WEBP"])
    if kind != "PNG":
        image = image.convert("RGB" if mode != "L" else "L")
    return png_of(image, kind)


def flipped(rng, data):
    """A few bytes changed."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 12)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def cut(rng, data):
    """The end missing."""
    return data[: rng.randrange(len(data))]


def spliced(rng, data):
    """A piece taken out, doubled, or replaced by noise."""
    start = rng.randrange(len(data))
    end = min(len(data), start + rng.randint(1, 64))
    return (
        data[:start] + rng.choice([b"", data[start:end] * 2, rng.randbytes(rng.randint(1, 200))]) + data[end:]
    )


def lying(rng, data):
    """A PNG whose header or chunk says something else, with checksums that are right."""
    width, height = (rng.choice([0, 1, 7, 40, 4096, 2**31 - 1, 2**32 - 1]) for _ in range(2))
    depth, colour, *rest = (rng.choice([0, 1, 2, 3, 4, 6, 8, 16, 255]) for _ in range(5))
    if rng.random() < 0.5:  # as it should be, so that the rest is looked at
        depth, colour, rest = 8, 0, [0, 0, 0]
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, *rest))]
    for _ in range(rng.randint(0, 4)):
        name = rng.choice(
            [b"IDAT", b"PLTE", b"tRNS", b"gAMA", b"iCCP", b"zTXt", b"iTXt", b"eXIf", b"acTL", b"fdAT"]
        )
        noise = rng.randbytes(rng.randint(0, 60))
        chunks.append((name, rng.choice([noise, zlib.compress(noise), b"a\0\0" + zlib.compress(noise)])))
    chunks.append((b"IEND", b""))
    packed = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def noise(rng, data):
    """Bytes behind a true beginning."""
    return data[: rng.choice([2, 4, 8, 12, 33])] + rng.randbytes(rng.randint(0, 400))


def document(rng):
    """JSON, whole or not, as nobody asked for it."""
    value = rng.choice([{}, [], None, 1e308, "x" * 99, {"mask": "x"}, {"mask": {"$ref": "#"}}, {"size": -1}])
    text = rng.choice(
        [json.dumps(value).encode(), b"[" * rng.randint(1, 5000), b'{"a":' * 300, b"\xff\xfe{", b""]
    )
    return cut(rng, text) if text and rng.random() < 0.3 else text


def fields(rng):
    """Options, some right."""
    wild = [
        "",
        "0",
        "-1",
        "1e9",
        "64",
        "9" * 9,
        "NaN",
        "\x00",
        "ü",
        "../../etc/passwd",
        "x" * 300,
        "true",
        "json",
    ]
    names = ["style", "size", "joints", "format", "priority", "view", "mask", "m\u00e4sk", "", "__class__"]
    return {rng.choice(names): rng.choice(wild) for _ in range(rng.choice([0, 0, 0, 0, 1, 2]))}


def request(rng):
    """Name of what is wrong, body, content type."""
    damage = rng.choice([flipped, cut, spliced, lying, noise])
    where = rng.choice(["file", "file", "file", "file", "file", "form", "json"])
    if where == "json":
        kind = rng.choice(
            ["application/json", KIND, "multipart/form-data", "text/plain", "", f"{KIND}; charset=x"]
        )
        return "json", document(rng), kind
    if where == "form":
        kind = rng.choice(
            [KIND, KIND, f'multipart/form-data; boundary="{BOUNDARY}"', "multipart/form-data; boundary="]
        )
        harm = rng.choice([flipped, cut, spliced])
        return f"form {harm.__name__}", harm(rng, form(picture(rng), **fields(rng))), kind
    return f"file {damage.__name__}", form(damage(rng, picture(rng)), **fields(rng)), KIND


def target(rng):
    """Method and path, most often of a call that reads the form."""
    job = rng.choice(
        ["a-known-job", "a-job-" + rng.randbytes(4).hex(), "short", "%2e%2e%2f", "%00" * 9, "x" * 65]
    )
    return rng.choice(
        [
            *[("POST", "/v1/xray")] * 8,
            *[("POST", "/v1/jobs")] * 3,
            (rng.choice(["GET", "POST", "DELETE"]), f"/v1/jobs/{job}"),
            ("GET", f"/v1/jobs/{job}/result"),
            ("GET", f"/v1/jobs/{job}/events"),
            (rng.choice(["GET", "POST", "PUT"]), rng.choice(["/v1/status", "/metrics", "/v1/openapi.json"])),
            ("DELETE", "/v1/jobs"),
        ]
    )


@pytest.fixture(scope="module")
def server():
    listening = Listening(max_body_bytes=200_000, max_pixels=10_000)
    yield listening
    listening.end()


def storm(server, rng, count):
    """Send ``count`` broken requests over a kept connection; how often each kind got each answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    seen = Counter()
    for index in range(count):
        name, body, kind = request(rng)
        method, path = target(rng)
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": kind}
        if rng.random() < 0.2:
            headers["X-MaSkel-Job"] = rng.choice(["a-known-job", "short", "\xff" * 9, "", "a" * 300])
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        data = answer.read()
        told = (SEED, index, name, method, path, answer.status, data[:300])
        assert answer.status < 500, told
        if answer.status < 300:
            assert path != "/v1/xray" or data[:4] == b"\x89PNG" or json.loads(data)["image"], told
            seen[name, "answered"] += 1
        else:
            error = json.loads(data)
            assert set(error) == {"code", "message", "fix"} and all(error.values()), told
            assert "Traceback" not in error["message"] and ".py" not in error["message"], told
            seen[name, error["code"]] += 1
    connection.close()
    return seen


def check_health(server):
    """The server is as whole as before: ready, every place free, and the next mask is answered."""
    deadline = time.monotonic() + 10
    while server.engine._places < 9 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.engine._places == 9
    assert server.ask("GET", "/v1/health").json()["status"] == "ready"
    assert server.xray(png_of(np.full((9, 9), 255, np.uint8))).status == 200
    server.pipeline.forget()


def test_broken_bodies_are_refused_in_words(server):
    seen = storm(server, random.Random(SEED), QUICK)
    check_health(server)
    codes = Counter()
    for (_, code), times in seen.items():
        codes[code] += times
    # A storm that only ever hit one wall would prove little.
    assert codes["not_an_image"] > QUICK / 20 and codes["bad_request"] > QUICK / 20
    assert {"answered", "bad_size", "too_many_pixels"} <= set(codes), codes


@pytest.mark.slow
def test_ten_thousand_broken_bodies_leave_no_growth(server):
    rng = random.Random(SEED + 1)
    process = psutil.Process()
    storm(server, rng, FULL // 5)
    server.pipeline.forget()
    gc.collect()
    before = process.memory_info().rss, len(process.open_files()), process.num_threads()
    storm(server, rng, FULL)
    check_health(server)
    gc.collect()
    after = process.memory_info().rss, len(process.open_files()), process.num_threads()
    assert after[0] < 1.05 * before[0], (before, after)
    # asyncio's pool of threads may still fill up to its limit.
    assert after[1] <= before[1] and after[2] <= before[2] + 8, (before, after)
