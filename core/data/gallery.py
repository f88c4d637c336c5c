"""Contact sheets of the anatomy on one offline page: ages, poses, views and what each sample is made of."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from maskel_core.anatomy.age import parameter_of
from maskel_core.anatomy.asset import Anatomy, default_anatomy
from maskel_core.anatomy.figure import Figure, make_figure
from maskel_core.anatomy.pose_library import POSE_CLASSES
from maskel_core.errors import MaskelError
from maskel_core.pipeline.styles import render_style
from maskel_core.projection.camera import Camera
from maskel_core.projection.xray import Projection, project_figure
from PIL import Image, ImageDraw

YEARS = (0.2, 1.5, 5.0, 9.0, 13.0, 17.0, 30.0, 55.0, 85.0)
BUILDS = (("thin", 0.0, 0.3), ("usual", 0.5, 0.5), ("heavy", 1.0, 0.4), ("muscular", 0.6, 1.0))
VIEWS = (("front", 0.0), ("three quarter", 40.0), ("left side", -90.0), ("right side", 90.0), ("back", 180.0))
LAYERS = ("mask", "radiograph", "dxa", "bone", "inverted", "joints")
_LABEL = 14


@dataclass
class Sheet:
    """One contact sheet.

    Args:
        name: File name without ending.
        title: What it shows.
        columns: Heading of every column.
        rows: Heading of every row.
        make: Picture (uint8 (S, S, 3)) of a row and a column.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    make: Callable[[int, int], np.ndarray]


def person(years: float, gender: float, weight: float = 0.5, muscle: float = 0.5) -> dict[str, float]:
    """A person of usual height and proportions; gender 0 male, 1 female."""
    return {
        "gender": gender,
        "age": parameter_of(years),
        "muscle": muscle,
        "weight": weight,
        "height": 0.4,
        "proportions": 0.5,
    }


def view(anatomy: Anatomy, figure: Figure, yaw: float, size: int) -> Projection:
    """The whole figure from a yaw in degrees, filling the frame."""
    low, high = figure.skin.amin(0), figure.skin.amax(0)
    reach = float((high - low).norm() if high[2] - low[2] < 0.8 * (high[0] - low[0]) else (high - low).max())
    camera = Camera(
        yaw=float(np.radians(yaw)), target=tuple(((low + high) / 2).tolist()), height=reach * 1.05
    )
    return project_figure(anatomy, figure, camera, size, 2, 2)


def picture(seen: Projection, layer: str) -> np.ndarray:
    """One of ``LAYERS`` of a projection, uint8 (S, S, 3)."""
    mask = (seen.mask * 255).round().to(torch.uint8).cpu().numpy()
    if layer == "mask":
        return np.repeat(mask[..., None], 3, axis=2)
    style = "dxa" if layer == "joints" else layer
    grey = render_style(style, seen.bone.cpu().numpy(), seen.soft.cpu().numpy(), mask)
    image = Image.fromarray(grey).convert("RGB")
    if layer == "joints":
        draw = ImageDraw.Draw(image)
        radius = max(2, len(mask) // 130)
        for x, y, _ in seen.joints.tolist():
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=(255, 170, 40))
    return np.asarray(image)


