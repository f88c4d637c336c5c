"""How old files are, whatever happens to the clock on the wall."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection


class Ages:
    """Ages of files, by a clock that never jumps from the first look on.

    A file that an earlier process wrote is at the first look as old as the wall says, and one of the future as old as
    it is ahead, since a clock set back must not make it immortal. A clock that is set later changes no age.

    Args:
        steady: Seconds of a clock that is never set.
        wall: Seconds of the clock by which files are stamped.
    """

    def __init__(
        self, steady: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self._steady = steady
        self._wall = wall
        self._born: dict[str, tuple[float, float]] = {}

    def of(self, name: str, modified: float) -> float:
        """Seconds since a file was written.

        Args:
            name: Its name.
            modified: Its time stamp; another one than before means another file.
        """
        known = self._born.get(name)
        if known is None or known[0] != modified:
            known = modified, self._steady() - abs(self._wall() - modified)
            self._born[name] = known
        return max(0.0, self._steady() - known[1])

    def keep_only(self, names: Collection[str]) -> None:
        """Forget files that are gone."""
        self._born = {name: born for name, born in self._born.items() if name in names}
