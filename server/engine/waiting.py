"""The line of waiting jobs: by priority, in order within one, and nobody waits for ever."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")

HEAD_START = {"preview": 0.0, "normal": 60.0, "batch": 300.0}
"""Seconds that a job of a priority counts as having come later than it did.

A more urgent job overtakes one that has waited less than the difference; after that it is overtaken no more.
"""


class WaitingLine(Generic[Item]):
    """Jobs in the order in which they will be run. Not locked."""

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, Item, str]] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, item: Item, priority: str, now: float) -> None:
        """Put a job in its place.

        Args:
            item: The job.
            priority: A key of `HEAD_START`.
            now: Seconds of a clock that is never set back.
        """
        # The numbers are unique, so two items are never compared.
        bisect.insort(self._entries, (now + HEAD_START[priority], next(self._numbers), item, priority))

    def take(self, count: int) -> list[Item]:
        """Take the first ones out, at most ``count``; after a preview only further previews.

        A batch takes longer than a picture alone, and somebody looks at a preview.
        """
        count = min(count, len(self._entries))
        if count and self._entries[0][3] == "preview":
            others = (index for index in range(count) if self._entries[index][3] != "preview")
            count = next(others, count)
        taken = [entry[2] for entry in self._entries[:count]]
        del self._entries[:count]
        return taken

    def take_all(self) -> list[Item]:
        """Take everything out, in order."""
        taken = [entry[2] for entry in self._entries]
        self._entries.clear()
        return taken

    def take_if(self, condition: Callable[[Item], bool]) -> list[Item]:
        """Take out what meets a condition, in order."""
        taken = [entry[2] for entry in self._entries if condition(entry[2])]
        if taken:
            self._entries = [entry for entry in self._entries if entry[2] not in taken]
        return taken

    def discard(self, item: Item) -> bool:
        """Take a job out wherever it stands; whether it was there."""
        index = self.position(item)
        if index is None:
            return False
        del self._entries[index]
        return True

    def position(self, item: Item) -> int | None:
        """How many are before it; None when it does not wait."""
        return next((index for index, entry in enumerate(self._entries) if entry[2] is item), None)
