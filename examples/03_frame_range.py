"""A frame range of the active character as numbered files, X-ray and silhouette.

blender -b scene.blend --python examples/03_frame_range.py -- --frames 1-50x2 --output xrays
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from common import arguments, run


def main(api):
    """Make them."""
    options = arguments(__doc__)
    plan = api.plan(frames=options.frames, output=options.output / "{camera}_{frame:04d}.png", style="bone")

    def tell(at):
        left = "?" if at.seconds_left is None else f"{at.seconds_left:.0f}"
        print(f"{at.done} of {at.total}, {left} s left")

    report = api.batch(plan, progress=tell)
    if report.failed:
        sys.exit(1)


run(main)
