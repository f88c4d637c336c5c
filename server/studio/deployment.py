"""One replica: a model with an engine of its own, as a deployment of Ray Serve."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from maskel_core.errors import MaskelError
from maskel_core.runtime import open_pipeline
from maskel_server.engine import Engine, XrayJob
from maskel_server.studio.options import IN_A_REPLICA
from pydantic import BaseModel, ConfigDict
from ray import serve

log = logging.getLogger("maskel_server")

DRAIN_SECONDS = 300.0
"""How long the jobs of a model that is being replaced may take."""


class ReplicaConfig(BaseModel):
    """``user_config`` of the deployment: a change of it is a rolling update of the model."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model: Path | None = None
    device: str = "auto"
    threads: int | None = None
    looks: int | None = None


class StudioArguments(BaseModel):
    """``args`` of the application."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    replicas: int = 1
    max_replicas: int | None = None
    cpus: float = 1.0
    gpus: float = 0.0
    config: ReplicaConfig = ReplicaConfig()


@dataclass(frozen=True)
class Reply:
    """What a replica answers: an X-ray or a typed refusal, and who made it.

    A refusal travels as a value: an exception would be wrapped, and taken for a fault of the replica.
    """

    model: dict[str, Any]
    process: int
    xray: Any = None
    refusal: dict[str, str] | None = None


class XrayReplica:
    """Loads a model in ``reconfigure`` and answers jobs; Ray Serve calls its methods."""

    def __init__(self) -> None:
        self._engine: Engine | None = None

    async def reconfigure(self, config: dict[str, Any]) -> None:
        """Load the model that ``config`` (see `ReplicaConfig`) names; the one before works until this one is ready.

        Raises:
            RuntimeError: The model could not be loaded; the one before, if any, stays.
        """
        wanted = ReplicaConfig.model_validate(config)
        load = partial(open_pipeline, wanted.model, wanted.device, wanted.threads, looks=wanted.looks)
        # The one server in front keeps the queue and refuses; a replica takes whatever it is sent.
        engine = Engine(load, queue_size=4 * IN_A_REPLICA, idle_seconds=0)
        engine.start()
        await asyncio.to_thread(engine.wait)
        if engine.failure is not None:
            raise RuntimeError(f"{engine.failure.message} {engine.failure.fix}")
        before, self._engine = self._engine, engine
        if before is not None:
            await asyncio.to_thread(before.wait_until_empty, DRAIN_SECONDS)
            before.stop()

    async def __call__(self, job: XrayJob) -> Reply:
        """Work off one job."""
        assert self._engine is not None
        # Batches form here and not in @serve.batch: the engine's own way halves them when memory runs out.
        engine = self._engine
        try:
            xray, _ = await engine.submit(job)
            return Reply(describe(engine), os.getpid(), xray=xray)
        except MaskelError as error:
            return Reply(describe(engine), os.getpid(), refusal=error.as_dict())

    async def about(self) -> Reply:
        """The model, without a job."""
        assert self._engine is not None
        return Reply(describe(self._engine), os.getpid())

    def check_health(self) -> None:
        """Raise when the model is gone, so that Ray Serve replaces the replica."""
        if self._engine is not None and self._engine.failure is not None:
            raise RuntimeError(self._engine.failure.message)


def describe(engine: Engine) -> dict[str, Any]:
    """The public facts of an engine's model."""
    info = engine.info()
    assert info is not None
    return {
        "model_id": info.id,
        "description": info.description,
        "device": info.device,
        "native_size": info.native_size,
    }


def build(arguments: StudioArguments) -> Any:
    """The application for ``serve.run`` and for a Serve config (``import_path: maskel_server.studio.deployment:build``)."""
    scale: dict[str, Any]
    if arguments.max_replicas is not None and arguments.max_replicas > arguments.replicas:
        scale = {
            "autoscaling_config": {
                "min_replicas": arguments.replicas,
                "max_replicas": arguments.max_replicas,
                "target_ongoing_requests": IN_A_REPLICA / 2,
            }
        }
    else:
        scale = {"num_replicas": arguments.replicas}
    deployment = serve.deployment(
        name="Xray",
        max_ongoing_requests=IN_A_REPLICA,
        ray_actor_options={"num_cpus": arguments.cpus, "num_gpus": arguments.gpus},
        user_config=arguments.config.model_dump(mode="json"),
        health_check_period_s=5,
        graceful_shutdown_timeout_s=30,
        **scale,
    )(XrayReplica)
    return deployment.bind()
