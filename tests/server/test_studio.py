"""The studio: one server in front of two replicas on Ray Serve."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from maskel_core.errors import MaskelError
from maskel_server.engine import XrayJob
from maskel_server.engine.plan import plan_for
from maskel_server.settings import ServerSettings
from maskel_server.studio.front import TRIES, StudioPipeline, studio_engine
from maskel_server.studio.options import StudioOptions

from tests.server.doubles import TOKEN, SquarePipeline, assert_typed, png_of
from tests.server.held import HeldServer, wait_for
from tests.server.test_faults import numbered_mask

ROOT = Path(__file__).resolve().parents[2]
RAY_TOKEN = "0123456789abcdef" * 4
START_SECONDS = 420

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="the extra studio is not there"
)


class LostReplica(Exception):
    pass


class Later:
    def __init__(self, answer):
        self.answer = answer

    def result(self, timeout_s):
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class Reply:
    def __init__(self, model="m", xray=None, refusal=None):
        self.model = {"model_id": model, "description": "d", "device": "cpu", "native_size": 64}
        self.xray, self.refusal = xray, refusal


class Handle:
    """A handle of Ray Serve that answers what it is told to, in turn."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.jobs = []
        self.about = self

    def remote(self, *job):
        self.jobs += job
        return Later(self.answers.pop(0))


def pipeline_of(*answers):
    handle = Handle(Reply(), *answers)
    return StudioPipeline(handle, 3, 10.0, (LostReplica,)), handle


def test_a_job_of_a_lost_replica_goes_to_another():
    pipeline, handle = pipeline_of(LostReplica(), LostReplica(), Reply("next", xray="picture"))
    mask = np.zeros((4, 4), np.uint8)
    assert pipeline.model_id == "m"
    assert pipeline(mask, style="bone", size=None, joints=True) == "picture"
    assert len(handle.jobs) == 3 and all(isinstance(job, XrayJob) and job.joints for job in handle.jobs)
    assert pipeline.model_id == "next", "a rolling update shows"


def test_a_job_that_kills_replicas_is_given_up():
    pipeline, handle = pipeline_of(*[LostReplica() for _ in range(TRIES)])
    with pytest.raises(MaskelError) as caught:
        pipeline(np.zeros((4, 4), np.uint8))
    assert caught.value.code == "replica_lost" and len(handle.jobs) == TRIES


def test_a_refusal_keeps_its_words_and_is_not_tried_again():
    told = MaskelError("empty_mask", "The mask is empty.", "Render the body.")
    pipeline, handle = pipeline_of(Reply(refusal=told.as_dict()))
    with pytest.raises(MaskelError) as caught:
        pipeline(np.zeros((4, 4), np.uint8))
    assert caught.value.as_dict() == told.as_dict() and len(handle.jobs) == 1


def test_a_silent_replica_is_typed():
    pipeline, _ = pipeline_of(TimeoutError())
    with pytest.raises(MaskelError) as caught:
        pipeline(np.zeros((4, 4), np.uint8))
    assert caught.value.code == "timed_out"


def test_the_front_has_a_lane_for_every_job_that_is_out():
    pipeline, _ = pipeline_of()
    assert plan_for(pipeline).lanes == 3 and plan_for(pipeline).largest == 1
    assert plan_for(SquarePipeline()).lanes == 1


def test_without_ray_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MaskelError) as caught:
        studio_engine(StudioOptions(2), ServerSettings(token=TOKEN))
    assert caught.value.code == "ray_missing" and "studio" in caught.value.fix


