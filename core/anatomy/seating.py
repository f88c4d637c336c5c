"""Seats posed bones in their joints: neither through each other nor apart.

Position-based relaxation (Muller et al., "Position based dynamics", 2007) over the ends of the bones: each joint's surfaces are
kept a joint space apart by moving the two ends that meet, and each bone follows its ends as an affine map.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from maskel_core.anatomy.asset import Anatomy

_LEAST, _MOST = 0.0028, 0.0060
"""Joint space that is left alone, metres: real ones are 1 to 8 mm wide (radiographic joint space with its cartilage)."""
_SOFT = 0.0005
_STEPS = 16
_CLOSEST = 16
"""Samples of each surface, nearest to the other one, that are followed."""


def seat_bones(anatomy: Anatomy, maps: torch.Tensor) -> torch.Tensor:
    """Bone maps with every joint's space between about 2 and 6 mm, if its ends can be brought there.

    Args:
        anatomy: The asset; one without joints leaves the maps as they are.
        maps: float (B, bones, 3, 4), posed.

    Returns:
        float (B, bones, 3, 4).
    """
    if "seat.bones" not in anatomy or not len(maps):
        return maps
    return torch.stack([_seat_body(anatomy, one) for one in maps])


def move_ends(anatomy: Anatomy, maps: torch.Tensor, near: torch.Tensor, far: torch.Tensor) -> torch.Tensor:
    """Maps (..., bones, 3, 4), the bones' ends moved by ``near`` and ``far`` (..., bones, 3); short bones move by ``near``."""
    along = anatomy["slot.along"]
    stretch = (far - near).unsqueeze(-1) * along[:, None, :3]
    moved = near + (far - near) * along[:, 3:]
    return maps + torch.cat([stretch, moved.unsqueeze(-1)], dim=-1)


def _seat_body(anatomy: Anatomy, maps: torch.Tensor) -> torch.Tensor:
    bones, points = anatomy["seat.bones"], anatomy["seat.points"]
    posed = maps[bones]
    placed = points @ posed[..., :3].transpose(-1, -2) + posed[..., None, :, 3]
    # A surface's normals are carried by the inverse transpose.
    normals = torch.nn.functional.normalize(
        anatomy["seat.normals"] @ torch.linalg.inv(posed[..., :3]), dim=-1
    )
    along = anatomy["slot.along"][bones]
    far = (points @ along[..., :3, None]).squeeze(-1) + along[..., None, 3]
    slots = anatomy["slot.of_bone"][bones]
    own = slots.gather(2, anatomy["seat.ends"].unsqueeze(2)).squeeze(2)
    ready = anatomy["slot.mobility"][own]
    part = ready / ready.sum(1, keepdim=True).clamp(min=1e-9) * ready.new_tensor([1.0, -1.0])
    crowd = ready.new_zeros(len(anatomy["slot.mobility"]))
    crowd = crowd.index_add(0, own.reshape(-1), (ready > 0).to(ready).reshape(-1)).clamp(min=1).sqrt()

    pairs = _closest_pairs(placed, normals, far)
    out = torch.nn.functional.normalize(placed[:, 0].mean(1) - placed[:, 1].mean(1), dim=1)
    reach = anatomy["slot.reach"].unsqueeze(1)
    shift = maps.new_zeros(len(crowd), 3)
    for _ in range(_STEPS):
        clearance = pairs.clearance(shift[slots])
        least = clearance.amin(1, keepdim=True)
        share = torch.softmax((least - clearance) / _SOFT, dim=1)
        soft = (share * clearance).sum(1)
        # Where the surfaces that touch face each other from both sides, a bone leaves its joint the way it lies in it.
        direction = (share.unsqueeze(-1) * pairs.facing).sum(1)
        clear = direction.norm(dim=1, keepdim=True)
        way = torch.nn.functional.normalize(direction + (1 - clear).clamp(min=0) * out, dim=1)
        gain = (way * direction).sum(1, keepdim=True).clamp(min=0.4)
        step = torch.where(soft < _LEAST, _LEAST - soft, (_MOST - soft).clamp(max=0.0)).clamp(-0.003, 0.003)
        move = (step.unsqueeze(1) / gain * way)[:, None] * part.unsqueeze(-1)
        moved = torch.zeros_like(shift).index_add(0, own.reshape(-1), move.reshape(-1, 3))
        shift = shift + moved / crowd.unsqueeze(1)
        far_off = shift.norm(dim=1, keepdim=True).clamp(min=1e-9)
        shift = shift * (reach / far_off).clamp(max=1.0)
    near, away = shift[anatomy["slot.of_bone"]].unbind(1)
    return move_ends(anatomy, maps, near, away)


