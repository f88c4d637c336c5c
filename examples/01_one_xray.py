"""One X-ray of the active character by the active camera, placed in the scene and saved beside it.

blender -b scene.blend --python examples/01_one_xray.py -- --output xrays
python examples/01_one_xray.py --file scene.blend --output xrays          (bpy module)
"""

import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))

from common import arguments, run


def main(api):
    """Make it."""
    options = arguments(__doc__)
    result = api.xray(style="radiograph", output=options.output)
    print(f"{result.object.name}: {result.image.shape[1]} x {result.image.shape[0]}, by {result.model}")
    print(f"X-ray: {result.files['xray']}")
    # a copy: the user's own file stays as it is
    bpy.ops.wm.save_as_mainfile(filepath=str((options.output / "with_xray.blend").resolve()), copy=True)


run(main)