def sheets(anatomy: Anatomy, size: int, seed: int) -> Iterator[Sheet]:
    """The sheets of the gallery; pictures are made when asked for."""

    def figure(who: dict[str, float], pose: str, number: int) -> Figure:
        rng = np.random.default_rng([seed, number])
        return make_figure(anatomy, who, lambda touch: POSE_CLASSES[pose](rng, touch))

    def cell(who: dict[str, float], pose: str, number: int, yaw: float, layer: str) -> np.ndarray:
        return picture(view(anatomy, figure(who, pose, number), yaw, size), layer)

    ages = tuple(f"{years:g} years" for years in YEARS)

    def by_age(style: str) -> Callable[[int, int], np.ndarray]:
        return lambda row, column: cell(
            person(YEARS[column], row % 2), "a_pose" if row < 2 else "standing", 3, 90.0 * (row // 2), style
        )

    for style in ("dxa", "radiograph"):
        rows = ("male", "female", "male, side", "female, side")
        yield Sheet(f"ages_{style}", f"Ages and sexes, {style}", ages, rows, by_age(style))
    yield Sheet(
        "builds",
        "Builds, dxa and radiograph",
        tuple(f"{name}, {sex}" for name, _, _ in BUILDS for sex in ("male", "female")),
        ("dxa", "radiograph", "mask"),
        lambda row, column: cell(
            person(35.0, column % 2, *BUILDS[column // 2][1:]),
            "a_pose",
            5,
            0.0,
            ("dxa", "radiograph", "mask")[row],
        ),
    )
    poses = tuple(POSE_CLASSES)
    yield Sheet(
        "poses",
        "Every class of pose, front and side, two of each",
        poses,
        ("front", "side", "another, front", "another, side"),
        lambda row, column: cell(
            person(30.0, column % 2), poses[column], 10 + row // 2, 90.0 * (row % 2), "dxa"
        ),
    )
    yield Sheet(
        "views",
        "Views of one standing adult and of one that walks",
        tuple(name for name, _ in VIEWS),
        ("standing", "walk"),
        lambda row, column: cell(person(30.0, row), ("standing", "walk")[row], 7, VIEWS[column][1], "dxa"),
    )
    people = (("child of 8", 8.0, 1.0), ("man of 30", 30.0, 0.0), ("woman of 80", 80.0, 1.0))
    yield Sheet(
        "layers",
        "What a sample holds",
        LAYERS,
        tuple(name for name, _, _ in people),
        lambda row, column: cell(person(*people[row][1:]), "a_pose", 9, 0.0, LAYERS[column]),
    )


def draw(sheet: Sheet, report: Callable[[int, int], None]) -> Image.Image:
    """The whole sheet with its headings; ``report`` is called with cells done and cells in all."""
    total = len(sheet.rows) * len(sheet.columns)
    lines = []
    for row in range(len(sheet.rows)):
        cells = []
        for column in range(len(sheet.columns)):
            cells.append(sheet.make(row, column))
            report(row * len(sheet.columns) + column + 1, total)
        lines.append(np.hstack(cells))
    body = np.vstack(lines)
    size = body.shape[0] // len(sheet.rows)
    canvas = Image.new("RGB", (body.shape[1], body.shape[0] + _LABEL))
    canvas.paste(Image.fromarray(body), (0, _LABEL))
    pen = ImageDraw.Draw(canvas)
    for column, name in enumerate(sheet.columns):
        pen.text((column * size + 3, 1), name, fill=(200, 200, 200))
    for row, name in enumerate(sheet.rows):
        pen.text((3, _LABEL + row * size + 2), name, fill=(150, 150, 150))
    return canvas


def make_gallery(
    out: Path, size: int = 220, seed: int = 0, progress: Callable[[int, int], None] | None = None
) -> Path:
    """Draw every sheet and a page that shows them.

    Args:
        out: Folder for the PNGs and ``index.html``.
        size: Edge of each picture, pixels.
        seed: Of the poses.
        progress: Called with pictures done and pictures in all of the sheet at work.

    Returns:
        Path of the page.

    Raises:
        MaskelError: ``cannot_write``.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MaskelError(
            "cannot_write", f"{out} cannot be a folder: {error.strerror or error}.", "Choose another folder."
        ) from error
    anatomy = default_anatomy()
    entries = []
    with torch.inference_mode():
        for sheet in sheets(anatomy, size, seed):
            draw(sheet, progress or (lambda _done, _all: None)).save(out / f"{sheet.name}.png")
            entries.append(
                f"<h2>{html.escape(sheet.title)}</h2><img src='{sheet.name}.png' alt='{html.escape(sheet.title)}'>"
            )
    page = out / "index.html"
    page.write_text(
        "<!doctype html><meta charset='utf-8'><title>MaSkel: simulated X-rays</title>"
        "<style>body{background:#111;color:#ddd;font-family:sans-serif}img{max-width:100%}</style>"
        "<h1>Simulated X-rays</h1><p>Every picture is computed from a body, a pose and a camera. Not for medical use.</p>"
        + "".join(entries),
        "utf-8",
    )
    return page
