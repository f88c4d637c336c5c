"""What is wrong with a file, and the errors that gather it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskel_core.errors import MaskelError


@dataclass(frozen=True)
class Problem:
    """Why something in the folder cannot be used.

    Args:
        name: Of the pair or volume, relative to the folder.
        error: What is wrong; its message names the file.
    """

    name: str
    error: MaskelError


class ImportRefusedError(MaskelError):
    """Nothing was written because of ``problems``."""

    def __init__(self, problems: list[Problem], whole: int) -> None:
        self.problems = problems
        super().__init__(
            "import_refused",
            f"{len(problems)} of {whole} cannot be used, so nothing was written.",
            "Correct them, or leave them out with --skip-bad.",
        )


def refuse(code: str, path: Path | str, what: str, fix: str) -> MaskelError:
    """The error for a file: ``what`` goes on after its name."""
    return MaskelError(code, f"{path.name if isinstance(path, Path) else path} {what}.", fix)


def need(package: str) -> Any:
    """Import a package of the extra ``import``.

    Raises:
        MaskelError: ``package_missing``.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MaskelError(
            "package_missing",
            f"The package {package} is not installed.",
            'Install what imports need with `pip install "maskel[import]"`.',
        ) from error
