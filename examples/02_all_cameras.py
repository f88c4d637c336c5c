"""X-rays of the active character by every camera of the scene.

blender -b scene.blend --python examples/02_all_cameras.py -- --output xrays
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from common import arguments, run


def main(api):
    """Make them."""
    options = arguments(__doc__)
    plan = api.plan("all", output=options.output / "{camera}.png", formats=())
    report = api.batch(plan, progress=lambda at: print(f"{at.done} of {at.total}"))
    for item in report.manifest["items"]:
        print(item["camera"], item["status"], item["error"]["message"] if item["error"] else "")
    if report.failed:
        sys.exit(1)


run(main)
