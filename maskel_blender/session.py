"""What lives as long as Blender runs: the server process, the job in progress, the last error."""

from __future__ import annotations

from dataclasses import dataclass, field

from .backend.monitor import Monitor
from .backend.process import Backend
from .errors import MaskelError
from .install.installation import Installation
from .jobs import Job


@dataclass
class Session:
    """State behind the panel; never saved."""

    backend: Backend = field(default_factory=Backend)
    monitor: Monitor = field(default_factory=Monitor)
    installation: Installation | None = None
    setup_error: MaskelError | None = None
    job: Job | None = None
    error: MaskelError | None = None
    message: str = ""

    @property
    def busy(self) -> bool:
        """Whether an X-ray is in the making."""
        return self.job is not None and self.job.running

    def close(self) -> None:
        """End job, installation and server."""
        self.monitor.stop()
        if self.installation is not None:
            self.installation.cancel()
            self.installation = None
        if self.job is not None:
            self.job.cancel()
            self.job = None
        self.backend.stop(2.0)


SESSION = Session()
