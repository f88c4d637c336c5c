"""Silhouettes and joints as data for tools of your own.

    blender -b scene.blend --python examples/05_data.py -- --output data

Writes silhouette.npy, (H, W) uint8, and joints.csv: name, column, row, confidence, and the ray of each joint in the world.
"""

import csv
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from common import arguments, run


def main(api):
    """Take them."""
    options = arguments(__doc__)
    options.output.mkdir(parents=True, exist_ok=True)
    silhouette = api.silhouette()
    np.save(options.output / "silhouette.npy", silhouette)
    print(f"the body covers {np.mean(silhouette > 127):.1%} of the picture")
    result = api.xray(joints=True, place=False)
    with (options.output / "joints.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["joint", "x", "y", "confidence", "ox", "oy", "oz", "dx", "dy", "dz"])
        for name, joint in result.joints.items():
            table.writerow([name, joint.x, joint.y, joint.confidence, *joint.origin, *joint.direction])
    print(f"{len(result.joints)} joints")


run(main)
