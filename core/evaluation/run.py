"""Measure a model and the plain references on held-out bodies; write the table and contact sheets."""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from maskel_core.data.dataset import LAYERS, SampleStore, layers_known
from maskel_core.evaluation.metrics import joint_errors, joint_summary, layer_metrics, sides_open
from maskel_core.evaluation.references import Answer, DistanceAnswer, NeighbourAnswer, PipelineAnswer
from maskel_core.evaluation.report import COLUMNS, markdown_table, write_sheets
from maskel_core.models import MaskTransformer
from maskel_core.pipeline import MaskelPipeline
from maskel_core.pipeline.letterbox import body_box
from rich.console import Console
from rich.progress import track

GROUPS = {"view": "View", "age": "Age", "pose": "Pose", "clothing": "Clothing", "form": "Form"}
"""What the figures are split by, and its heading."""


def view_of(yaw: float | None) -> str:
    """``front``, ``side``, ``back`` or ``oblique`` from a camera's yaw in radians, 0 = frontal, within 25 degrees.

    ``unknown`` without a yaw.
    """
    if yaw is None:
        return "unknown"
    degrees = abs(math.degrees(math.remainder(yaw, 2 * math.pi)))
    if degrees <= 25:
        return "front"
    if degrees >= 155:
        return "back"
    return "side" if abs(degrees - 90) <= 25 else "oblique"


def clothing_of(meta: dict[str, Any]) -> str:
    """``bare``, or the outfit's name, or ``dressed`` where only its parts are known."""
    outfit = str(meta.get("outfit") or "none")
    if outfit != "none":
        return outfit
    return "dressed" if meta.get("clothing") else "bare"


def groups_of(meta: dict[str, Any]) -> dict[str, str]:
    """The groups of `GROUPS` that a sample belongs to."""
    body = meta.get("body", {})
    return {
        "view": view_of(meta.get("camera", {}).get("yaw")),
        "age": str(body.get("age_group", "unknown")),
        "pose": str(meta.get("pose_class", "")),
        "clothing": clothing_of(meta),
        "form": "stylised" if body.get("stylised") else "natural",
    }


def measure(
    answer: Answer, store: SampleStore, scales: tuple[float, float], name: str = ""
) -> list[dict[str, Any]]:
    """The figures of every sample.

    Args:
        answer: What is measured.
        store: Held-out samples.
        scales: Dense line integrals of bone and soft tissue.
        name: For the progress bar.

    Returns:
        One dict a sample: figures of `layer_metrics`; ``errors`` and ``open_errors`` (J,) of the joints or None;
        ``seconds``; ``key``; the groups of `groups_of`.
    """
    records = []
    bar = Console(stderr=True)
    for index in track(range(len(store)), description=name or "measure", console=bar):
        mask, meta = store.masks[index], store.metas[index]
        if isinstance(answer, PipelineAnswer):
            answer.tell(meta.get("camera", {}).get("yaw"))
        begun = time.perf_counter()
        bone, soft, points = answer.predict(mask)
        seconds = time.perf_counter() - begun
        truth = store.layers[index].astype(np.float32)
        # A layer that truth or answer (a neighbour's) does not know is not compared.
        known_soft = layers_known(meta)[1] and bool(np.isfinite(soft).all())
        seen = (soft, truth[1]) if known_soft else (np.zeros_like(bone), np.zeros_like(bone))
        record: dict[str, Any] = dict(layer_metrics(bone, seen[0], truth[0], seen[1], mask, scales))
        if not known_soft:
            record |= {name: float("nan") for name in record if name.startswith("soft_")}
        rows, _ = body_box(mask)
        known = store.joints[index].astype(np.float64)
        outside = (
            (known < 0).any(axis=1) | (known[:, 0] > mask.shape[1] - 1) | (known[:, 1] > mask.shape[0] - 1)
        )
        known[outside] = np.nan
        height = rows[1] - rows[0]
        record["errors"] = None if points is None else joint_errors(points, known, height)
        record["open_errors"] = None if points is None else sides_open(points, known, height)
        record |= {"seconds": seconds, "key": str(meta.get("key", index)), **groups_of(meta)}
        records.append(record)
    return records


def summarise(records: list[dict[str, Any]]) -> dict[str, float]:
    """Means over the samples that have a figure; infinite PSNR counts as 100 dB; joints pooled over all samples."""
    means = {}
    for name in COLUMNS:
        figures = [record[name] for record in records if not np.isnan(record.get(name, np.nan))]
        if figures:
            means[name] = float(np.mean([min(figure, 100.0) for figure in figures]))
    pooled = {}
    for name in ("errors", "open_errors"):
        found = [record[name] for record in records if record[name] is not None]
        pooled[name] = joint_summary(np.concatenate(found)) if found else {}
    if pooled["open_errors"]:
        pooled["errors"]["open_median"] = pooled["open_errors"]["joint_median"]
    seconds = float(np.median([record["seconds"] for record in records]))
    return {**means, **pooled["errors"], "seconds_median": seconds, "samples": len(records)}


