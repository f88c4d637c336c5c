"""Where the bones of women and men differ in form, not only in size: fields of displacement from neutral to female.

A man's bone is displaced by the opposite. Amounts are half the difference of the means: subpubic angle 63 and 82 degrees, pelvic
inlet, sciatic notch and sacrum about as in Bass, "Human Osteology" (2005) and White & Folkens, "The Human Bone Manual" (2005);
brow, mastoid process, occipital protuberance and chin after the scores of Buikstra & Ubelaker, "Standards" (1994). The socket of
the hip and the sacroiliac joint stay where they are, so that the joints hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch

_MM = 1e-3
_LEAST = 2e-5
"""Shifts below this many metres are left out."""


class Surface(Protocol):
    """A closed surface of a bone in its centred space."""

    bone: str
    vertices: np.ndarray


def _step(values: np.ndarray, start: float, stop: float) -> np.ndarray:
    """Smoothly 0 at ``start`` and before to 1 at ``stop`` and after."""
    share = np.clip((values - start) / (stop - start), 0, 1)
    return share * share * (3 - 2 * share)


def _bump(points: np.ndarray, centre: Sequence[float], reach: Sequence[float]) -> np.ndarray:
    """A Gaussian (N,) about a point, with its standard deviations along the axes, metres."""
    return np.exp(-0.5 * (((points - np.asarray(centre)) / np.asarray(reach)) ** 2).sum(1))


def hip_bone(points: np.ndarray, hip: np.ndarray) -> np.ndarray:
    """Displacement (N, 3) of the right hip bone, metres.

    Args:
        points: (N, 3) in the source's space, metres.
        hip: (3,) centre of the right hip joint.
    """
    p = points - hip
    away = _step(np.linalg.norm(p, axis=1), 0.034, 0.056)
    # The auricular surface on the inner side of the blade's back; see ``sacroiliac``.
    joint = sacroiliac(hip)
    away = away * _step(np.linalg.norm(points - joint, axis=1), 0.029, 0.052)
    out = np.zeros_like(points)
    medial = points[:, 0] - hip[0]
    # The arch under the symphysis opens: the lower ramus and the seat swing outwards about its lower end.
    deep = _step(-p[:, 2], 0.040, 0.092) * (
        1 - _step(medial, 0.0745, 0.0765) * _step(p[:, 2], -0.048, -0.042)
    )
    out[:, 0] -= 6.2 * _MM * deep
    # The symphysis is lower in height and the ring wider from front to back.
    pubis = _step(medial, 0.040, 0.070) * _step(-p[:, 1], -0.005, 0.020)
    out[:, 2] += 2.0 * _MM * pubis * _step(-p[:, 2], 0.018, 0.048)
    out[:, 1] -= 2.0 * _MM * pubis
    # The notch opens between spine and blade; its front wall steps forwards.
    out[:, 1] -= 4.5 * _MM * _bump(p, (0.024, 0.044, 0.022), (0.020, 0.014, 0.024))
    out[:, 1] += 2.0 * _MM * _bump(p, (0.030, 0.050, -0.006), (0.010, 0.008, 0.008))
    # A lower, flared blade.
    high = _step(p[:, 2], 0.055, 0.150)
    front = _step(-p[:, 1], -0.060, 0.020)
    out[:, 0] -= 4.0 * _MM * _step(p[:, 2], 0.045, 0.110) * front
    out[:, 2] -= 4.0 * _MM * high
    return out * away[:, None]


def sacroiliac(hip: np.ndarray) -> np.ndarray:
    """Centre of the right sacroiliac joint, (3,), from the centre of the right hip joint in the source."""
    return hip + np.array([0.0370, 0.0580, 0.1080])


def sacrum(points: np.ndarray, hip: np.ndarray) -> np.ndarray:
    """Displacement (N, 3) of sacrum and coccyx, metres: shorter, wider below the joint, turned backwards at its end."""
    joint = sacroiliac(hip)
    low = _step(joint[2] - points[:, 2], 0.016, 0.110)
    out = np.zeros_like(points)
    out[:, 2] += 6.0 * _MM * low
    out[:, 1] += 4.0 * _MM * low
    out[:, 0] += 0.07 * points[:, 0] * _step(joint[2] - points[:, 2], 0.016, 0.045)
    return out


def skull(points: np.ndarray) -> np.ndarray:
    """Displacement (N, 3) of the skull, metres: smooth brow, small mastoids, round nape, upright forehead, narrow cheeks."""
    q = points.copy()
    q[:, 0] = np.abs(q[:, 0])
    side = np.sign(points[:, 0])
    out = np.zeros_like(points)
    brow = _bump(q, (0.0, 0.126, 1.679), (0.016, 0.008, 0.0065))
    ridge = _bump(q, (0.028, 0.132, 1.679), (0.012, 0.008, 0.0060))
    out[:, 1] += 2.0 * _MM * brow + 1.5 * _MM * ridge
    out[:, 1] -= 1.2 * _MM * _bump(q, (0.026, 0.135, 1.712), (0.020, 0.016, 0.014))
    mastoid = _bump(q, (0.047, 0.216, 1.608), (0.009, 0.012, 0.011))
    out[:, 2] += 3.5 * _MM * mastoid
    out[:, 0] -= 1.2 * _MM * mastoid * side
    out[:, 1] -= 3.0 * _MM * _bump(q, (0.0, 0.290, 1.655), (0.014, 0.012, 0.011))
    arch = _bump(q, (0.062, 0.170, 1.640), (0.008, 0.026, 0.012))
    out[:, 0] -= 1.5 * _MM * arch * side
    return out


def mandible(points: np.ndarray) -> np.ndarray:
    """Displacement (N, 3) of the mandible, metres: a low body, a pointed chin, angles drawn in; teeth and joints stay."""
    q = points.copy()
    q[:, 0] = np.abs(q[:, 0])
    side = np.sign(points[:, 0])
    out = np.zeros_like(points)
    # Forward of the ramus the lower border rises towards the chin's height.
    border = np.interp(q[:, 1], [0.125, 0.140, 0.185], [1.566, 1.561, 1.582])
    low = np.exp(-0.5 * (np.maximum(q[:, 2] - border, 0) / 0.006) ** 2)
    out[:, 2] += 2.0 * _MM * low
    corner = _bump(q, (0.018, 0.131, border.min() + 0.005), (0.008, 0.010, 0.009))
    out[:, 0] -= 2.4 * _MM * corner * side
    out[:, 1] += 2.0 * _MM * corner
    out[:, 1] += 0.8 * _MM * _bump(q, (0.0, 0.128, 1.567), (0.012, 0.010, 0.008))
    angle = _bump(q, (0.045, 0.186, 1.588), (0.012, 0.012, 0.012))
    out[:, 0] -= 2.5 * _MM * angle * side
    out[:, 2] += 2.0 * _MM * angle
    out[:, 1] -= 1.0 * _MM * angle
    return out


def shift(bone: str, points: np.ndarray, hip: np.ndarray) -> np.ndarray | None:
    """Displacement (N, 3) from neutral to female of a bone by its name, or None where the sexes differ in size alone.

    Args:
        bone: As in the source.
        points: (N, 3) of the bone in the source's space, metres.
        hip: (3,) centre of the right hip joint in the source.
    """
    points = np.asarray(points, np.float64)
    if bone == "hip_bone":
        return hip_bone(points, hip)
    if bone == "sacrum":
        return sacrum(points, hip)
    if bone == "skull":
        return skull(points)
    if bone == "mandible":
        return mandible(points)
    return None


def sex_tensors(
    pieces: Sequence[Surface], centres: Mapping[str, np.ndarray], hip: np.ndarray
) -> dict[str, torch.Tensor]:
    """What the asset keeps: ``bone.sex_vertex`` int32 (K,) and ``bone.sex_shift`` float16 (K, 3), metres.

    Args:
        pieces: All surfaces, in the order in which their vertices are stored.
        centres: Centre of each bone's space in the source, (3,).
        hip: (3,) centre of the right hip joint in the source.
    """
    numbers, shifts, start = [], [], 0
    for piece in pieces:
        moved = shift(piece.bone, piece.vertices + centres[piece.bone], hip)
        if moved is not None:
            chosen = np.flatnonzero(np.abs(moved).max(1) > _LEAST)
            numbers.append(chosen + start)
            shifts.append(moved[chosen])
        start += len(piece.vertices)
    return {
        "bone.sex_vertex": torch.tensor(np.concatenate([*numbers, np.zeros(0, int)])).to(torch.int32),
        "bone.sex_shift": torch.tensor(np.concatenate([*shifts, np.zeros((0, 3))])).half(),
    }
