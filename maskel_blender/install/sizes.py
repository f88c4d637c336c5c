"""How much is fetched and how much disk it takes, told before anything begins."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from .options import InstallOptions

MEBIBYTE = 1024**2

# download and disk in MiB; PyTorch by system and kind, all else together
_TORCH = {
    ("linux", "CPU"): (190, 760),
    ("linux", "GPU"): (2900, 7200),
    ("win32", "CPU"): (120, 560),
    ("win32", "GPU"): (2800, 5600),
    ("darwin", "CPU"): (90, 420),
    ("darwin", "GPU"): (90, 420),
}
_REST = (170, 620)
_WHEELS_GROW = 3.5


@dataclass(frozen=True)
class Size:
    """Bytes, rounded: ``download`` over the network, ``disk`` when all is done."""

    download: int
    disk: int

    @property
    def peak(self) -> int:
        """Bytes of free disk that are needed on the way: downloads are kept until all is done."""
        return self.download + self.disk

    def __str__(self) -> str:
        """For people."""
        disk = f"takes about {human(self.disk)}"
        return (
            f"fetches about {human(self.download)}, {disk}" if self.download else f"fetches nothing, {disk}"
        )


def estimate(options: InstallOptions, platform: str = sys.platform) -> Size:
    """Size of an installation."""
    if options.source == "FOLDER":
        wheels = sum(path.stat().st_size for path in Path(options.path).glob("*.whl")) if options.path else 0
        return Size(0, int(wheels * _WHEELS_GROW))
    download, disk = _TORCH.get((platform, options.torch), _TORCH["linux", options.torch])
    return Size((download + _REST[0]) * MEBIBYTE, (disk + _REST[1]) * MEBIBYTE)


def human(count: int) -> str:
    """Bytes as MiB or GiB."""
    if count >= 1024 * MEBIBYTE:
        return f"{count / 1024 / MEBIBYTE:.1f} GiB"
    return f"{max(1, round(count / MEBIBYTE)) if count else 0} MiB"
