"""Several characters, each with X-rays of its own, and a manifest: run it again and it goes on where it was.

blender -b scene.blend --python examples/04_characters_resumed.py -- --character Hero --character Friend --frames 1-10
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from common import arguments, run


def main(api):
    """Make what is not there."""
    options = arguments(__doc__)
    plan = api.plan(
        "all",
        options.character,
        options.frames,
        output=options.output / "{camera}" / "{character}_{frame:04d}.png",
    )
    report = api.batch(plan, manifest=options.output / "manifest.json")
    print(f"{report.done} done, of these {report.skipped} before; {report.failed} failed")
    if report.failed:
        sys.exit(1)


run(main)
