"""``maskel serve`` in a process of its own with a pipeline that a file can hold.

    python -m tests.server.held_process FOLDER serve ...

While ``FOLDER/hold`` exists no job finishes; each adds a line to ``FOLDER/entered``. ``FOLDER/version`` gives another version.
"""

from __future__ import annotations

import sys
import time
import types
from pathlib import Path

from maskel_core.cli import main
from maskel_server import launch, publication

from tests.server.doubles import SquarePipeline


class HeldPipeline(SquarePipeline):
    def __init__(self, folder):
        super().__init__()
        self.folder = folder
        self.warm = False

    def __call__(self, mask, **options):
        if self.warm:
            with (self.folder / "entered").open("a") as file:
                file.write(f"{mask.shape[0]}x{mask.shape[1]} {mask.mean():.6f}\n")
            while (self.folder / "hold").exists():
                time.sleep(0.01)
        self.warm = True
        return super().__call__(mask, **options)


if __name__ == "__main__":
    # The engine asks it for the names of the styles only, and importing it brings torch in.
    sys.modules["maskel_core.pipeline"] = types.SimpleNamespace(
        STYLES=("dxa", "radiograph", "bone", "inverted")
    )
    folder = Path(sys.argv.pop(1))
    launch.open_pipeline = lambda *arguments, **options: HeldPipeline(folder)
    if (folder / "version").exists():
        launch.__version__ = publication.__version__ = (folder / "version").read_text()
    main()
