"""What lives as long as Blender runs: the server process, the job in progress, the last error."""

from __future__ import annotations

from dataclasses import dataclass, field

from .backend.process import Backend
from .errors import MaskelError
from .jobs import Job
from .silhouette.checks import SilhouetteWarning


@dataclass
class Session:
    """State behind the panel; never saved."""

    backend: Backend = field(default_factory=Backend)
    job: Job | None = None
    error: MaskelError | None = None
    message: str = ""
    warnings: tuple[SilhouetteWarning, ...] = ()
    """Of the last silhouette."""

    @property
    def busy(self) -> bool:
        """Whether an X-ray is in the making."""
        return self.job is not None and self.job.running

    def close(self) -> None:
        """End job and server."""
        if self.job is not None:
            self.job.cancel()
            self.job = None
        self.backend.stop(2.0)


SESSION = Session()
