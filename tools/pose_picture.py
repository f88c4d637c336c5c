"""Draw the pose library: every class as radiographs, and hands from near.

Run as `.venv/bin/python tools/pose_picture.py docs/pictures`: writes poses.jpg and hands.png there.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from maskel_core.anatomy.asset import Anatomy, default_anatomy
from maskel_core.anatomy.figure import Figure, make_figure
from maskel_core.anatomy.pose import Limb, Pose
from maskel_core.anatomy.pose_library import POSE_CLASSES
from maskel_core.anatomy.poses.draws import HANDS, make_hand
from maskel_core.pipeline.styles import render_style
from maskel_core.projection.camera import Camera
from maskel_core.projection.xray import project_figure
from PIL import Image, ImageDraw

YAWS = (0.0, 35.0, 90.0, 0.0, -50.0, 0.0)
BUILDS = ((0.5, 0.5), (0.4, 0.5), (0.5, 0.6), (0.9, 0.4), (0.3, 0.4), (0.6, 0.7))
"""Weight and muscle of the people in each column."""


def _person(gender: float, weight: float, muscle: float) -> dict[str, float]:
    return {
        "gender": gender,
        "age": 0.68,
        "muscle": muscle,
        "weight": weight,
        "height": 0.45,
        "proportions": 0.6,
    }


def picture(anatomy: Anatomy, figure: Figure, camera: Camera, size: int, style: str) -> np.ndarray:
    """A styled picture, uint8 (S, S)."""
    seen = project_figure(anatomy, figure, camera, size, 2, 2)
    mask = (seen.mask * 255).round().byte().numpy()
    return render_style(style, seen.bone.numpy(), seen.soft.numpy(), mask)


def framed(figure: Figure, yaw: float, pitch: float = 0.0) -> Camera:
    """A view that holds the whole figure; angles in degrees."""
    loose = Camera(yaw=np.radians(yaw), pitch=np.radians(pitch))
    flat = figure.skin @ loose.axes().float().T
    low, high = flat.amin(0), flat.amax(0)
    target = ((low + high) / 2) @ loose.axes().float()
    height = float((high - low)[:2].max()) * 1.05
    return Camera(loose.yaw, loose.pitch, 0.0, tuple(target.tolist()), height)


def poses(anatomy: Anatomy, size: int, classes: Sequence[str], seed: int = 0) -> Image.Image:
    """One row a class, one column a draw; the second half of the classes beside the first."""
    rows = []
    for name in classes:
        cells = []
        for column, yaw in enumerate(YAWS):
            person = _person(float((column + 1) % 2), *BUILDS[column])
            rng = np.random.default_rng([seed, column])
            figure = make_figure(anatomy, person, partial(POSE_CLASSES[name], rng))
            cells.append(picture(anatomy, figure, framed(figure, yaw), size, "radiograph"))
        rows.append(np.hstack(cells))
    half = (len(rows) + 1) // 2
    rows += [np.zeros_like(rows[0])] * (2 * half - len(rows))
    image = Image.fromarray(np.hstack([np.vstack(rows[:half]), np.vstack(rows[half:])]))
    pen = ImageDraw.Draw(image)
    for number, name in enumerate(classes):
        column, row = divmod(number, half)
        pen.text((column * len(YAWS) * size + 4, row * size + 2), name, fill=230)
    return image


def hands(anatomy: Anatomy, size: int) -> Image.Image:
    """Each named hand from its back and from the thumb's side."""
    cells = []
    for values in HANDS.values():
        arm = Limb(abduction=1.5, hand=make_hand(values))
        figure = make_figure(anatomy, _person(0.3, 0.4, 0.5), Pose("hand", (arm, arm)))
        heads, moves = figure.shape.heads[0], figure.transforms
        wrist, knuckle, index, little = (
            (moves[j, :, :3] @ heads[j] + moves[j, :, 3]).numpy()
            for j in map(anatomy.joint, ("wrist.L", "finger3-1.L", "finger2-1.L", "finger5-1.L"))
        )
        centre = knuckle - 0.1 * (knuckle - wrist)
        back = np.cross(index - little, knuckle - wrist)
        views = []
        for facing in (back, index - little):
            yaw = float(np.arctan2(facing[0], -facing[1]))
            pitch = float(np.arctan2(facing[2], np.hypot(facing[0], facing[1])))
            camera = Camera(yaw, pitch, 0.0, tuple(centre.tolist()), 0.27)
            views.append(picture(anatomy, figure, camera, size, "radiograph"))
        cells.append(np.vstack(views))
    half = (len(cells) + 1) // 2
    cells += [np.zeros_like(cells[0])] * (2 * half - len(cells))
    sheet = np.vstack([np.hstack(cells[:half]), np.hstack(cells[half:])])
    image = Image.fromarray(sheet)
    pen = ImageDraw.Draw(image)
    for number, name in enumerate(HANDS):
        pen.text((number % half * size + 4, number // half * 2 * size + 2), name, fill=230)
    return image


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=250)
    parser.add_argument("--classes", nargs="*", default=list(POSE_CLASSES))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    read = default_anatomy()
    if given.classes:
        poses(read, given.size, given.classes).save(given.out / "poses.jpg", quality=82, optimize=True)
    hands(read, given.size).save(given.out / "hands.png", optimize=True)
