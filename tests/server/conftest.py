from __future__ import annotations

import numpy as np
import pytest
from fastapi.testclient import TestClient
from maskel_server.app import create_app
from maskel_server.engine import Engine
from maskel_server.settings import ServerSettings

from tests.server.doubles import TOKEN, SquarePipeline, png_of


@pytest.fixture
def pipeline():
    double = SquarePipeline()
    yield double
    double.gate.set()


@pytest.fixture
def make_client(pipeline):
    """Start an application in this process; keyword arguments are settings."""
    open_clients = []

    def make(load=None, **limits):
        settings = ServerSettings(token=TOKEN, **limits)
        engine = Engine(load or (lambda: pipeline), settings.queue_size)
        client = TestClient(
            create_app(settings, engine),
            base_url="http://127.0.0.1",
            headers={"Authorization": f"Bearer {TOKEN}"},
            raise_server_exceptions=False,
        )
        client.__enter__()
        open_clients.append(client)
        assert engine.wait(20)
        pipeline.forget()
        client.engine = engine
        return client

    yield make
    pipeline.gate.set()
    for client in open_clients:
        client.__exit__(None, None, None)


@pytest.fixture
def client(make_client):
    return make_client()


@pytest.fixture
def body_mask():
    """uint8 (48, 32): a box of body with a soft edge."""
    mask = np.zeros((48, 32), np.uint8)
    mask[8:40, 10:22] = 255
    mask[8:40, 9] = 100
    return mask


@pytest.fixture
def mask_png(body_mask):
    return png_of(body_mask)