def split_by(records: list[dict[str, Any]], key: str) -> dict[str, dict[str, float]]:
    """`summarise` for every value of a key of `GROUPS`."""
    values = sorted({record[key] for record in records})
    return {value: summarise([r for r in records if r[key] == value]) for value in values}


def evaluate(
    model: Path | str | None,
    data: Path | str,
    out: Path | str,
    limit: int | None = None,
    unet: Path | str | None = None,
    peers: dict[str, Path] | None = None,
) -> dict[str, Any]:
    """Measure a model on the test split, beside plain references.

    Args:
        model: Folder of the model; None for the one that ships.
        data: Folder of shards with splits ``train`` (for the references) and ``test``.
        out: Folder for report.json, report.md and contact sheets.
        limit: Measure at most so many samples, evenly spaced over the split.
        unet: Folder of the trained plain U-Net; None leaves that reference out.
        peers: Folders of further models by the name they have in the table.

    Returns:
        The report as written to report.json.

    Raises:
        MaskelError: ``model_missing``, ``model_damaged``, ``data_missing``, ``data_damaged``.
    """
    out = Path(out)
    pipeline = MaskelPipeline.from_pretrained(model)
    others = {**({"plain U-Net": Path(unet)} if unet is not None else {}), **(peers or {})}
    pipelines = {name: MaskelPipeline.from_pretrained(folder) for name, folder in others.items()}
    train, test = SampleStore.open(data, "train"), SampleStore.open(data, "test")
    if limit is not None and limit < len(test):
        test = test.pick(np.linspace(0, len(test) - 1, limit).round().astype(int))
    dense = train.scales()
    bone, soft = (1.0 if math.isnan(scale) else scale for scale in dense)
    scales = (bone, soft)
    makers: dict[str, Callable[[], Answer]] = {pipeline.model_id: lambda: PipelineAnswer(pipeline)}
    if isinstance(pipeline.model, MaskTransformer):
        makers[f"{pipeline.model_id}, view told"] = lambda: PipelineAnswer(pipeline, told=True)
    makers["distance transform"] = lambda: DistanceAnswer(train)
    makers["nearest neighbour"] = lambda: NeighbourAnswer(train)
    for name, other in pipelines.items():
        makers[name] = lambda other=other: PipelineAnswer(other)  # type: ignore[misc]
    records = {name: measure(make(), test, scales, name) for name, make in makers.items()}
    ours = records[pipeline.model_id]
    report: dict[str, Any] = {
        "model": pipeline.model_id,
        "samples": len(test),
        "bodies": len({json.dumps(meta.get("body", {}).get("seed", i)) for i, meta in enumerate(test.metas)}),
        "training_samples": len(train),
        "scales": {n: None if math.isnan(s) else s for n, s in zip(LAYERS, dense, strict=True)},
        "all": {name: summarise(rows) for name, rows in records.items()},
        "front": {name: summarise(rows) for name, rows in _frontal(records).items()},
        **{f"by_{key}": split_by(ours, key) for key in GROUPS},
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    text = (
        f"# {pipeline.model_id} on {report['samples']} samples of {report['bodies']} held-out bodies\n\n"
        + markdown_table(report["all"], "Answer")
        + ("\n## Frontal\n\n" + markdown_table(report["front"], "Answer") if report["front"] else "")
    )
    for key, heading in GROUPS.items():
        if len(report[f"by_{key}"]) > 1 or key in ("view", "pose"):
            text += f"\n## By {heading.lower()}\n\n" + markdown_table(report[f"by_{key}"], heading)
    (out / "report.md").write_text(text, encoding="utf-8")
    second = next(iter(pipelines.values()), None)
    write_sheets(
        PipelineAnswer(pipeline), None if second is None else PipelineAnswer(second), ours, test, out
    )
    return report


def _frontal(records: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """The records of frontal views; empty when there are none."""
    found = {name: [r for r in rows if r["view"] == "front"] for name, rows in records.items()}
    return found if all(found.values()) else {}


def main(arguments: list[str] | None = None) -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description="Measure a model on held-out bodies.")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--unet", type=Path)
    given = parser.parse_args(arguments)
    evaluate(given.model, given.data, given.out, given.limit, given.unet)
    print((given.out / "report.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
