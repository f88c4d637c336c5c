"""Which split a person belongs to."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable

from maskel_core.errors import MaskelError

SPLITS = ("train", "val", "test")


def number_of(person: str) -> int:
    """A person's number, 48 bits of a hash of the name."""
    return int.from_bytes(hashlib.sha256(f"maskel-person-{person}".encode()).digest()[:6], "big")


def assign(
    people: Iterable[str], val: float = 0.1, test: float = 0.1, only: str | None = None
) -> dict[str, str]:
    """The split of every person, by a hash of the name, so that it stays when others come or go.

    Where a share gets nobody the nearest person by hash is moved there from a split that has more: train first, then val.

    Args:
        people: Names; the same name is the same person.
        val: Share of people in ``val``.
        test: Share of people in ``test``.
        only: Put everybody in this split.

    Raises:
        MaskelError: ``bad_share``, ``bad_split``.
    """
    if only is not None and only not in SPLITS:
        raise MaskelError("bad_split", f"There is no split {only!r}.", f"Choose one of {', '.join(SPLITS)}.")
    if not (val >= 0 and test >= 0 and val + test < 1):
        raise MaskelError(
            "bad_share", f"Shares {val:g} and {test:g} leave nobody to train on.", "Choose smaller ones."
        )
    ranked = sorted(set(people), key=number_of)
    if only is not None:
        return dict.fromkeys(ranked, only)
    share = {person: number_of(person) / 2**48 for person in ranked}
    found = {p: "test" if s < test else "val" if s < test + val else "train" for p, s in share.items()}
    for split, edge, wanted in (("train", 1.0, 1.0), ("val", test + val, val), ("test", test, test)):
        if wanted == 0 or split in found.values():
            continue
        size = Counter(found.values())
        needs = {"train": ("val", "test"), "val": ("test",), "test": ()}[split]
        spare = [p for p in ranked if size[found[p]] > 1 or found[p] in needs]
        if spare:
            found[min(spare, key=lambda person: abs(share[person] - edge))] = split
    return found
