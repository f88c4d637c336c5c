"""Shards of stick figures: capsules as flesh, thinner capsules inside them as bones."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from maskel_core.anatomy.joints import JOINT_NAMES
from PIL import Image

LIMBS = (
    ("head", "c7", 0.055, 0.02),
    ("c7", "pelvis", 0.085, 0.015),
    ("shoulder_l", "elbow_l", 0.03, 0.01),
    ("elbow_l", "wrist_l", 0.025, 0.008),
    ("shoulder_r", "elbow_r", 0.03, 0.01),
    ("elbow_r", "wrist_r", 0.025, 0.008),
    ("hip_l", "knee_l", 0.045, 0.014),
    ("knee_l", "ankle_l", 0.035, 0.012),
    ("hip_r", "knee_r", 0.045, 0.014),
    ("knee_r", "ankle_r", 0.035, 0.012),
)


def figure(seed: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
    """Mask uint8, bone and soft float16, JSON of one stick figure, all ``size`` x ``size``."""
    random = np.random.default_rng(seed)
    points = dict.fromkeys(JOINT_NAMES, (0.5, 0.5))
    points |= {"head": (0.5, 0.12), "jaw": (0.5, 0.17), "c7": (0.5, 0.24), "pelvis": (0.5, 0.52)}
    for side, sign in (("l", 1), ("r", -1)):
        arm, leg = random.uniform(0.1, 1.3), random.uniform(-0.05, 0.3)
        for i, name in enumerate(("shoulder", "elbow", "wrist", "middle_finger")):
            points[f"{name}_{side}"] = (
                0.5 + sign * (0.08 + i * 0.13 * np.sin(arm)),
                0.27 + i * 0.13 * np.cos(arm),
            )
        for i, name in enumerate(("hip", "knee", "ankle", "heel")):
            points[f"{name}_{side}"] = (0.5 + sign * (0.06 + i * 0.18 * np.sin(leg)), 0.54 + min(i, 2) * 0.19)
    y, x = (np.mgrid[0:size, 0:size] + 0.5) / size
    flesh, bone = np.zeros((size, size)), np.zeros((size, size))
    for a, b, wide, thin in LIMBS:
        start, end = np.array(points[a]), np.array(points[b])
        along = ((x - start[0]) * (end - start)[0] + (y - start[1]) * (end - start)[1]) / (
            (end - start) ** 2
        ).sum()
        along = np.clip(along, 0, 1)
        distance = np.hypot(x - start[0] - along * (end - start)[0], y - start[1] - along * (end - start)[1])
        flesh = np.maximum(flesh, np.sqrt(np.clip(wide**2 - distance**2, 0, None)) * 40)
        bone = np.maximum(bone, np.sqrt(np.clip(thin**2 - distance**2, 0, None)) * 60)
    joints = {
        name: {"x": px * size - 0.5, "y": py * size - 0.5, "depth": 3.0, "visible": True}
        for name, (px, py) in points.items()
    }
    mask = ((flesh > 0) * 255).astype(np.uint8)
    meta = {"seed": seed, "pose_class": "standing", "joints": joints, "camera": {"yaw": 0.0}}
    return mask, bone.astype(np.float16), flesh.astype(np.float16), meta


def write_shards(folder: Path, counts: dict[str, int], size: int = 72) -> Path:
    """Write one shard a split; body seeds differ between splits."""
    folder.mkdir(parents=True, exist_ok=True)
    seed = 0
    for split, count in counts.items():
        with tarfile.open(folder / f"{split}-00000.tar", "w") as archive:
            for _ in range(count):
                mask, bone, soft, meta = figure(seed, size)
                key = f"{seed:06d}"
                meta |= {"key": key, "split": split, "body": {"seed": seed}}
                picture = io.BytesIO()
                Image.fromarray(mask).save(picture, "PNG")
                parts = {"mask.png": picture.getvalue(), "json": json.dumps(meta).encode()}
                for name, layer in (("bone", bone), ("soft", soft)):
                    raw = io.BytesIO()
                    np.save(raw, layer)
                    parts[f"{name}.npy"] = raw.getvalue()
                for suffix, data in parts.items():
                    info = tarfile.TarInfo(f"{key}.{suffix}")
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data))
                seed += 1
    return folder
