"""What dressing a sample costs, as a whole and by augmentation, beside the plain sample in the same run.

    python benchmarks/silhouettes.py [--size 256] [--samples 48] [--figures 8]

Processor time of one thread; plain and dressed samples take turns, so that the load of the machine falls on both. Dressing must
not cost more than the rest of the sample on the mean. Writes docs/measurements/silhouettes.json; exit status 1 if that is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from maskel_core.anatomy.figure import Figure
    from maskel_core.projection.camera import Camera

LIMIT = 1.0
"""Mean processor time of dressing over that of the plain sample."""

STRENGTHS = (0.2, 0.5, 0.8)


def spent(work: Callable[[], object]) -> float:
    """Processor seconds of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


def whole(size: int, count: int) -> dict[str, float]:
    """Processor seconds of plain and of dressed samples of the same people, and what dressing itself takes."""
    import numpy as np
    from maskel_core.anatomy.asset import default_anatomy
    from maskel_core.anatomy.figure import sample_figure
    from maskel_core.data.sample import make_sample, sample_camera
    from maskel_core.data.silhouettes import Recipe, dress
    from maskel_core.projection.xray import project_figure

    anatomy = default_anatomy()
    make_sample(anatomy, 1, 0, size, clothed=1.0)
    plain, dressed, dressing, recipe = [], [], [], Recipe(clothed=1.0)
    for index in range(count):
        plain.append(spent(lambda i=index: make_sample(anatomy, 1, i, size, clothed=0.0)))
        dressed.append(spent(lambda i=index: make_sample(anatomy, 1, i, size, clothed=1.0)))
        rng = np.random.default_rng(index)
        figure = sample_figure(anatomy, rng, rng)
        camera = sample_camera(rng, figure)
        base = project_figure(anatomy, figure, camera, size).mask
        dressing.append(
            spent(lambda f=figure, c=camera, r=rng, b=base: dress(anatomy, f, c, size, r, recipe, b))
        )
    mean = statistics.fmean(plain)
    return {
        "plain_sample_s": round(mean, 5),
        "dressed_sample_s": round(statistics.fmean(dressed), 5),
        "dressing_s": round(statistics.fmean(dressing), 5),
        "dressing_over_plain": round(statistics.fmean(dressing) / mean, 3),
        "dressing_over_plain_p95": round(float(np.percentile(dressing, 95)) / mean, 3),
        "dressed_over_plain": round(statistics.fmean(dressed) / mean, 3),
    }


def each(size: int, figures: int) -> dict[str, float]:
    """Processor seconds of every augmentation with its drawing, the mean over figures and strengths."""
    import numpy as np
    from maskel_core.anatomy.asset import default_anatomy
    from maskel_core.anatomy.figure import sample_figure
    from maskel_core.data.sample import sample_camera
    from maskel_core.data.silhouettes import AUGMENTATIONS, KINDS, repeat
    from maskel_core.data.silhouettes.outline import silhouette
    from maskel_core.data.silhouettes.shapes import Surface
    from maskel_core.data.silhouettes.wearer import Wearer

    anatomy = default_anatomy()

    def work(name: str, number: int, figure: Figure, camera: Camera, mask: np.ndarray) -> object:
        note = {"name": name, "strength": STRENGTHS[number % len(STRENGTHS)], "seed": number}
        # A fresh wearer each time: what one measures, the next may not reuse.
        if KINDS[name] in ("adds", "replaces"):
            return silhouette(repeat(note, Wearer(anatomy, figure)), camera, size)
        if KINDS[name] == "hides":
            return silhouette(repeat(note, Wearer(anatomy, figure), camera), camera, size)
        made = repeat(note, mask)
        return made.pixels(np.stack([mask] * 3)) if KINDS[name] == "moves" else made

    seconds = dict.fromkeys(AUGMENTATIONS, 0.0)
    for number in range(figures):
        rng = np.random.default_rng([7, number])
        figure = sample_figure(anatomy, rng, rng)
        camera = sample_camera(rng, figure)
        mask = silhouette(Surface(figure.skin.numpy(), anatomy["body.faces"].numpy()), camera, size)
        for name in AUGMENTATIONS:
            seconds[name] += spent(partial(work, name, number, figure, camera, mask)) / figures
    return seconds


def main() -> int:
    import report
    import torch

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--samples", type=int, default=48)
    parser.add_argument("--figures", type=int, default=8)
    parser.add_argument("--out", type=Path, default=report.FOLDER)
    options = parser.parse_args()

    facts = report.machine()
    torch.set_num_threads(1)
    with torch.inference_mode():
        total = whole(options.size, options.samples)
        by_name = each(options.size, options.figures)
    plain = total["plain_sample_s"]
    result = {
        "what": "processor time of dressing a sample's mask, and of each augmentation over that of a plain sample",
        "command": "python benchmarks/silhouettes.py " + " ".join(sys.argv[1:]),
        "machine": facts,
        "size": options.size,
        "samples": options.samples,
        **total,
        "limit_of_dressing_over_plain": LIMIT,
        "met": total["dressing_over_plain"] <= LIMIT,
        "each_over_plain": {
            name: round(s / plain, 3) for name, s in sorted(by_name.items(), key=lambda item: -item[1])
        },
    }
    report.keep("silhouettes", result, options.out)
    return 0 if result["met"] else 1


if __name__ == "__main__":
    sys.exit(main())
