"""What a run leaves to read: ``log.jsonl``, ``sheets/``, and the same for TensorBoard."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

LOG = "log.jsonl"


class Tracker:
    """Writes one stage's figures and pictures.

    Args:
        out: Folder of the run.
        stage: Name of the stage.
        step: Steps done; what an earlier run logged of later ones is taken back, they are made again.
        active: False writes nothing, for all processes but one.
    """

    def __init__(self, out: Path, stage: str, step: int = 0, active: bool = True) -> None:
        self.out, self.stage, self.active = out, stage, active
        self._board: Any = None
        if not active:
            return
        take_back(out / LOG, stage, step)
        with contextlib.suppress(ImportError):
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(out / "tensorboard" / stage), purge_step=step + 1)

    def close(self) -> None:
        """Finish the files."""
        if self._board is not None:
            self._board.close()

    def scalars(self, step: int, seconds: float, figures: dict[str, float]) -> None:
        """Log a step's figures, as ``train/NAME`` for TensorBoard."""
        self._line({"stage": self.stage, "step": step, "seconds": seconds, **figures})
        self._plot("train", step, figures)

    def review(self, step: int, seconds: float, figures: dict[str, float], sheet: Image.Image) -> None:
        """Log the figures of held-out samples, as ``review/NAME`` for TensorBoard, and keep their sheet."""
        self._line({"stage": self.stage, "step": step, "seconds": seconds, "review": figures})
        self._plot("review", step, figures)
        if not self.active:
            return
        folder = self.out / "sheets"
        folder.mkdir(exist_ok=True)
        sheet.save(folder / f"{self.stage}-{step:06d}.png")
        if self._board is not None:
            self._board.add_image("review/sheet", np.asarray(sheet), step, dataformats="HW")
            self._board.flush()

    def _line(self, record: dict[str, Any]) -> None:
        if self.active:
            rounded = {k: round(v, 6) if isinstance(v, float) else v for k, v in record.items()}
            with (self.out / LOG).open("a", encoding="utf-8") as file:
                file.write(json.dumps(rounded) + "\n")

    def _plot(self, kind: str, step: int, figures: dict[str, float]) -> None:
        if self._board is not None:
            for name, value in figures.items():
                self._board.add_scalar(f"{kind}/{name}", value, step)


def take_back(log: Path, stage: str, step: int) -> None:
    """Drop a stage's lines after ``step`` from a log, and a line that a kill left half written."""
    if not log.exists():
        return
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if _stays(line, stage, step)]
    if kept != lines:
        scratch = log.with_name(log.name + ".tmp")
        scratch.write_text("".join(kept), encoding="utf-8")
        scratch.replace(log)


def last_figures(log: Path) -> dict[str, dict[str, Any]]:
    """The last training figures of every stage in a log, in the order of the stages; empty where there is no log.

    A line that a kill left half written, or that is being written, counts as none.
    """
    found: dict[str, dict[str, Any]] = {}
    if not log.is_file():
        return found
    for line in log.read_text(encoding="utf-8").splitlines():
        with contextlib.suppress(ValueError):
            record = json.loads(line)
            if "rate" in record:
                found[record["stage"]] = record
    return found


def _stays(line: str, stage: str, step: int) -> bool:
    if not line.endswith("\n"):
        return False
    try:
        record = json.loads(line)
    except ValueError:
        return False
    return record["stage"] != stage or record["step"] <= step


def say_without_board() -> None:
    """Tell, once a run, that there is no TensorBoard."""
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        print('Nothing is written for TensorBoard; `pip install "maskel[train]"` brings it.', file=sys.stderr)