class Studio(HeldServer):
    """``maskel serve --ray`` with the model that ships."""

    def command(self):
        return [sys.executable, "-c", "from maskel_core.cli import main; main()"]

    def replicas(self):
        """Processes of the replicas."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if child.cmdline()[0].startswith("ray::ServeReplica"):
                    found.append(child)
            except (psutil.Error, IndexError):
                continue
        return found


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    arguments = ("--ray", "--replicas", "2", "--device", "cpu", "--threads", "1")
    server = Studio(
        tmp_path_factory.mktemp("studio"),
        *arguments,
        start_seconds=START_SECONDS,
        RAY_AUTH_TOKEN=RAY_TOKEN,
        MASKEL_SERVE_QUEUE_SIZE="200",
    )
    assert server.health()["status"] == "ready", server.logged()
    yield server
    server.close()


@needs_ray
@pytest.mark.slow
def test_a_killed_replica_loses_no_job(studio):
    wait_for(lambda: len(studio.replicas()) == 2, 120)
    jobs = {number: f"studio-job-{number}" for number in range(60)}

    def ask(number):
        return studio.xray(numbered_mask(400 + number), jobs[number], timeout=300)

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, number) for number in jobs]
        wait_for(lambda: sum(one.done() for one in asked) >= 10, 300)
        studio.replicas()[0].kill()
        answers = [one.result(600) for one in asked]
    assert [answer.status for answer in answers] == [200] * len(jobs), studio.logged()
    assert "a replica was lost" in studio.logged(), "it had work"
    again = ask(0)
    assert again.body == answers[0].body, "kept by the front, whichever replica made it"
    wait_for(lambda: len(studio.replicas()) == 2, 300)


@needs_ray
@pytest.mark.slow
def test_the_door_is_the_same_as_of_one_server(studio):
    mask = numbered_mask(500)
    assert_typed(studio.xray(png_of(np.zeros((64, 64), np.uint8))), 422, "empty_mask")
    assert_typed(studio.xray(b"no picture"), 415, "not_an_image")
    assert_typed(studio.xray(mask, style="none"), 422, "bad_style")
    assert_typed(
        studio.ask("GET", "/v1/models", headers={"Authorization": "Bearer wrong"}), 401, "unauthorized"
    )
    assert_typed(studio.ask("GET", "/v1/models", headers={"Host": "example.org"}), 403, "bad_host")
    assert_typed(studio.ask("GET", "/v1/models", headers={"Origin": "http://example.org"}), 403, "bad_origin")
    assert_typed(studio.ask("POST", "/v1/xray", bytes(40_000_000)), 413, "body_too_large")


ROLL = """
import sys, ray
from ray import serve
from maskel_server.studio.deployment import ReplicaConfig, StudioArguments, build
ray.init(address="auto", namespace="serve", log_to_driver=False)
config = ReplicaConfig(model=sys.argv[1], device="cpu", threads=1)
serve.run(build(StudioArguments(replicas=2, cpus=0.9, config=config)), name="maskel", route_prefix=None)
"""


@needs_ray
@pytest.mark.slow
def test_a_new_model_is_rolled_out_under_load(studio, tmp_path):
    folder = tmp_path / "maskel-next"
    shutil.copytree(ROOT / "core/weights/maskel-base", folder)
    environment = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": RAY_TOKEN}
    roll = subprocess.Popen([sys.executable, "-c", ROLL, str(folder)], env=environment, cwd=ROOT)
    models, number = [], 0
    while roll.poll() is None or models[-4:] != ["maskel-next"] * 4:
        answer = studio.xray(numbered_mask(number), timeout=300)
        assert answer.status == 200, answer.text
        models.append(answer.headers["x-maskel-model"])
        number += 1
        assert number < 1000, models[-1]
    assert roll.returncode == 0
    assert models[0] == "maskel-base"


@needs_ray
@pytest.mark.slow
def test_it_ends_with_all_its_processes(studio):
    family = psutil.Process(studio.process.pid).children(recursive=True)
    studio.tell_to_end()
    assert studio.status(60) == 0, studio.logged()
    assert psutil.wait_procs(family, 60)[1] == []


@needs_ray
def test_the_config_of_a_cluster_is_one_that_ray_serve_takes():
    from ray.serve.schema import ServeDeploySchema

    yaml = pytest.importorskip("yaml")
    values = yaml.safe_load((ROOT / "deploy/maskel.yaml").read_text("utf-8"))
    config = ServeDeploySchema.model_validate(values)
    (application,) = config.applications
    module, _, name = application.import_path.partition(":")
    assert callable(getattr(importlib.import_module(module), name))
    from maskel_server.studio.deployment import ReplicaConfig, StudioArguments

    StudioArguments.model_validate(application.args)
    ReplicaConfig.model_validate(application.deployments[0].user_config)
    assert application.route_prefix is None and config.proxy_location == "Disabled"
