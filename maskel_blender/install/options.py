"""What to install, and from where."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from .. import __version__
from ..errors import InstallError

SOURCES = ("BUNDLED", "FOLDER", "FILE", "INDEX")
"""The wheel of maskel in the extension, a folder with all wheels (needs no network), a wheel or checkout, the package index."""

TORCH_KINDS = ("CPU", "GPU")

TORCH = "torch==2.13.0"
"""The PyTorch that the model was tested with."""


@dataclass(frozen=True)
class InstallOptions:
    """One installation.

    Args:
        source: One of `SOURCES`.
        path: The folder, or the file or checkout; unused with BUNDLED and INDEX.
        torch: One of `TORCH_KINDS`; a wheel folder has the kind that it has.
        torch_index: Package index that has the wanted build of PyTorch; "" leaves the choice to uv, or to pip's own index.
        version: Version of maskel that is wanted.
    """

    source: str
    path: str = ""
    torch: str = "CPU"
    torch_index: str = ""
    version: str = __version__

    @property
    def needs_network(self) -> bool:
        """Whether packages come over the network."""
        return self.source != "FOLDER"

    def to_json(self) -> str:
        """The options as text; equal options give equal texts."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> InstallOptions:
        """Inverse of `to_json`.

        Raises:
            InstallError: ``bad_options``.

        """
        try:
            values = json.loads(text)
            return cls(**{name: str(value) for name, value in values.items()})
        except (ValueError, TypeError, AttributeError):
            raise InstallError(
                "bad_options",
                "The record of the installation cannot be read.",
                "Remove the back end, then install it again.",
            ) from None

    def check(self) -> None:
        """Refuse what cannot work, before anything is made.

        Raises:
            InstallError: ``no_wheels``, ``no_package``.

        """
        path = Path(self.path)
        if self.source == "BUNDLED" and bundled_wheel() is None:
            raise InstallError(
                "no_package",
                "This copy of the add-on comes without the back end.",
                "Choose a wheel folder, or a wheel or checkout of maskel.",
            )
        if self.source == "FOLDER" and not (self.path and any(path.glob("maskel-*.whl"))):
            raise InstallError(
                "no_wheels",
                f"There is no wheel of maskel in the folder {self.path or '(none)'}.",
                "Choose the folder that holds maskel-VERSION-py3-none-any.whl and the wheels it needs.",
            )
        if self.source == "FILE" and not self.is_package(path):
            raise InstallError(
                "no_package",
                f"{self.path or 'Nothing'} is neither a wheel nor a checkout of maskel.",
                "Choose a file maskel-*.whl, or the folder that holds pyproject.toml.",
            )

    def is_package(self, path: Path) -> bool:
        """Whether pip can install a path: a wheel or a checkout."""
        if not self.path:
            return False
        return (path.suffix == ".whl" and path.is_file()) or (path / "pyproject.toml").is_file()


def bundled_wheel() -> Path | None:
    """The wheel of maskel that came with the extension; None if it came without."""
    return next(iter(sorted(Path(__file__).resolve().parent.glob("maskel-*.whl"))), None)


def constraints_file() -> Path | None:
    """The tested versions of all packages: in the extension beside this file, in a checkout among the locks."""
    here = Path(__file__).resolve()
    for path in (here.with_name("backend.lock"), here.parents[2] / "requirements" / "demo.lock"):
        if path.is_file():
            return path
    return None
