"""What lives as long as Blender runs: the server process, the queue of X-rays, the last error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .backend.monitor import Monitor
from .backend.process import Backend
from .client.request import XrayAnswer, XrayRequest
from .errors import MaskelError
from .install.installation import Installation
from .jobs import Job, JobOptions
from .queue.cache import ResultCache
from .queue.job_queue import JobQueue
from .silhouette.checks import SilhouetteWarning


@dataclass
class Session:
    """State behind the panel; never saved."""

    backend: Backend = field(default_factory=Backend)
    cache: ResultCache = field(default_factory=ResultCache)
    queue: JobQueue = field(init=False)
    monitor: Monitor = field(default_factory=Monitor)
    installation: Installation | None = None
    setup_error: MaskelError | None = None
    error: MaskelError | None = None
    message: str = ""
    warnings: tuple[SilhouetteWarning, ...] = ()
    """Of the silhouettes since the queue was last empty, the first few."""

    def __post_init__(self) -> None:
        """The queue starts its jobs here."""
        self.queue = JobQueue(self.start_job)

    @property
    def busy(self) -> bool:
        """Whether an X-ray is in the making."""
        return self.queue.active

    def start_job(
        self,
        request: XrayRequest,
        options: JobOptions,
        ended: Callable[[Job], None] | None = None,
        finish: Callable[[XrayAnswer], None] | None = None,
    ) -> Job:
        """A job that finds answers of before."""
        return Job(request, options, self.backend, self.cache, ended, finish)

    def close(self) -> None:
        """End jobs, installation and server."""
        self.queue.close()
        self.monitor.stop()
        if self.installation is not None:
            self.installation.cancel()
            self.installation = None
        self.backend.stop(2.0)


SESSION = Session()
