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
from maskel_core.data.dataset import SampleStore
from maskel_core.evaluation.metrics import joint_errors, joint_summary, layer_metrics
from maskel_core.evaluation.references import Answer, DistanceAnswer, NeighbourAnswer, PipelineAnswer
from maskel_core.pipeline import MaskelPipeline, render_style
from maskel_core.pipeline.letterbox import body_box
from maskel_core.training.sheets import contact_sheet
from numpy.typing import NDArray
from rich.progress import track

COLUMNS = {
    "bone_psnr": "Bone PSNR, dB",
    "bone_ssim": "Bone SSIM",
    "bone_dice": "Bone Dice",
    "bone_pearson": "Bone Pearson",
    "bone_spearman": "Bone Spearman",
    "slope_correlation": "Slope corr.",
    "high_pass_correlation": "High-pass corr.",
    "crispness": "Crispness",
    "soft_psnr": "Soft PSNR, dB",
    "soft_ssim": "Soft SSIM",
    "outside": "Outside",
    "joint_median": "Joint median",
    "joint_p95": "Joint p95",
    "joint_pck2": "PCK 2 %",
    "joint_pck5": "PCK 5 %",
}
"""Figures of the table in their order; the joint errors are shares of the body's height."""


def view_of(yaw: float) -> str:
    """``front``, ``side``, ``back`` or ``oblique`` from a camera's yaw in radians, 0 = frontal, within 25 degrees."""
    degrees = abs(math.degrees(math.remainder(yaw, 2 * math.pi)))
    if degrees <= 25:
        return "front"
    if degrees >= 155:
        return "back"
    return "side" if abs(degrees - 90) <= 25 else "oblique"


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
        One dict a sample: figures of `layer_metrics`, ``errors`` (J,) of the joints or None, ``seconds``, ``pose``, ``view``.
    """
    records = []
    for index in track(range(len(store)), description=name or "measure"):
        mask, meta = store.masks[index], store.metas[index]
        begun = time.perf_counter()
        bone, soft, points = answer.predict(mask)
        seconds = time.perf_counter() - begun
        truth = store.layers[index].astype(np.float32)
        record: dict[str, Any] = dict(layer_metrics(bone, soft, truth[0], truth[1], mask, scales))
        rows, _ = body_box(mask)
        known = store.joints[index].astype(np.float64)
        outside = (
            (known < 0).any(axis=1) | (known[:, 0] > mask.shape[1] - 1) | (known[:, 1] > mask.shape[0] - 1)
        )
        known[outside] = np.nan
        record["errors"] = None if points is None else joint_errors(points, known, rows[1] - rows[0])
        record |= {
            "seconds": seconds,
            "pose": str(meta.get("pose_class", "")),
            "key": str(meta.get("key", index)),
        }
        record["view"] = view_of(float(meta.get("camera", {}).get("yaw", 0.0)))
        records.append(record)
    return records


def summarise(records: list[dict[str, Any]]) -> dict[str, float]:
    """Means over samples; infinite PSNR counts as 100 dB; joints pooled over all samples."""
    names = [name for name in COLUMNS if name in records[0]]
    means = {name: float(np.mean([min(record[name], 100.0) for record in records])) for name in names}
    errors = [record["errors"] for record in records if record["errors"] is not None]
    joints = joint_summary(np.concatenate(errors)) if errors else {}
    seconds = float(np.median([record["seconds"] for record in records]))
    return {**means, **joints, "seconds_median": seconds, "samples": len(records)}


def split_by(records: list[dict[str, Any]], key: str) -> dict[str, dict[str, float]]:
    """`summarise` for every value of ``pose`` or ``view``."""
    values = sorted({record[key] for record in records})
    return {value: summarise([r for r in records if r[key] == value]) for value in values}


def markdown_table(rows: dict[str, dict[str, float]], title: str) -> str:
    """A Markdown table, one line a row, figures in the order of `COLUMNS`."""
    names = [name for name in COLUMNS if any(name in figures for figures in rows.values())]
    lines = [f"| {title} | samples | " + " | ".join(COLUMNS[name] for name in names) + " |"]
    lines.append("|---" * (len(names) + 2) + "|")
    for label, figures in rows.items():
        cells = [_cell(name, figures[name]) if name in figures else "" for name in names]
        lines.append(f"| {label} | {figures['samples']:.0f} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(name: str, value: float) -> str:
    if name in ("joint_median", "joint_p95", "joint_pck2", "joint_pck5"):
        return f"{value * 100:.2f} %" if "pck" not in name else f"{value * 100:.1f} %"
    return f"{value:.2f}" if name.endswith("psnr") else f"{value:.3f}"


def evaluate(
    model: Path | str | None,
    data: Path | str,
    out: Path | str,
    limit: int | None = None,
    unet: Path | str | None = None,
) -> dict[str, Any]:
    """Measure a model on the test split, beside three plain references.

    Args:
        model: Folder of the model; None for the one that ships.
        data: Folder of shards with splits ``train`` (for the references) and ``test``.
        out: Folder for report.json, report.md and contact sheets.
        limit: Measure at most so many samples, evenly spaced over the split.
        unet: Folder of the trained plain U-Net; None leaves that reference out.

    Returns:
        The report as written to report.json.

    Raises:
        MaskelError: ``model_missing``, ``model_damaged``, ``data_missing``, ``data_damaged``.
    """
    out = Path(out)
    pipeline = MaskelPipeline.from_pretrained(model)
    train, test = SampleStore.open(data, "train"), SampleStore.open(data, "test")
    if limit is not None and limit < len(test):
        test = test.pick(np.linspace(0, len(test) - 1, limit).round().astype(int))
    scales = train.scales()
    makers: dict[str, Callable[[], Answer]] = {
        pipeline.model_id: lambda: PipelineAnswer(pipeline),
        "distance transform": lambda: DistanceAnswer(train),
        "nearest neighbour": lambda: NeighbourAnswer(train),
    }
    if unet is not None:
        reference = MaskelPipeline.from_pretrained(unet)
        makers["plain U-Net"] = lambda: PipelineAnswer(reference)
    records = {name: measure(make(), test, scales, name) for name, make in makers.items()}
    ours = records[pipeline.model_id]
    report: dict[str, Any] = {
        "model": pipeline.model_id,
        "samples": len(test),
        "bodies": len({json.dumps(meta.get("body", {}).get("seed", i)) for i, meta in enumerate(test.metas)}),
        "training_samples": len(train),
        "scales": {"bone": scales[0], "soft": scales[1]},
        "all": {name: summarise(rows) for name, rows in records.items()},
        "by_view": split_by(ours, "view"),
        "by_pose": split_by(ours, "pose"),
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    text = (
        f"# {pipeline.model_id} on {report['samples']} samples of {report['bodies']} held-out bodies\n\n"
        + markdown_table(report["all"], "Answer")
        + "\n## By view\n\n"
        + markdown_table(report["by_view"], "View")
        + "\n## By pose\n\n"
        + markdown_table(report["by_pose"], "Pose")
    )
    (out / "report.md").write_text(text, encoding="utf-8")
    _sheets(pipeline, unet, ours, test, out)
    return report


def _sheets(
    pipeline: MaskelPipeline,
    unet: Path | str | None,
    records: list[dict[str, Any]],
    store: SampleStore,
    out: Path,
    count: int = 6,
) -> None:
    order = np.argsort([-record["bone_pearson"] for record in records])
    middle = max(0, len(order) // 2 - count // 2)
    picks = {"best": order[:count], "median": order[middle : middle + count], "worst": order[-count:]}
    second = MaskelPipeline.from_pretrained(unet) if unet is not None else None
    for name, indices in picks.items():
        rows: list[list[NDArray[np.uint8]]] = []
        for index in indices:
            mask = store.masks[index]
            true = store.layers[index].astype(np.float32)
            made = pipeline(mask)
            row = [mask]
            for style in ("dxa", "radiograph"):
                row += [render_style(style, true[0], true[1], mask)]
                row += [render_style(style, made.bone, made.soft, mask)]
            if second is not None:
                other = second(mask)
                row.append(render_style("dxa", other.bone, other.soft, mask))
            rows.append(row)
        contact_sheet(rows).save(out / f"{name}.png")


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
