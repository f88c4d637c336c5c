"""Measure a model, its peers and the plain references on held-out bodies; write the report."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from maskel_core.data.dataset import LAYERS, SampleStore
from maskel_core.errors import MaskelError
from maskel_core.evaluation.aims import FALL_LIMIT, judge
from maskel_core.evaluation.costs import parameters_of, storage_loss, training_budget
from maskel_core.evaluation.frechet import DEFAULT_FEATURES, FeatureNetwork, floor_distance
from maskel_core.evaluation.groups import GROUPS, PLAIN_POSES, is_plain
from maskel_core.evaluation.measure import Progress, Record, distance_of, measure, split_by, summarise
from maskel_core.evaluation.mirror import MirrorCheck
from maskel_core.evaluation.references import Answer, DistanceAnswer, NeighbourAnswer, PipelineAnswer
from maskel_core.evaluation.report import report_text
from maskel_core.evaluation.robustness import robustness
from maskel_core.evaluation.sheets import write_sheets
from maskel_core.models import MaskTransformer
from maskel_core.pipeline import DEFAULT_MODEL, MaskelPipeline

Bars = Callable[[str], AbstractContextManager[Progress]]
"""Opens a progress bar with a title."""


def evaluate(
    model: Path | str | None,
    data: Path | str,
    out: Path | str,
    limit: int | None = None,
    unet: Path | str | None = None,
    peers: dict[str, Path] | None = None,
    features: Path | str | None = None,
    changed: int = 0,
    against: Path | str | None = None,
    bars: Bars | None = None,
    looks: int | None = None,
) -> dict[str, Any]:
    """Measure a model on the test split, beside plain references.

    Args:
        model: Folder of the model; None for the one that ships.
        data: Folder of shards with splits ``train`` (for the references) and ``test``.
        out: Folder for report.json, report.md and contact sheets.
        limit: Measure at most so many samples, evenly spaced over the split.
        unet: Folder of the trained plain U-Net; None leaves that reference out.
        peers: Folders of further models by the name they have in the table.
        features: Folder of the masked autoencoder that MAE-FD sees with; None for the one that ships, if it is there.
        changed: Held-out bodies whose silhouettes are changed by hair, clothes, props, crops and noise; 0 leaves it out.
        against: Folder of the float32 weights that the model was exported from; None leaves the comparison out.
        bars: Shows how far the work is.
        looks: How often the model looks at a picture, 1 or 2; None = as its configuration says.

    Returns:
        The report as written to report.json. Keys: ``model``, ``samples``, ``bodies``, ``training_samples``, ``scales``,
        ``features``, ``aims``, ``all`` and ``front`` (by answer), ``plain``, ``bare``, ``robustness``, ``mirror``, ``storage``,
        and ``by_KEY`` of `GROUPS` (of the model); what was not measured is empty.

    Raises:
        MaskelError: ``model_missing``, ``model_damaged``, ``data_missing``, ``data_damaged``, ``bad_peer``,
            ``cannot_write``.
    """
    out, shown = Path(out), bars or _silent
    pipeline = MaskelPipeline.from_pretrained(model, looks=looks)
    folders = {**({"plain U-Net": Path(unet)} if unet is not None else {}), **(peers or {})}
    pipelines = {name: MaskelPipeline.from_pretrained(folder) for name, folder in folders.items()}
    network = None
    if features is not None or DEFAULT_FEATURES.is_dir():
        network = FeatureNetwork(features or DEFAULT_FEATURES)
    train, test = SampleStore.open(data, "train"), SampleStore.open(data, "test")
    if limit is not None and limit < len(test):
        test = test.pick(np.linspace(0, len(test) - 1, limit).round().astype(int))
    dense = train.scales()
    bone, soft = (1.0 if math.isnan(scale) else scale for scale in dense)
    scales = (bone, soft)
    ours = PipelineAnswer(pipeline)
    answers: dict[str, Answer] = {pipeline.model_id: ours}
    if isinstance(pipeline.model, MaskTransformer):
        answers[f"{pipeline.model_id}, view told"] = PipelineAnswer(pipeline, told=True)
    answers |= {"distance transform": DistanceAnswer(train), "nearest neighbour": NeighbourAnswer(train)}
    for name, other in pipelines.items():
        if name in answers:
            raise MaskelError("bad_peer", f"Two answers are named {name!r}.", "Give the peer another name.")
        answers[name] = PipelineAnswer(other)
    # Before an hour of measuring: a folder that is not there or cannot be written.
    storage: dict[str, float] = {} if against is None else storage_loss(pipeline, against, test)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MaskelError(
            "cannot_write", f"{out} cannot be a folder: {error.strerror or error}.", "Choose another --out."
        ) from error
    mirror = MirrorCheck(ours, scales)
    with shown("Samples") as progress:
        records = measure(answers, test, scales, network, {pipeline.model_id: mirror}, progress)
    mine = records[pipeline.model_id]
    report: dict[str, Any] = {
        "model": pipeline.model_id,
        "samples": len(test),
        "bodies": len({json.dumps(meta.get("body", {}).get("seed", i)) for i, meta in enumerate(test.metas)}),
        "training_samples": len(train),
        "scales": {n: None if math.isnan(s) else s for n, s in zip(LAYERS, dense, strict=True)},
        "features": {} if network is None else _features(network, mine),
        "all": {name: {**summarise(rows), **distance_of(rows)} for name, rows in records.items()},
        "front": {name: {**summarise(r), **distance_of(r)} for name, r in _frontal(records).items()},
        **{f"by_{key}": split_by(mine, key) for key in GROUPS},
        "plain": _plain(mine),
        "bare": _bare(mine),
        "robustness": {},
        "mirror": mirror.figures(),
        "storage": storage,
    }
    for name, answer in answers.items():
        if isinstance(answer, PipelineAnswer):
            run = folders.get(name) or against or model or DEFAULT_MODEL
            cost = {"parameters": parameters_of(answer.pipeline), **training_budget(run)}
            report["all"][name] |= cost
    if changed:
        with shown("Robustness") as progress:
            families = robustness(ours, changed, max(test.masks.shape[1:]), scales, _seed(test), progress)
        report["robustness"] = {"limit": FALL_LIMIT, "families": families}
    report["aims"] = judge(report, pipeline.model_id)
    (out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (out / "report.md").write_text(report_text(report), encoding="utf-8")
    second = next((PipelineAnswer(other) for other in pipelines.values()), None)
    write_sheets(ours, second, mine, test, out)
    return report


def _silent(title: str) -> AbstractContextManager[Progress]:
    """No progress bar."""
    return nullcontext(lambda done, total: None)


def _frontal(records: dict[str, list[Record]]) -> dict[str, list[Record]]:
    """The records of frontal views; empty when there are none."""
    found = {name: [r for r in rows if r["view"] == "front"] for name, rows in records.items()}
    return found if all(found.values()) else {}


def _features(network: FeatureNetwork, records: list[Record]) -> dict[str, Any]:
    """Name and width of the feature network, and what two halves of the truth differ by, ``floor_all`` and ``floor_front``."""
    found: dict[str, Any] = {"name": network.name, "width": network.width}
    for key, rows in (("floor_all", records), ("floor_front", [r for r in records if r["view"] == "front"])):
        if len(rows) >= 4:
            found[key] = floor_distance(np.stack([row["true_feature"] for row in rows]))
    return found


def _plain(records: list[Record]) -> dict[str, Any]:
    """The figures of plain bodies: all of them, by view and by camera; empty when there are none."""
    rows = [record for record in records if is_plain(record)]
    if not rows:
        return {}
    return {
        "poses": list(PLAIN_POSES),
        "all": summarise(rows),
        "by_view": split_by(rows, "view"),
        "by_camera": split_by(rows, "camera"),
    }


def _bare(records: list[Record]) -> dict[str, Any]:
    """The figures of bodies that wear nothing, in any pose: all of them and by view; empty when there are none."""
    rows = [record for record in records if record["clothing"] == "bare"]
    return {"all": summarise(rows), "by_view": split_by(rows, "view")} if rows else {}


def _seed(store: SampleStore) -> int:
    """Seed of the set that the samples come from; 1 where they do not say."""
    named = store.metas[0].get("seed")
    return int(named[0]) if isinstance(named, list) else 1
