"""Draw what the physics makes of one body: two energies, densitometry, a film of a real tube, and the tissues by themselves.

Run as `.venv/bin/python tools/physics_picture.py docs/pictures/physics.jpg`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from maskel_core.anatomy.asset import default_anatomy
from maskel_core.anatomy.figure import make_figure
from maskel_core.anatomy.person import make_person
from maskel_core.anatomy.pose import Limb, Pose
from maskel_core.projection import Camera
from maskel_core.projection.beam import project_beam, tube_beam
from maskel_core.projection.detector import Detector
from maskel_core.projection.dxa import decompose
from maskel_core.projection.xray import project_figure, project_tissues
from PIL import Image, ImageDraw, ImageFont

SIZE, GAS_SEED, NOISE_SEED = 760, 3, 1
PEAK_KV = 70


def grey(picture: torch.Tensor, low: float, high: float, gamma: float = 1.0) -> np.ndarray:
    """Values from low to high as uint8 from black to white."""
    return (((picture - low) / (high - low)).clamp(0, 1) ** gamma * 255).byte().numpy()


def panels(size: int = SIZE) -> list[tuple[str, np.ndarray]]:
    """Titles and pictures, uint8 (size, columns)."""
    anatomy = default_anatomy()
    arm = Limb(abduction=0.22)
    figure = make_figure(anatomy, make_person(35.0, 0.0), Pose("standing", (arm, arm)))
    figure.gas_seed = GAS_SEED
    low, high = figure.skin.amin(0), figure.skin.amax(0)
    target = tuple(((low + high) / 2).tolist())
    camera = Camera(target=target, height=float(high[2] - low[2]) * 1.04, distance=4.0)
    seen = project_figure(anatomy, figure, camera, size, energies=(40.0, 70.0)).energies.sum(1)
    found = decompose(seen[0], seen[1], reach=size / 100)
    film = project_beam(anatomy, figure, camera, size, tube_beam(PEAK_KV))
    detector = Detector(photons=8_000.0, fwhm=1.4, scatter=0.4, scatter_width=size / 30)
    paths = project_tissues(anatomy, figure, camera, size).lengths * 100
    length = dict(zip(anatomy.names["tissues"], paths, strict=True))
    hard = length["cortical"] + length["spongiosa"] + length["tooth"]
    soft = length["muscle"] + length["cartilage"] + length["brain"] + length["marrow"]
    made = [
        ("40 keV", grey(seen[0], 0.0, 8.0, 0.9)),
        ("70 keV", grey(seen[1], 0.0, 5.5, 0.9)),
        ("DXA: mineral to 2.2 g/cm2", grey(found.mineral, 0.0, 2.2, 0.7)),
        ("DXA: soft tissue to 28 g/cm2", grey(found.soft, 0.0, 28.0)),
        (f"tube of {PEAK_KV} kV", grey(film, 0.0, 6.0, 0.9)),
        ("with scatter, noise, blur", grey(detector.read(film, NOISE_SEED), 0.0, 6.0, 0.9)),
        ("bone to 6 cm", grey(hard, 0.0, 6.0, 0.7)),
        ("soft tissue to 25 cm", grey(soft, 0.0, 25.0)),
        ("fat to 6 cm", grey(length["fat"], 0.0, 6.0)),
        ("lung to 18 cm, air to 4.5 cm", grey(length["air"] * 4 + length["lung"], 0.0, 18.0, 0.8)),
    ]
    columns = np.flatnonzero(seen[0].amax(0).numpy() > 0)
    cut = slice(max(0, columns[0] - 12), columns[-1] + 13)
    return [(title, picture[:, cut]) for title, picture in made]


def draw(size: int = SIZE) -> Image.Image:
    """Two rows of five."""
    made, head = panels(size), 34
    width = made[0][1].shape[1]
    sheet = Image.new("L", (5 * width, 2 * (size + head)))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(19)
    for index, (title, picture) in enumerate(made):
        left, top = index % 5 * width, index // 5 * (size + head)
        pen.text((left + width // 2, top + head // 2), title, fill=230, font=font, anchor="mm")
        sheet.paste(Image.fromarray(picture), (left, top + head))
    return sheet


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    draw().save(given.out, quality=82, optimize=True)
