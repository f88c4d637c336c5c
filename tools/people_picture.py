"""Draw people of all ages and builds, and stylised characters, as radiographs.

Run as `.venv/bin/python tools/people_picture.py docs/pictures`; writes people.jpg and stylised.jpg there.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from maskel_core.anatomy.asset import Anatomy, default_anatomy
from maskel_core.anatomy.figure import make_figure
from maskel_core.anatomy.person import Person, make_person, sample_person
from maskel_core.anatomy.pose import Limb, Pose
from maskel_core.anatomy.stylise import STYLES
from maskel_core.pipeline.styles import render_style
from maskel_core.projection import Camera
from maskel_core.projection.xray import project_figure
from PIL import Image

# Years and gender; then weight, muscle and local changes of the builds.
AGES = (
    (0.0, 1.0),
    (1.0, 0.0),
    (4.0, 1.0),
    (8.0, 0.0),
    (13.0, 1.0),
    (30.0, 0.0),
    (30.0, 1.0),
    (80.0, 0.0),
    (80.0, 1.0),
)
BUILDS = ((0.05, 0.4, {}), (0.5, 0.5, {}), (1.0, 0.25, {}), (1.25, 0.1, {"belly": 0.4, "double_chin": 0.8}))
SEED = 6


def radiograph(anatomy: Anatomy, person: Person, yaw: float, size: int) -> np.ndarray:
    """A person standing, uint8 (size, 0.6 size)."""
    arm, leg = Limb(abduction=0.45, bend=0.1), Limb(abduction=0.09)
    figure = make_figure(anatomy, person, Pose("standing", (arm, arm), (leg, leg)))
    low, high = figure.skin.amin(0), figure.skin.amax(0)
    camera = Camera(
        yaw=yaw,
        target=tuple(((low + high) / 2).tolist()),
        height=float(high[2] - low[2]) * 1.04,
        distance=None,
    )
    seen = project_figure(anatomy, figure, camera, size, 2, 2)
    mask = (seen.mask * 255).round().byte().numpy()
    picture = render_style("radiograph", seen.bone.numpy(), seen.soft.numpy(), mask)
    width = int(0.6 * size)
    start = (size - width) // 2
    return picture[:, start : start + width]


def people(anatomy: Anatomy, size: int) -> Image.Image:
    """Ages from left to right, builds from top to bottom; children are not drawn heavier than weight 1."""
    rows = []
    for weight, muscle, changes in BUILDS:
        cells = []
        for years, gender in AGES:
            heavy = weight if years > 16 else min(weight, 1.0 if years > 2 else 0.9)
            person = make_person(years, gender, heavy, muscle)
            cells.append(
                radiograph(anatomy, replace(person, changes=changes if years > 16 else {}), 0.0, size)
            )
        rows.append(np.hstack(cells))
    return Image.fromarray(np.vstack(rows))


def stylised(anatomy: Anatomy, size: int) -> Image.Image:
    """Every style, from the front and from the side."""
    drawn = [sample_person(np.random.default_rng([SEED, i]), name) for i, name in enumerate(STYLES)]
    return Image.fromarray(
        np.vstack(
            [np.hstack([radiograph(anatomy, p, yaw, size) for p in drawn]) for yaw in (0.0, math.pi / 2)]
        )
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=420)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    people(default_anatomy(), given.size).save(given.out / "people.jpg", quality=82, optimize=True)
    stylised(default_anatomy(), given.size).save(given.out / "stylised.jpg", quality=82, optimize=True)
