"""The studio's front: the one server's engine, whose pipeline is all replicas together."""

from __future__ import annotations

import importlib.util
import logging
import os
import secrets
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from maskel_core.errors import MaskelError
from maskel_core.models.manifest import read_model_files
from maskel_server.engine import Engine, XrayJob
from maskel_server.engine.plan import Plan
from maskel_server.settings import ServerSettings
from maskel_server.studio.options import APPLICATION, IN_A_REPLICA, StudioOptions

log = logging.getLogger("maskel_server")

TRIES = 4
"""Replicas that a job is given to before it is blamed: one that kills whatever runs it must not kill them all."""


class StudioPipeline:
    """All replicas as one pipeline; called from as many threads as `plan` has lanes.

    Args:
        handle: Ray Serve's handle of the application.
        lanes: Jobs that are out at once.
        seconds: How long one job may take.
        lost: Exceptions that say the replica is gone, not that the job is bad.
    """

    def __init__(
        self, handle: Any, lanes: int, seconds: float, lost: tuple[type[BaseException], ...]
    ) -> None:
        self._handle = handle
        self._seconds = seconds
        self._lost = lost
        # "exclusive" lets no job hold the other lanes up; one mask a lane, since batches form in the replicas.
        self.plan = Plan(lanes=lanes, largest=1, exclusive=True, threads=None, gather=0.0)
        self._model: dict[str, Any] = {}
        self._ask(lambda: handle.about.remote())

    @property
    def model_id(self) -> str:
        """Name of the model that answered last."""
        return str(self._model["model_id"])

    @property
    def description(self) -> str:
        """One sentence on it."""
        return str(self._model["description"])

    @property
    def device(self) -> str:
        """Where it runs."""
        return str(self._model["device"])

    @property
    def native_size(self) -> int:
        """Pixels per side at which it works."""
        return int(self._model["native_size"])

    def __call__(self, mask: np.ndarray, **options: Any) -> Any:
        """Have a replica make an X-ray; the arguments are those of ``MaskelPipeline``.

        Raises:
            MaskelError: What the replica refused with; ``replica_lost``, ``timed_out``.
        """
        job = XrayJob(mask, **options)
        return self._ask(lambda: self._handle.remote(job)).xray

    def _ask(self, send: Callable[[], Any]) -> Any:
        for _ in range(TRIES):
            try:
                reply = send().result(timeout_s=self._seconds)
            except TimeoutError:
                raise MaskelError(
                    "timed_out", "No replica answered in time.", "Try again when the studio is less busy."
                ) from None
            except self._lost as error:
                # An X-ray changes nothing, so that it can be made again.
                log.warning("a replica was lost (%s); its job goes to another", type(error).__name__)
                continue
            self._model = reply.model
            if reply.refusal is not None:
                raise MaskelError(**reply.refusal)
            return reply
        raise MaskelError(
            "replica_lost",
            f"{TRIES} replicas were lost with this job.",
            "Send it again; if it happens again, look at the log of the replicas.",
        )


def studio_engine(options: StudioOptions, settings: ServerSettings) -> Engine:
    """An engine that gives its jobs to replicas. Ray is started at once, the replicas with the engine.

    To be called on the main thread before a server takes its signals: Ray takes some for itself, and would not let
    the server drain.

    Raises:
        MaskelError: ``ray_missing``, ``ray_unreachable``.
    """
    # Not imported yet: it reads its environment then, which is set further down.
    if importlib.util.find_spec("ray") is None:
        raise MaskelError(
            "ray_missing", "Ray Serve is not installed.", "Install it: pip install 'maskel[studio]'."
        )
    join_ray(options, settings)
    # A replica that is full still has its next batch sent to it, or it would wait for the network.
    lanes = options.most * IN_A_REPLICA
    queue = max(settings.queue_size, 2 * lanes)
    load: Callable[[], Any] = partial(open_studio, options, settings, lanes)
    return Engine(load, queue, idle_seconds=0)


def join_ray(options: StudioOptions, settings: ServerSettings) -> None:
    """Start Ray for this process alone, or join the cluster that is named.

    Raises:
        MaskelError: ``ray_unreachable``.
    """
    # All before Ray is imported. Nothing is told to anyone, and nobody else on this machine may use its ports.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if options.address is None:
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        # Ray lets its workers give way to all else; these are what the machine is for.
        os.environ.setdefault("RAY_worker_niceness", "0")
    import ray

    if options.address is not None:
        try:
            ray.init(address=options.address, namespace="serve", log_to_driver=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise MaskelError(
                "ray_unreachable",
                f"The Ray cluster at {options.address} cannot be joined: {str(error).splitlines()[0]}",
                "Look at the address, and at RAY_AUTH_TOKEN when the cluster asks for one.",
            ) from error
        return
    ray.init(
        _node_ip_address="127.0.0.1",
        # Ray's own books, not a limit: more replicas than cores are the user's choice.
        num_cpus=max(os.cpu_count() or 1, options.most),
        num_gpus=_gpus(settings.device) or None,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=512 * 2**20,
        namespace="serve",
    )


def open_studio(options: StudioOptions, settings: ServerSettings, lanes: int) -> StudioPipeline:
    """Start the replicas, or find those that run; blocks until one answers.

    Raises:
        MaskelError: ``studio_missing``, and what `start_here` raises.
    """
    import ray
    from ray import serve
    from ray.serve.exceptions import DeploymentUnavailableError, RayServeException

    if options.address is not None:
        try:
            handle = serve.get_app_handle(APPLICATION)
        except RayServeException as error:
            raise MaskelError(
                "studio_missing",
                f"No application {APPLICATION!r} runs on the Ray cluster at {options.address}.",
                "Deploy it there: serve deploy deploy/maskel.yaml.",
            ) from error
    else:
        handle = start_here(options, settings)
    lost = (ray.exceptions.RayActorError, ray.exceptions.RaySystemError, DeploymentUnavailableError)
    return StudioPipeline(handle, lanes, settings.work_seconds, lost)


def start_here(options: StudioOptions, settings: ServerSettings) -> Any:
    """Start the replicas on this machine.

    Raises:
        MaskelError: ``model_missing``, ``model_damaged``, ``studio_failed``.
    """
    if settings.model is not None:
        # Told here in words; from a replica only a stack of tracebacks would come.
        read_model_files(settings.model)
    from maskel_server.studio.deployment import ReplicaConfig, StudioArguments, build
    from ray import serve

    cores = os.cpu_count() or 1
    threads = settings.threads or max(1, cores // options.most)
    gpus = _gpus(settings.device)
    arguments = StudioArguments(
        replicas=options.replicas,
        max_replicas=options.max_replicas,
        # The controller wants a little too.
        cpus=0.9,
        gpus=gpus / options.most if gpus else 0,
        config=ReplicaConfig(
            model=settings.model, device=settings.device, threads=threads, looks=settings.looks
        ),
    )
    # No HTTP of Ray Serve: the one way in is the server, with its token and limits.
    serve.start(proxy_location="Disabled")
    try:
        return serve.run(build(arguments), name=APPLICATION, route_prefix=None)
    except RuntimeError as error:
        log.error("%s", error)
        raise MaskelError(
            "studio_failed",
            "The replicas could not be started.",
            "Look at the server's log; maskel serve without --ray shows whether the model itself works.",
        ) from error


def _gpus(device: str) -> int:
    if not device.startswith(("auto", "cuda")):
        return 0
    import torch

    return torch.cuda.device_count()
