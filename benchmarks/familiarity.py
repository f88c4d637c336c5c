"""How well `familiarity` tells people from other shapes: ``python benchmarks/familiarity.py --data DATA``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import skimage.data
import torch
from maskel_core.data.dataset import SampleStore
from maskel_core.pipeline import MaskelPipeline
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter, label
from scipy.stats import mannwhitneyu

SIDE = 400


def drawn(draw) -> np.ndarray:
    image = Image.new("L", (SIDE, SIDE))
    draw(ImageDraw.Draw(image))
    return np.array(image)


def strange_masks(seed: int = 0) -> Iterator[tuple[str, np.ndarray]]:
    """Shapes that are no people: a horse, letters, polygons, things in photographs, smooth noise."""
    horse = (~skimage.data.horse()).astype(np.uint8) * 255
    for turns in range(4):
        yield f"horse turned {90 * turns} degrees", np.ascontiguousarray(np.rot90(horse, turns))
    font = ImageFont.load_default(size=300)
    for letter in "ABCEFHKMRSTWXYZ258&%":
        yield (
            f"letter {letter}",
            drawn(lambda d, letter=letter: d.text((80, 20), letter, font=font, fill=255)),
        )
    for corners in range(3, 9):
        yield (
            f"polygon of {corners}",
            drawn(lambda d, n=corners: d.regular_polygon((200, 200, 150), n, fill=255)),
        )
    yield "circle", drawn(lambda d: d.ellipse((100, 100, 300, 300), fill=255))
    yield "bar", drawn(lambda d: d.rectangle((180, 20, 220, 380), fill=255))
    for name, photograph in (("coins", skimage.data.coins() > 120), ("page", skimage.data.page() < 100)):
        yield name, photograph.astype(np.uint8) * 255
    rng = np.random.default_rng(seed)
    for number in range(20):
        noise = gaussian_filter(rng.normal(size=(SIDE, SIDE)), rng.uniform(15, 45))
        parts, _ = label(noise > np.quantile(noise, 0.78))
        blob = parts == np.bincount(parts.ravel())[1:].argmax() + 1
        yield f"blob {number}", blob.astype(np.uint8) * 255


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("docs/measurements/familiarity.json"))
    given = parser.parse_args()
    pipeline = MaskelPipeline.from_pretrained(None)
    store = SampleStore.open(given.data, "test")
    chosen = np.linspace(0, len(store) - 1, min(given.limit, len(store))).round().astype(int)
    people = np.array([pipeline(np.array(store.masks[i])).familiarity for i in chosen])
    upside_down = np.array(
        [pipeline(np.ascontiguousarray(store.masks[i][::-1])).familiarity for i in chosen[::4]]
    )
    strange = {name: pipeline(mask).familiarity for name, mask in strange_masks()}
    others = np.array(list(strange.values()))
    clothed = np.array([bool(store.metas[int(i)]["clothing"]) for i in chosen])
    report = {
        "people": len(people),
        "people_under_half": {
            "all": float((people < 0.5).mean()),
            "clothed": float((people[clothed] < 0.5).mean()) if clothed.any() else None,
            "bare": float((people[~clothed] < 0.5).mean()) if (~clothed).any() else None,
        },
        "people_percentiles": {str(q): float(np.percentile(people, q)) for q in (1, 5, 25, 50, 75)},
        "strange": len(others),
        "strange_under_half": float((others < 0.5).mean()),
        "strange_passed": {name: value for name, value in strange.items() if value >= 0.5},
        "area_under_the_curve": float(mannwhitneyu(people, others).statistic / (len(people) * len(others))),
        "people_upside_down_under_half": float((upside_down < 0.5).mean()),
        "torch": torch.__version__,
    }
    given.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
