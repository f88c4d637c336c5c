"""A server under pressure: a full queue, clients that leave, bodies that never end."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from maskel_core.errors import MaskelError
from maskel_server.app import create_app
from maskel_server.engine import Engine, XrayJob
from maskel_server.settings import ServerSettings

from tests.server.doubles import TOKEN, SquarePipeline, assert_typed

BOUNDARY = "maskel-test"


def form(png):
    """The multipart body of one mask."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="mask"; filename="m.png"\r\n\r\n'
    return head.encode() + png + f"\r\n--{BOUNDARY}--\r\n".encode()


OPENING = form(b"").partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


def scope():
    """An ASGI request for POST /v1/xray without Content-Length."""
    headers = {
        "host": "127.0.0.1",
        "authorization": f"Bearer {TOKEN}",
        "content-type": f"multipart/form-data; boundary={BOUNDARY}",
    }
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/xray",
        "raw_path": b"/v1/xray",
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1234),
    }


async def ask(app, receive):
    """Status and body of one request whose messages come from ``receive``."""
    sent = []

    async def send(message):
        sent.append(message)

    await app(scope(), receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


@pytest.fixture
def held(pipeline):
    """A started engine whose pipeline holds every job until ``pipeline.gate`` is set."""
    engine = Engine(lambda: pipeline, queue_size=1)
    engine.start()
    assert engine.wait(20)
    pipeline.forget()
    pipeline.gate.clear()
    yield engine
    pipeline.gate.set()
    engine.stop()


def test_a_full_queue_answers_busy_and_recovers(make_client, pipeline, mask_png):
    client = make_client(queue_size=1)
    pipeline.gate.clear()

    def post():
        return client.post("/v1/xray", files={"mask": ("m.png", mask_png)})

    with ThreadPoolExecutor(2) as pool:
        inside = [pool.submit(post)]
        assert pipeline.entered.acquire(timeout=20)
        inside.append(pool.submit(post))
        deadline = time.monotonic() + 20
        while client.engine._places > 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        response = post()
        assert_typed(response, 429, "busy")
        assert int(response.headers["retry-after"]) >= 1
        pipeline.gate.set()
        assert [future.result(20).status_code for future in inside] == [200, 200]
    assert post().status_code == 200


def test_places_come_back_after_every_kind_of_failure(make_client, pipeline, mask_png):
    client = make_client(queue_size=0)
    for _ in range(3):
        assert client.post("/v1/xray", files={"mask": ("m.png", b"no")}).status_code == 415
        assert client.post("/v1/xray", json={}).status_code == 422
        pipeline.error = RuntimeError()
        assert client.post("/v1/xray", files={"mask": ("m.png", mask_png)}).status_code == 500
        pipeline.error = None
    assert client.post("/v1/xray", files={"mask": ("m.png", mask_png)}).status_code == 200


def test_not_ready_while_loading(pipeline, body_mask):
    go = threading.Event()

    def load():
        assert go.wait(20)
        return pipeline

    engine = Engine(load)
    engine.start()
    assert engine.status == "starting" and engine.info() is None
    with pytest.raises(MaskelError) as caught:
        engine.admit()
    assert caught.value.code == "not_ready"
    go.set()
    assert engine.wait(20) and engine.status == "ready"
    assert pipeline.calls == [((256, 256), "dxa", None, True)], "the model is warmed up once"
    engine.stop()


def test_a_dropped_job_is_never_run(held, pipeline, body_mask):
    async def drop():
        first = held.submit(XrayJob(body_mask))
        await asyncio.to_thread(pipeline.entered.acquire)
        second = held.submit(XrayJob(body_mask, style="bone"))
        second.cancel()
        third = held.submit(XrayJob(body_mask, style="inverted"))
        pipeline.gate.set()
        await asyncio.gather(first, third)

    asyncio.run(asyncio.wait_for(drop(), 20))
    assert [call[1] for call in pipeline.calls] == ["dxa", "inverted"]


def test_a_job_dropped_while_its_loop_is_busy_is_never_run(held, pipeline, body_mask):
    async def drop():
        first = held.submit(XrayJob(body_mask))
        await asyncio.to_thread(pipeline.entered.acquire)
        held.submit(XrayJob(body_mask, style="bone")).cancel()
        third = held.submit(XrayJob(body_mask, style="inverted"))
        pipeline.gate.set()
        assert held.wait_until_empty(20), "blocks the loop, so that nothing hears of the cancel but the lane"
        await asyncio.gather(first, third)

    asyncio.run(asyncio.wait_for(drop(), 30))
    assert [call[1] for call in pipeline.calls] == ["dxa", "inverted"]
    assert held.figures().totals["cancelled"] == 1


def test_a_client_that_hangs_up_gives_its_place_away(held, pipeline, mask_png):
    app = create_app(ServerSettings(token=TOKEN), held)

    async def leave():
        messages = [{"type": "http.request", "body": form(mask_png), "more_body": False}]

        async def receive():
            if messages:
                return messages.pop(0)
            await asyncio.to_thread(pipeline.entered.acquire)
            return {"type": "http.disconnect"}

        await ask(app, receive)
        with held.admit(), held.admit():
            pass

    asyncio.run(asyncio.wait_for(leave(), 20))


def test_too_long_work_is_typed(held, pipeline, mask_png):
    app = create_app(ServerSettings(token=TOKEN, work_seconds=0.1), held)

    async def patient():
        messages = [{"type": "http.request", "body": form(mask_png), "more_body": False}]

        async def receive():
            if messages:
                return messages.pop(0)
            return await asyncio.Event().wait()

        return await ask(app, receive)

    status, body = asyncio.run(asyncio.wait_for(patient(), 20))
    assert status == 504 and b'"timed_out"' in body


def endless(app, first, chunk, pause=0.0):
    """Status, body and bytes taken of a request that never ends."""
    taken = 0

    async def receive():
        nonlocal taken
        await asyncio.sleep(pause)
        body = chunk if taken else first
        taken += len(body)
        return {"type": "http.request", "body": body, "more_body": True}

    status, body = asyncio.run(asyncio.wait_for(ask(app, receive), 30))
    return status, body, taken


@pytest.fixture
def ready():
    engine = Engine(SquarePipeline)
    engine.start()
    assert engine.wait(20)
    yield engine
    engine.stop()


def test_a_body_without_length_is_cut_while_it_streams(ready):
    app = create_app(ServerSettings(token=TOKEN, max_body_bytes=200_000), ready)
    status, body, taken = endless(app, OPENING, bytes(50_000))
    assert status == 413 and b'"body_too_large"' in body
    assert taken < 1_200_000, "what is refused is not read for ever"


def test_a_body_that_trickles_is_cut(ready, monkeypatch):
    monkeypatch.setattr("maskel_server.guard.DRAIN_SECONDS", 0.2)
    app = create_app(ServerSettings(token=TOKEN, body_seconds=0.3), ready)
    status, body, _ = endless(app, OPENING, b"-", pause=0.05)
    assert status == 408 and b'"request_timeout"' in body


def test_a_declared_giant_is_refused_before_it_is_sent(make_client, pipeline):
    client = make_client(max_body_bytes=2048)
    response = client.post("/v1/xray", files={"mask": ("m.png", np.zeros(4096, np.uint8).tobytes())})
    assert_typed(response, 413, "body_too_large")


def test_too_many_pixels(make_client, mask_png):
    client = make_client(max_pixels=48 * 32 - 1)
    assert_typed(client.post("/v1/xray", files={"mask": ("m.png", mask_png)}), 413, "too_many_pixels")
