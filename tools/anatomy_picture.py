"""Draw what training sees: simulated X-rays of a few bodies, poses and views.

Run as `.venv/bin/python tools/anatomy_picture.py docs/pictures/anatomy.jpg`.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np
from maskel_core.anatomy.asset import default_anatomy
from maskel_core.anatomy.figure import make_figure
from maskel_core.anatomy.pose_library import POSE_CLASSES
from maskel_core.pipeline.styles import render_style
from maskel_core.projection import Camera
from maskel_core.projection.xray import project_figure
from PIL import Image

# Gender, age, muscle, weight, height, proportions; pose; yaw in degrees; style.
CASES = (
    ((0.0, 0.70, 0.5, 0.5, 0.5, 0.5), "standing", 0, "dxa"),
    ((1.0, 0.70, 0.4, 0.5, 0.5, 0.5), "standing", 90, "dxa"),
    ((1.0, 0.80, 0.5, 0.9, 0.5, 0.5), "a_pose", 40, "radiograph"),
    ((0.3, 0.25, 0.5, 0.4, 0.5, 0.5), "walk", 0, "dxa"),
    ((0.0, 0.95, 0.4, 0.6, 0.3, 0.5), "contrapposto", 180, "radiograph"),
)


def draw(size: int = 900) -> Image.Image:
    """The cases side by side, each `size` pixels high."""
    anatomy = default_anatomy()
    pictures = []
    for values, pose, yaw, style in CASES:
        person = dict(zip(anatomy.names["phenotypes"], values, strict=True))
        make = partial(POSE_CLASSES[pose], np.random.default_rng(5))
        figure = make_figure(anatomy, person, make)
        low, high = figure.skin.amin(0), figure.skin.amax(0)
        camera = Camera(
            yaw=np.radians(yaw),
            target=tuple(((low + high) / 2).tolist()),
            height=float(high[2] - low[2]) * 1.05,
        )
        seen = project_figure(anatomy, figure, camera, size, 2, 2)
        mask = (seen.mask * 255).round().byte().numpy()
        picture = render_style(style, seen.bone.numpy(), seen.soft.numpy(), mask)
        columns = np.flatnonzero(mask.any(0))
        pictures.append(picture[:, max(0, columns[0] - 30) : columns[-1] + 30])
    return Image.fromarray(np.hstack(pictures))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    draw().save(given.out, quality=82)
