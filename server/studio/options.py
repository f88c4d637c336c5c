"""What a studio may choose; imports nothing of Ray."""

from __future__ import annotations

from dataclasses import dataclass

APPLICATION = "maskel"
"""Name of the application on Ray Serve."""

IN_A_REPLICA = 4
"""Jobs that a replica has at once; its engine runs them as batches."""


@dataclass(frozen=True)
class StudioOptions:
    """How many replicas, and where.

    Attributes:
        replicas: Replicas of the model, at least.
        max_replicas: At most; more than ``replicas`` lets Ray Serve start and end them by load.
        address: A Ray cluster on which the application runs already; None starts Ray on this machine alone.
    """

    replicas: int = 1
    max_replicas: int | None = None
    address: str | None = None

    @property
    def most(self) -> int:
        """Replicas at most."""
        return max(self.replicas, self.max_replicas or 0)
