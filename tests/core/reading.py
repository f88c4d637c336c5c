"""A small reading study of stick figures, and answers to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from maskel_core.models import CONFIGURATIONS
from maskel_core.pipeline import MaskelPipeline
from maskel_core.study.cases import Case, make_cases
from maskel_core.study.page import write_study

from tests.core.synthetic import write_shards


def tiny_pipeline() -> MaskelPipeline:
    """An untrained model, the same each time."""
    torch.manual_seed(0)
    return MaskelPipeline(CONFIGURATIONS["tiny"].make_generator(bone_scale=3.0, soft_scale=20.0), "tiny")


def small_study(folder: Path, count: int = 8, seed: int = 1) -> tuple[Path, list[Case]]:
    """A page with its key, and its cases."""
    data = folder / "data"
    if not data.exists():
        write_shards(data, {"train": 1, "test": count})
    cases = make_cases(data, tiny_pipeline(), count, seed, "dxa")
    page = folder / f"study{seed}.html"
    write_study(page, cases, "dxa", model="tiny", size=64, seed=seed, plain=False)
    return page, cases


def write_answers(
    path: Path, key: Path, reader: str, answers: dict[str, dict[str, Any]], **changes: Any
) -> Path:
    """A file as the page saves it, with changes."""
    study = json.loads(key.read_text("utf-8"))["study"]
    document = {"format": "maskel-study-answers", "version": 1, "study": study, "reader": reader}
    path.write_text(json.dumps({**document, "answers": answers, **changes}), "utf-8")
    return path
