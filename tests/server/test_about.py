"""How the server is: status, memory, metrics, description, handshake."""

from __future__ import annotations

import numpy as np
import pytest
from maskel_core.errors import MaskelError
from maskel_core.models.views import VIEWS
from maskel_core.pipeline import STYLES
from maskel_core.version import API_MIN, API_VERSION, __version__
from maskel_server import form
from maskel_server.errors import STATUS
from maskel_server.examples import ANSWERS, PROBLEMS
from maskel_server.guard import check_version
from maskel_server.routes.about import about_router
from maskel_server.routes.jobs import jobs_router
from maskel_server.routes.xray import xray_router
from maskel_server.schema import XrayAnswer

from tests.server.doubles import assert_typed, png_of

MASK = png_of(np.pad(np.full((20, 10), 255, np.uint8), 6))


def xray(client, mask=MASK, headers=None, **fields):
    return client.post("/v1/xray", files={"mask": ("m.png", mask)}, data=fields, headers=headers)


def test_the_form_s_words_are_the_pipeline_s():
    assert form.STYLES == STYLES and form.VIEWS == VIEWS


def test_status_has_the_figures(client):
    assert xray(client).status_code == 200
    assert xray(client, png_of(np.zeros((9, 9), np.uint8))).status_code == 422
    status = client.get("/v1/status").json()
    assert (status["version"], status["api"], status["api_min"]) == (__version__, API_VERSION, API_MIN)
    assert (status["status"], status["model"], status["device"]) == ("ready", "double", "cpu")
    assert (
        status["queue"] == {"waiting": 0, "running": 0, "taken": 0, "limit": 9} and status["notice"] is None
    )
    assert status["loaded"] is True and status["device_memory_bytes"] is None
    assert status["totals"]["done"] == 1 and status["totals"]["failed"] == 1
    assert status["batch"]["largest"] >= 1 and status["batch"]["mean"] >= 1
    assert status["memory_bytes"] > 10_000_000 and status["uptime"] >= 0


def test_memory_is_freed_and_the_next_job_loads_again(make_client, pipeline):
    loads = []

    def load():
        loads.append(1)
        return pipeline

    client = make_client(load)
    freed = client.post("/v1/memory/free")
    assert freed.status_code == 200 and freed.json()["status"] == "idle" and freed.json()["memory_bytes"] > 0
    assert client.get("/v1/health").json()["status"] == "idle"
    assert client.get("/v1/status").json()["loaded"] is False
    assert client.get("/v1/models").json()["models"][0]["id"] == "double", "what it is stays known"
    assert loads == [1]
    assert xray(client).status_code == 200
    assert loads == [1, 1] and client.get("/v1/health").json()["status"] == "ready"


def test_metrics_are_prometheus_text(client):
    from prometheus_client.parser import text_string_to_metric_families as parse

    assert xray(client).status_code == 200
    assert xray(client, b"no picture").status_code == 415
    assert client.get("/../../secret-path").status_code == 404
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse(answer.text)
        for sample in family.samples
    }
    call = ("call", "POST /v1/xray")
    assert samples["maskel_requests_total", (call, ("status", "200"))] == 1
    assert samples["maskel_requests_total", (call, ("status", "415"))] == 1
    assert samples["maskel_request_seconds_count", (call,)] == 2
    assert samples["maskel_errors_total", (("code", "not_an_image"),)] == 1
    assert samples["maskel_jobs_total", (("status", "done"),)] == 1
    assert samples["maskel_queue_limit", ()] == 9 and samples["maskel_memory_bytes", ()] > 0
    assert "secret-path" not in answer.text, "a client's words are no label"


def test_every_call_and_error_is_described_with_an_example(client):
    page = client.get("/v1/openapi.json").json()
    assert page["openapi"].startswith("3.1") and page["info"]["version"] == __version__
    assert page["security"] == [{"token": []}]
    assert set(page["components"]["examples"]) == set(PROBLEMS) == set(STATUS)
    shown = set()
    calls = {
        f"{method.upper()} {path}": call
        for path, methods in page["paths"].items()
        for method, call in methods.items()
    }
    service = client.app.state.service
    routers = [make(service) for make in (about_router, xray_router, jobs_router)]
    served = {
        f"{method} {route.path}" for router in routers for route in router.routes for method in route.methods
    }
    assert set(calls) == served and len(calls) == 13
    for name, call in calls.items():
        for status, answer in call["responses"].items():
            for kind, content in answer.get("content", {}).items():
                if kind != "image/png":
                    assert content["examples"], (name, status, kind)
                    shown |= set(content["examples"]) & set(STATUS)
            for code in (
                set(answer.get("content", {}).get("application/json", {}).get("examples", {}))
            ) & set(STATUS):
                assert STATUS[code] == int(status)
    # These two are of no call: the path or the method is wrong.
    assert shown == set(STATUS) - {"not_found", "method_not_allowed"}
    assert page["paths"]["/v1/health"]["get"]["security"] == []
    assert client.get("/v1/openapi.json").json() == page, "asking again changes nothing"


def test_examples_are_what_the_page_says(client):
    jsonschema = pytest.importorskip("jsonschema_rs")
    page = client.get("/v1/openapi.json").json()
    operations = {call["operationId"]: call for calls in page["paths"].values() for call in calls.values()}
    for (name, status, kind), examples in ANSWERS.items():
        if kind != "application/json":
            continue
        schema = operations[name]["responses"][status]["content"][kind].get("schema", {})
        for example in examples.values():
            jsonschema.validate({**schema, "components": page["components"]}, example)


def test_json_answers_are_as_described(client):
    answer = xray(client, format="json", joints="true", uncertainty="true").json()
    XrayAnswer.model_validate(answer)
    assert answer["familiarity"] == 0.625


@pytest.mark.parametrize(
    ("wanted", "older", "update"),
    [("1", "client", "extension"), ("5", "server", "server"), ("99", "server", "server")],
)
def test_the_handshake_says_which_side_is_older(wanted, older, update):
    with pytest.raises(MaskelError) as caught:
        check_version(wanted, 2, 4)
    assert caught.value.code == "version_mismatch"
    assert caught.value.message.startswith(f"The {older} is older") and wanted in caught.value.message
    assert update in caught.value.fix


@pytest.mark.parametrize("wanted", [None, "2", " 3 ", "4"])
def test_the_handshake_takes_what_it_speaks(wanted):
    check_version(wanted, 2, 4)


@pytest.mark.parametrize("wanted", ["", "one", "-1", "1.0", "٣", "9" * 500])
def test_the_handshake_with_what_is_no_number(client, wanted):
    answer = client.get("/v1/models", headers={"X-MaSkel-Api": wanted.encode()})
    assert_typed(answer, 409, "version_mismatch")
