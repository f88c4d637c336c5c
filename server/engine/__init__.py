"""The engine: owns the model, and runs jobs on it by priority and in batches."""

from maskel_server.engine.contracts import (
    PRIORITIES,
    JobState,
    JointLike,
    ModelInfo,
    PipelineLike,
    StagedPipeline,
    XrayJob,
    XrayLike,
    describe,
    warm_up,
)
from maskel_server.engine.engine import Engine
from maskel_server.engine.faults import as_typed
from maskel_server.engine.figures import Figures
from maskel_server.engine.ticket import Ticket

__all__ = [
    "PRIORITIES",
    "Engine",
    "Figures",
    "JobState",
    "JointLike",
    "ModelInfo",
    "PipelineLike",
    "StagedPipeline",
    "Ticket",
    "XrayJob",
    "XrayLike",
    "as_typed",
    "describe",
    "warm_up",
]
