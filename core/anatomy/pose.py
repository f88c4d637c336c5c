"""Poses by anatomical angles, and their conversion to joint rotations of a body.

Angles are radians in clinical convention: flexion forward, abduction away from the midline, zero is standing with
straight limbs hanging down. Conversion works from each body's own rest joints, so that one pose means the same on all.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from maskel_core.anatomy.asset import Anatomy
from maskel_core.anatomy.skeleton import rotation_between

_SPINE = ("spine03", "spine02", "spine01")
"""Level with L5/S1, L3/L4 and T9. The two joints below lie within the sacrum, which does not bend."""
_NECK = ("neck01", "neck02", "neck03", "head")


@dataclass
class Limb:
    """Angles of one arm or leg, radians.

    Args:
        flexion: Of the shoulder or hip, forward.
        abduction: Of the shoulder or hip, away from the midline.
        twist: About the upper arm's or thigh's axis, inward.
        bend: Elbow or knee flexion.
        end: Wrist flexion or ankle plantar flexion.
        curl: Finger flexion, each joint (arms only).
    """

    flexion: float = 0.0
    abduction: float = 0.0
    twist: float = 0.0
    bend: float = 0.0
    end: float = 0.0
    curl: float = 0.0


@dataclass
class Pose:
    """A whole-body pose.

    Args:
        name: Pose class.
        arms: Left, right.
        legs: Left, right.
        spine: Forward flexion, bend to the left, turn to the left; shared by the three spine joints above the sacrum.
        neck: The same for neck and head.
        root: World rotation of the whole body, (3, 3) nested tuple or None.
    """

    name: str
    arms: tuple[Limb, Limb] = field(default_factory=lambda: (Limb(), Limb()))
    legs: tuple[Limb, Limb] = field(default_factory=lambda: (Limb(), Limb()))
    spine: tuple[float, float, float] = (0.0, 0.0, 0.0)
    neck: tuple[float, float, float] = (0.0, 0.0, 0.0)
    root: torch.Tensor | None = None


def axis_rotation(axis: torch.Tensor, angle: float) -> torch.Tensor:
    """Rotation matrix (3, 3) about an axis (3,) by an angle in radians, counter-clockwise (Rodrigues)."""
    x, y, z = (axis / axis.norm()).tolist()
    skew = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=axis.dtype)
    turn = torch.tensor(angle, dtype=axis.dtype)
    return torch.eye(3, dtype=axis.dtype) + turn.sin() * skew + (1 - turn.cos()) * skew @ skew


def _euler(flexion: float, bend: float, turn: float, share: float) -> torch.Tensor:
    x, y, z = torch.eye(3).unbind(0)
    return axis_rotation(x, flexion * share) @ axis_rotation(y, bend * share) @ axis_rotation(z, turn * share)


class Poser:
    """Turns poses into joint rotations for one body.

    Args:
        anatomy: The asset, on the CPU.
        heads: float (J, 3), the body's rest joint centres.
    """

    def __init__(self, anatomy: Anatomy, heads: torch.Tensor) -> None:
        self.anatomy, self.heads = anatomy, heads

    def rotations(self, pose: Pose) -> torch.Tensor:
        """Rotations of all joints relative to their parents, in the rest world's axes, float (J, 3, 3)."""
        out = torch.eye(3).repeat(len(self.heads), 1, 1)
        if pose.root is not None:
            out[self.anatomy.joint("root")] = pose.root
        for names, angles in ((_SPINE, pose.spine), (_NECK, pose.neck)):
            for name in names:
                out[self.anatomy.joint(name)] = _euler(*angles, 1 / len(names))
        for side, sign, arm, leg in (
            ("L", 1.0, pose.arms[0], pose.legs[0]),
            ("R", -1.0, pose.arms[1], pose.legs[1]),
        ):
            self._arm(out, side, sign, arm)
            self._leg(out, side, sign, leg)
        return out

    def _at(self, name: str) -> torch.Tensor:
        return self.heads[self.anatomy.joint(name)]

    def _arm(self, out: torch.Tensor, side: str, sign: float, arm: Limb) -> None:
        shoulder, elbow, wrist = (self._at(f"{n}.{side}") for n in ("upperarm01", "lowerarm01", "wrist"))
        upper, lower = elbow - shoulder, wrist - elbow
        target = _hanging(sign, arm.flexion, arm.abduction)
        whole = axis_rotation(target, -sign * arm.twist) @ rotation_between(upper, target)
        # The scapula takes about a third of a raise above rest (scapulohumeral rhythm), a little of a drop.
        rest_raise, raised = upper[2] / upper.norm(), target[2]
        share = 0.28 if raised > rest_raise else 0.10
        girdle = _fraction(whole, share)
        out[self.anatomy.joint(f"shoulder01.{side}")] = girdle
        out[self.anatomy.joint(f"upperarm01.{side}")] = girdle.T @ whole
        hinge = torch.linalg.cross(upper, lower)
        rest_bend = torch.atan2(hinge.norm(), upper @ lower)
        out[self.anatomy.joint(f"lowerarm01.{side}")] = axis_rotation(hinge, arm.bend - float(rest_bend))
        across = self._at(f"finger2-1.{side}") - self._at(f"finger5-1.{side}")
        palm = self._at(f"finger3-1.{side}") - wrist
        out[self.anatomy.joint(f"wrist.{side}")] = axis_rotation(across, sign * arm.end)
        for finger in "2345":
            first = self._at(f"finger{finger}-2.{side}") - self._at(f"finger{finger}-1.{side}")
            curl_axis = torch.linalg.cross(palm, first)
            axis = across * torch.sign(curl_axis @ across)
            for part in "123":
                out[self.anatomy.joint(f"finger{finger}-{part}.{side}")] = axis_rotation(axis, arm.curl)

    def _leg(self, out: torch.Tensor, side: str, sign: float, leg: Limb) -> None:
        hip, knee = self._at(f"upperleg01.{side}"), self._at(f"lowerleg01.{side}")
        ankle = self._at(f"foot.{side}")
        thigh, shank = knee - hip, ankle - knee
        target = _hanging(sign, leg.flexion, leg.abduction)
        whole = axis_rotation(target, -sign * leg.twist) @ rotation_between(thigh, target)
        out[self.anatomy.joint(f"upperleg01.{side}")] = whole
        across = torch.tensor([1.0, 0.0, 0.0])
        along = thigh / thigh.norm()
        across = across - (across @ along) * along
        # Zero is a straight leg: the rest shank leans against the thigh, so its bend is taken off first.
        straight = rotation_between(shank, thigh)
        knee_turn = axis_rotation(across, leg.bend) @ straight
        out[self.anatomy.joint(f"lowerleg01.{side}")] = knee_turn
        # The foot is flat on the ground under a straight leg that hangs down, whatever the rest pose's lean.
        hang = axis_rotation(target, -sign * leg.twist) @ rotation_between(
            torch.tensor([0.0, 0.0, -1.0]), target
        )
        sole = hang @ axis_rotation(torch.tensor([1.0, 0.0, 0.0]), leg.bend + leg.end)
        out[self.anatomy.joint(f"foot.{side}")] = (whole @ knee_turn).T @ sole


def _hanging(sign: float, flexion: float, abduction: float) -> torch.Tensor:
    """Unit direction of a limb that hangs down, is abducted and then flexed; sign is +1 for the left side."""
    f, a = torch.tensor([flexion, abduction], dtype=torch.float32).unbind(0)
    return torch.stack([sign * a.sin(), -f.sin() * a.cos(), -f.cos() * a.cos()])


def _fraction(rotation: torch.Tensor, share: float) -> torch.Tensor:
    """A rotation about the same axis by a share of the angle, (3, 3)."""
    cos = ((rotation.diagonal().sum() - 1) / 2).clamp(-1, 1)
    axis = torch.stack(
        [rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]]
    )
    if axis.norm() < 1e-6:
        return torch.eye(3, dtype=rotation.dtype)
    return axis_rotation(axis, float(cos.acos()) * share)
