"""The state of the server in one word, for people."""

from __future__ import annotations

from ..client.request import ServerStatus
from .process import ServerState

NOT_INSTALLED = "not installed"
STOPPED = "stopped"
STARTING = "starting"
READY = "ready"
IDLE = "idle"
BUSY = "busy"
FAILED = "failed"
STOPPING = "stopping"
ELSEWHERE = "in use elsewhere"
UNKNOWN = "not answering"

EXPLANATIONS = {
    NOT_INSTALLED: "Install the back end once, in the preferences",
    STOPPED: "Starts by itself with the first X-ray",
    STARTING: "Loading; this takes some seconds",
    READY: "The model is loaded",
    IDLE: "The model is unloaded; the next X-ray loads it again",
    BUSY: "Making X-rays for this Blender",
    FAILED: "See what it said",
    STOPPING: "Ends when its last X-ray is done",
    ELSEWHERE: "Making X-rays for somebody else; yours wait in its queue",
    UNKNOWN: "No answer from its address",
}


def own_server(state: ServerState, installed: bool, status: ServerStatus | None, jobs: bool) -> str:
    """Of a server that this Blender starts or adopts.

    Args:
        state: Of the process.
        installed: Whether there is a program to start.
        status: What it last said; None if it has not been asked.
        jobs: Whether this Blender has work there.

    """
    return {
        ServerState.NOT_FOUND: NOT_INSTALLED,
        ServerState.STOPPED: STOPPED if installed else NOT_INSTALLED,
        ServerState.STARTING: STARTING,
        ServerState.FAILED: FAILED,
    }.get(state) or _answering(status, jobs)


def named_server(status: ServerStatus | None, failed: bool, jobs: bool) -> str:
    """Of a server that the user named.

    Args:
        status: What it last said.
        failed: Whether asking it failed.
        jobs: Whether this Blender has work there.

    """
    if status is None:
        return UNKNOWN if failed else STARTING
    return _answering(status, jobs)


def _answering(status: ServerStatus | None, jobs: bool) -> str:
    if status is None:
        return BUSY if jobs else READY
    told = status.health.status
    if told == "failed":
        return FAILED
    if told == "starting":
        return STARTING
    if told == "draining":
        return STOPPING
    if jobs:
        return BUSY
    if status.running:
        return ELSEWHERE
    return IDLE if told == "idle" else READY
