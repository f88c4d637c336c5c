"""What a batch is to make: every camera, character and frame with its files. No bpy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from ..client.request import STYLES, VIEWS
from ..errors import PlanError
from .naming import Pattern

FORMATS = ("mask", "layers", "joints")
"""What may be written beside the X-ray."""

LARGEST_SIZE = 8192

_SUFFIXES = {
    "mask": {"mask": ".mask.png"},
    "layers": {"bone": ".bone.png", "soft": ".soft.png", "layers": ".layers.json"},
    "joints": {"joints": ".joints.json"},
}


@dataclass(frozen=True)
class Settings:
    """How each X-ray is made.

    Args:
        style: One of `STYLES`.
        view: One of `VIEWS`.
        size: Longer side in pixels; 0 = as the render.
        formats: Of `FORMATS`, what to write beside the X-ray.
    """

    style: str = STYLES[0]
    view: str = VIEWS[0]
    size: int = 0
    formats: tuple[str, ...] = ("mask",)

    def check(self) -> None:
        """Raise what is wrong.

        Raises:
            PlanError: ``bad_style``, ``bad_view``, ``bad_size``, ``bad_format``.

        """
        for code, value, known in (("bad_style", self.style, STYLES), ("bad_view", self.view, VIEWS)):
            if value not in known:
                raise PlanError(code, f'"{value}" is not known.', f"Choose one of {', '.join(known)}.")
        for name in self.formats:
            if name not in FORMATS:
                raise PlanError("bad_format", f'"{name}" is not known.', f"Choose from {', '.join(FORMATS)}.")
        if not 0 <= self.size <= LARGEST_SIZE:
            raise PlanError(
                "bad_size",
                f"{self.size} is not a size.",
                f"Take 1 to {LARGEST_SIZE} pixels, or 0 for the render's.",
            )

    @property
    def digest(self) -> str:
        """Short hex digest; files made with other settings are not those that are asked for."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Item:
    """One X-ray to make.

    Args:
        camera: Name of the camera.
        character: Name of the character, one of the plan's.
        frame: Frame of the timeline.
        files: Path of each file by kind (``xray`` and those of the formats), relative to the plan's folder.
    """

    camera: str
    character: str
    frame: int
    files: dict[str, PurePosixPath]

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from the others."""
        return (self.camera, self.character, self.frame)


@dataclass(frozen=True)
class Plan:
    """A batch; make it by `build`.

    Args:
        items: In the order of work: frame by frame, character by character, so that each is evaluated once.
        settings: How.
        folder: Where the files go.
        pattern: What names them.
    """

    items: tuple[Item, ...]
    settings: Settings
    folder: Path
    pattern: Pattern

    @classmethod
    def build(
        cls,
        cameras: Sequence[str],
        characters: Sequence[str],
        frames: Sequence[int],
        folder: Path,
        pattern: str,
        settings: Settings | None = None,
        scene: str = "Scene",
    ) -> Plan:
        """Lay out a batch; nothing is written.

        Args:
            cameras: Names of cameras; a name twice counts once.
            characters: Names of characters, no two alike.
            frames: Frames; a frame twice counts once.
            folder: Where the files go.
            pattern: See `Pattern.parse`.
            settings: How; None for the defaults.
            scene: Name of the scene, for the pattern.

        Raises:
            PlanError: ``nothing_to_do``, ``name_collision``, ``bad_pattern``, and those of `Settings.check`.

        """
        settings = settings or Settings()
        settings.check()
        named = Pattern.parse(pattern)
        items = []
        for frame in dict.fromkeys(frames):
            for character in characters:
                for camera in dict.fromkeys(cameras):
                    values: dict[str, str | int] = {
                        "camera": camera,
                        "character": character,
                        "frame": frame,
                        "style": settings.style,
                        "scene": scene,
                    }
                    files = _files(named.path(values), settings.formats)
                    items.append(Item(camera, character, frame, files))
        if not items:
            raise PlanError(
                "nothing_to_do", "There is nothing to do.", "Name a camera, a character, a frame."
            )
        _refuse_collisions(items, named)
        return cls(tuple(items), settings, folder, named)


def default_pattern(characters: int, timeline: bool) -> str:
    """How pictures are named unless told otherwise.

    Args:
        characters: How many; one alone is not named.
        timeline: Whether frames were asked for, be it a single one: parts of a batch must name their files alike.

    """
    if timeline:
        return "{camera}/{character}_{frame:04d}.png" if characters > 1 else "{camera}/{frame:04d}.png"
    return "{camera}/{character}.png" if characters > 1 else "{camera}.xray.png"


def _files(xray: PurePosixPath, formats: Sequence[str]) -> dict[str, PurePosixPath]:
    stem = xray.stem
    stem = stem[: -len(".xray")] if stem.lower().endswith(".xray") and stem.lower() != ".xray" else stem
    files = {"xray": xray}
    for name in FORMATS:
        if name in formats:
            files |= {kind: xray.with_name(stem + ending) for kind, ending in _SUFFIXES[name].items()}
    return files


def _refuse_collisions(items: Sequence[Item], pattern: Pattern) -> None:
    """No two files under one name, also where the file system takes capitals and small letters for the same."""
    owners: dict[str, Item] = {}
    for item in items:
        for path in item.files.values():
            other = owners.setdefault(str(path).casefold(), item)
            if other is not item:
                raise PlanError(
                    "name_collision",
                    f'"{path}" would be both {_told(other)} and {_told(item)}.',
                    _way_out(other, item, pattern),
                )


def _told(item: Item) -> str:
    return f'"{item.character}" by "{item.camera}" at frame {item.frame}'


def _way_out(one: Item, other: Item, pattern: Pattern) -> str:
    for field, example in (("frame", "frame:04d"), ("camera", "camera"), ("character", "character")):
        if getattr(one, field) != getattr(other, field):
            if not pattern.has(field):
                return f"Put {{{example}}} into the pattern."
            return f"Rename one {field}: the names look alike as file names."
    return "Name each character once."
