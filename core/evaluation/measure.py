"""Every answer to every sample, and the means of what comes out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from maskel_core.data.dataset import SampleStore, layers_known
from maskel_core.evaluation.frechet import FeatureNetwork, feature_distance
from maskel_core.evaluation.groups import groups_of
from maskel_core.evaluation.joints import body_length, joint_errors, joint_summary, seen_joints, sides_open
from maskel_core.evaluation.mirror import MirrorCheck
from maskel_core.evaluation.references import Answer, PipelineAnswer
from maskel_core.evaluation.truth import Truth
from numpy.typing import NDArray

Record = dict[str, Any]
"""Figures of one sample by name; see `measure`."""

Progress = Callable[[int, int], None]
"""Called with what is done and what there is to do."""

NEAR = (
    "bone_psnr",
    "bone_ssim",
    "bone_ms_ssim",
    "bone_dice",
    "bone_pearson",
    "bone_spearman",
    "slope_correlation",
    "high_pass_correlation",
    "soft_psnr",
    "soft_ssim",
    "soft_ms_ssim",
)
"""Figures of the layers of which more is better."""

FIGURES = (*NEAR, "soft_pearson", "crispness", "outside")
"""Figures of `Truth.compare` of which the mean is reported."""


def measure(
    answers: dict[str, Answer],
    store: SampleStore,
    scales: tuple[float, float],
    network: FeatureNetwork | None = None,
    mirror: dict[str, MirrorCheck] | None = None,
    progress: Progress | None = None,
) -> dict[str, list[Record]]:
    """The figures of every answer to every sample; what the truth alone decides is computed once a sample.

    Args:
        answers: What is measured, by name.
        store: Held-out samples.
        scales: Dense line integrals of bone and soft tissue.
        network: Makes the features of MAE-FD; None leaves them out.
        mirror: Checks that are fed with the answer of the same name.
        progress: Called after every sample.

    Returns:
        By answer one dict a sample: figures of `Truth.compare`; ``errors`` and ``open_errors`` (J,) of the joints or
        None; ``feature`` and ``true_feature`` (D,) with a network; ``seconds``; ``key``; the groups of `groups_of`.
    """
    records: dict[str, list[Record]] = {name: [] for name in answers}
    for index in range(len(store)):
        mask, meta = np.ascontiguousarray(store.masks[index]), store.metas[index]
        known_soft = layers_known(meta)[1]
        layers = np.nan_to_num(store.layers[index].astype(np.float32))
        truth = Truth(layers[0], layers[1], mask, scales)
        joints, height = seen_joints(store.joints[index], mask.shape), body_length(layers[1], mask)
        shared: Record = {"key": str(meta.get("key", index)), **groups_of(meta)}
        if network is not None:
            shared["true_feature"] = network(layers[0], layers[1], mask)
        for name, answer in answers.items():
            if isinstance(answer, PipelineAnswer):
                answer.tell(meta.get("camera", {}).get("yaw"))
            begun = time.perf_counter()
            bone, soft, points = answer.predict(mask)
            seconds = time.perf_counter() - begun
            record: Record = {
                **_compare(truth, bone, soft, known_soft),
                **joint_figures(points, joints, height),
            }
            record |= {"seconds": seconds, **shared}
            if network is not None:
                # An answer made of others' truth may know no soft tissue where this one does.
                record["feature"] = network(bone, np.nan_to_num(soft) * known_soft, mask)
            records[name].append(record)
            if mirror is not None and name in mirror:
                mirror[name].add(mask, bone, soft, points)
        if progress is not None:
            progress(index + 1, len(store))
    return records


def _compare(truth: Truth, bone: NDArray, soft: NDArray, known_soft: bool) -> dict[str, float]:
    """`Truth.compare`; figures of soft tissue are NaN where the truth, or an answer made of others' truth, knows none."""
    if known_soft and np.isfinite(soft).all():
        return truth.compare(bone, soft)
    figures = truth.compare(bone, np.zeros_like(bone))
    return {name: float("nan") if name.startswith("soft_") else value for name, value in figures.items()}


def joint_figures(
    points: NDArray | None, truth: NDArray[np.floating], height: float
) -> dict[str, NDArray | None]:
    """``errors`` and ``open_errors`` (J,) of predicted joints (J, 2), None where an answer names none."""
    if points is None:
        return {"errors": None, "open_errors": None}
    return {
        "errors": joint_errors(points, truth, height),
        "open_errors": sides_open(points, truth, height),
    }


def summarise(records: Sequence[Record]) -> dict[str, float]:
    """Means over samples; infinite PSNR counts as 100 dB; undefined crispness is left out; joints pooled over all samples."""
    means = {}
    for name in FIGURES:
        known = [min(r[name], 100.0) for r in records if np.isfinite(r[name]) or r[name] > 0]
        if known:
            means[name] = float(np.mean(known))
    pooled: dict[str, dict[str, float]] = {}
    for name in ("errors", "open_errors"):
        found = [record[name] for record in records if record[name] is not None]
        pooled[name] = joint_summary(np.concatenate(found)) if found else {}
    if pooled["open_errors"]:
        pooled["errors"]["open_median"] = pooled["open_errors"]["joint_median"]
    summary = {**means, **pooled["errors"], "samples": len(records)}
    if "seconds" in records[0]:
        summary["seconds_median"] = float(np.median([record["seconds"] for record in records]))
    return summary


def distance_of(records: Sequence[Record]) -> dict[str, float]:
    """``frechet``: MAE-FD of the answers to their truths; empty without features or with fewer than two samples."""
    if len(records) < 2 or "feature" not in records[0]:
        return {}
    made, true = (np.stack([record[name] for record in records]) for name in ("feature", "true_feature"))
    return {"frechet": feature_distance(made, true)}


def split_by(records: Sequence[Record], key: str) -> dict[str, dict[str, float]]:
    """`summarise` for every value of a key of `GROUPS`."""
    values = sorted({record[key] for record in records})
    return {value: summarise([r for r in records if r[key] == value]) for value in values}