@dataclass
class _Pairs:
    """Places where two bones come close, S joints with P pairs each.

    Args:
        offset: float (S, P, 3), from the second bone's sample to the first's.
        facing: float (S, P, 3), the way that leads the first bone away from the second: the normal of the surface that is met.
        far: float (S, P, 2), share of the far end in the movement of either sample.
        spacing: float (S, P), distance between neighbouring samples of the surface that is met.
    """

    offset: torch.Tensor
    facing: torch.Tensor
    far: torch.Tensor
    spacing: torch.Tensor

    def clearance(self, moved: torch.Tensor) -> torch.Tensor:
        """Signed space (S, P) after the ends of the bones moved by (S, 2, 2, 3): bone, end."""
        ends = torch.lerp(moved[:, None, :, 0], moved[:, None, :, 1], self.far.unsqueeze(-1))
        offset = self.offset + ends[:, :, 0] - ends[:, :, 1]
        height = (offset * self.facing).sum(-1)
        distance = offset.norm(dim=-1)
        beside = (distance.square() - height.square()).clamp(min=0).sqrt()
        outside = (distance.square() - (0.5 * self.spacing).square()).clamp(min=0).sqrt().maximum(height)
        # Beyond the sampled surface's rim its planes say nothing: there the plain distance counts.
        return torch.where(beside > 1.5 * self.spacing, distance, torch.where(height > 0, outside, height))


def _closest_pairs(here: torch.Tensor, normals: torch.Tensor, far: torch.Tensor) -> _Pairs:
    """The samples (S, 2, N, 3) of either surface that lie nearest to the other, and what they lie nearest to."""
    here = here - here.mean((1, 2), keepdim=True)
    apart = torch.cdist(here[:, 0], here[:, 1], compute_mode="use_mm_for_euclid_dist")
    columns: dict[str, list[torch.Tensor]] = {"offset": [], "facing": [], "far": [], "spacing": []}
    for side in (0, 1):
        distance, nearest = (apart if side == 0 else apart.transpose(1, 2)).min(2)
        chosen = distance.topk(_CLOSEST, dim=1, largest=False).indices
        met = nearest.gather(1, chosen)
        own_points = _take(here[:, side], chosen)
        met_points = _take(here[:, 1 - side], met)
        facing = _take(normals[:, 1 - side], met)
        sign = 1.0 if side == 0 else -1.0
        shares = [far[:, side].gather(1, chosen), far[:, 1 - side].gather(1, met)]
        columns["offset"].append(sign * (own_points - met_points))
        columns["facing"].append(sign * facing)
        columns["far"].append(torch.stack(shares if side == 0 else shares[::-1], dim=-1))
        columns["spacing"].append(_spacing(here[:, 1 - side]).unsqueeze(1).expand_as(distance[:, :_CLOSEST]))
    return _Pairs(**{key: torch.cat(values, dim=1) for key, values in columns.items()})


def _take(values: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    return values.gather(1, index.unsqueeze(-1).expand(-1, -1, values.shape[-1]))


def _spacing(points: torch.Tensor) -> torch.Tensor:
    """Distance between neighbouring samples of each surface (S, N, 3), from a few of them: (S,)."""
    apart = (points[:, ::16, None] - points[:, None]).square().sum(-1)
    return apart.topk(2, dim=-1, largest=False).values[..., 1].sqrt().mean(-1)
