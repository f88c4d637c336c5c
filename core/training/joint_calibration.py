"""Learn what a model's joints are off by: ``python -m maskel_core.training.joint_calibration MODEL DATA``."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from maskel_core.anatomy.joints import MIRRORED
from maskel_core.data.dataset import SampleStore
from maskel_core.evaluation.joints import seen_joints
from maskel_core.models.store import damaged, write_checksums
from maskel_core.models.views import VIEWS, view_number
from maskel_core.pipeline import MaskelPipeline, XrayRequest
from maskel_core.pipeline.joint_calibration import CALIBRATION, JointCalibration
from maskel_core.pipeline.turning import mirrored_joints
from numpy.typing import NDArray


def fit_calibration(folder: Path | str, data: Path | str, count: int = 1600) -> JointCalibration:
    """Fit to the answers to training masks, write `CALIBRATION` into the model's folder and renew its checksums.

    Every second mask is answered with its view told, so that both ways of naming sides are known.

    Args:
        folder: Of a model with joints.
        data: Folder of shards with a split ``train``.
        count: Training masks, evenly spaced over the split.

    Raises:
        MaskelError: ``model_missing``, ``model_damaged``, ``data_missing``, ``data_damaged``.
    """
    folder = Path(folder)
    pipeline = MaskelPipeline.from_pretrained(folder)
    store = SampleStore.open(data, "train")
    pairs = []
    for order, row in enumerate(store.spaced(count)):
        pair = _pair(pipeline, store, row, told=order % 2 == 1)
        if pair is None:
            raise damaged(folder, "the model names no joints")
        pairs.append(pair)
    found = JointCalibration.fit(np.stack([a for a, _ in pairs]), np.stack([b for _, b in pairs]))
    found.save(folder)
    write_checksums(folder)
    return found


def _pair(
    pipeline: MaskelPipeline, store: SampleStore, row: int, told: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Joints by the model, (J, 3), and the true ones, (J, 2), NaN where unknown, of the mask as the pipeline turns it."""
    mask = np.ascontiguousarray(store.masks[row])
    yaw = store.metas[row].get("camera", {}).get("yaw")
    view = VIEWS[view_number(yaw)] if told and yaw is not None else "unknown"
    prepared = pipeline.prepare(XrayRequest(mask, joints=True, view=view))
    (prediction,) = pipeline.predict([prepared])
    made = pipeline.settled_joints(prepared, prediction)
    if made is None:
        return None
    mirrored = list(MIRRORED)
    true = seen_joints(store.joints[row], mask.shape)
    if prepared.turned:
        true = mirrored_joints(true, mask.shape[1])
    # Where the sides are named the other way round, the places may still be learned from.
    off, renamed = (np.nansum(np.linalg.norm(made[:, :2] - it, axis=1)) for it in (true, true[mirrored]))
    return made, true[mirrored] if renamed < off else true


def main(arguments: list[str] | None = None) -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description="Fit what a model's joints are off by.")
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--samples", type=int, default=1600)
    given = parser.parse_args(arguments)
    fit_calibration(given.model, given.data, given.samples)
    print(given.model / CALIBRATION)


if __name__ == "__main__":
    main()
