"""What training minimises: pictures, edges, embeddings, joints, and the adversarial game."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from maskel_core.devices import constant
from maskel_core.models.joint_head import JointMaps, heat_centres
from maskel_core.training import distributed
from torch import Tensor

HEAT_SIGMA = 1.5
"""Standard deviation of a target heat map, cells."""


def picture_losses(
    prediction: Tensor,
    truth: Tensor,
    body: Tensor,
    bone_weight: float,
    blur_share: float = 0.02,
) -> dict[str, Tensor]:
    """Pixel and edge differences of normalised X-rays, averaged over the body.

    Args:
        prediction: (B, 2, S, S), 0 outside the body.
        truth: Same shape.
        body: (B, 1, S, S), 0 outside to 1 inside.
        bone_weight: Weight of the bone layer; the soft layer has 1.
        blur_share: Standard deviation of the high-pass terms' blur, share of the width.

    Returns:
        Scalars ``l1``, ``l2``, ``edge`` (L1 of the horizontal and vertical differences), ``high_pass`` (L1 of the maps
        less their blur, the scale at which bones are told apart) and ``contrast`` (see `contrast_loss`).
    """
    weight, area = _layer_weights(bone_weight, truth.device), _body_area(body)
    difference = prediction - truth
    across = difference[..., :, 1:] - difference[..., :, :-1]
    along = difference[..., 1:, :] - difference[..., :-1, :]
    return {
        "l1": (difference.abs() * weight).mean() / area,
        "l2": (difference.square() * weight).mean() / area,
        "edge": ((across.abs() * weight).mean() + (along.abs() * weight).mean()) / area,
        "high_pass": ((difference - blur(difference, blur_share)).abs() * weight).mean() / area,
        "contrast": (contrast_loss(prediction, truth) * weight).mean() / area,
    }


def integral_losses(
    prediction: Tensor,
    truth: Tensor,
    body: Tensor,
    bone_weight: float,
    blur_share: float = 0.02,
    gamma: float = 0.5,
) -> dict[str, Tensor]:
    """Squared differences of the line integrals themselves, as the report's correlations weigh them.

    L1 is least for the median, which leaves out what is less likely than not, squares for the mean.

    Args:
        prediction: As those of `picture_losses`, with what follows.
        truth: Same shape.
        body: (B, 1, S, S), 0 outside to 1 inside.
        bone_weight: Weight of the bone layer; the soft layer has 1.
        blur_share: Standard deviation of the blur, share of the width.
        gamma: Exponent of the normalised domain.

    Returns:
        Scalars ``integral_high_pass`` (of the maps less their blur) and ``integral_slope`` (of differences of neighbours).
    """
    weight, area = _layer_weights(bone_weight, truth.device), _body_area(body)
    difference = prediction.clamp_min(0).pow(1 / gamma) - truth.clamp_min(0).pow(1 / gamma)
    slopes = difference.diff(dim=3), difference.diff(dim=2)
    return {
        "integral_high_pass": ((difference - blur(difference, blur_share)).square() * weight).mean() / area,
        "integral_slope": torch.stack([(s.square() * weight).mean() for s in slopes]).sum() / area,
    }


def _layer_weights(bone: float, device: torch.device) -> Tensor:
    """(1, 2, 1, 1), mean 1: the bone layer counts ``bone`` times the soft one."""
    return constant((bone, 1.0), device).view(1, 2, 1, 1) / (bone + 1.0) * 2


def _body_area(body: Tensor) -> Tensor:
    """Share of the whole batch's pixels that lie in bodies (B, 1, S, S), at least a thousandth."""
    return distributed.mean(body.mean()).clamp_min(1e-3)


def blur(maps: Tensor, share: float = 0.02) -> Tensor:
    """About a Gaussian of ``share`` of the width, (B, C, S, S) to the same: made at a quarter of the size.

    The edge counts as repeated outwards. S is a multiple of 4.
    """
    small = F.avg_pool2d(maps, 4)
    sigma = max(share * small.shape[-1], 0.3)
    reach = max(1, math.ceil(2.5 * sigma))
    steps = torch.arange(-reach, reach + 1, dtype=maps.dtype, device=maps.device)
    kernel = torch.softmax(-steps.square() / (2 * sigma**2), dim=0)
    channels = small.shape[1]
    padded = F.pad(small, (reach,) * 4, mode="replicate")
    rows = F.conv2d(padded, kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
    both = F.conv2d(rows, kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
    return F.interpolate(both, size=maps.shape[2:], mode="bilinear", align_corners=False)


CONTRAST_SCALES = 3
"""Sizes at which `contrast_loss` looks: the whole, a half, a quarter."""


def contrast_loss(prediction: Tensor, truth: Tensor, windows: int = 32) -> Tensor:
    """How far each window's detail is from the truth's in strength and direction: what a blurred picture lacks.

    Where an edge is not sure, pixel differences are least for a blurred edge; this term is least for an edge as sharp as
    the true one wherever it lies in the window. Differences in four directions at three sizes, and second differences, keep a
    texture of single pixels from passing for edges: with slopes of one size alone a network learns to draw a grid.

    Args:
        prediction: (B, C, S, S), S a multiple of 4.
        truth: Same shape.
        windows: Windows per side, each overlapped half by its neighbours.

    Returns:
        (B, C, h, w), absolute differences of root mean squares, per pixel step of the whole size.
    """
    total: Tensor | None = None
    for scale in range(CONTRAST_SCALES):
        ours, theirs = (F.avg_pool2d(maps, 2**scale) if scale else maps for maps in (prediction, truth))
        side = max(2, ours.shape[-1] // windows)
        if total is not None and ours.shape[-1] < 2 * side + 2:
            break
        pairs = zip(_directional(ours, scale == 0), _directional(theirs, scale == 0), strict=True)
        # Pooled steps are as long as several: divided, so that all sizes count alike.
        terms = [(_strength(a, side) - _strength(b, side)).abs() for a, b in pairs]
        term = torch.stack(terms).mean(dim=0) / 2**scale
        if total is not None and term.shape != total.shape:
            term = F.interpolate(term, size=total.shape[-2:])
        total = term if total is None else total + term
    assert total is not None
    return total / CONTRAST_SCALES * 2


def _directional(maps: Tensor, second: bool) -> list[Tensor]:
    """Differences of neighbours across, along and on both diagonals; also second ones, which single pixels have most of."""
    found = [
        maps[..., :-1, 1:] - maps[..., :-1, :-1],
        maps[..., 1:, :-1] - maps[..., :-1, :-1],
        (maps[..., 1:, 1:] - maps[..., :-1, :-1]) * 0.5**0.5,
        (maps[..., 1:, :-1] - maps[..., :-1, 1:]) * 0.5**0.5,
    ]
    if second:
        found.append((maps[..., 1:-1, 2:] - 2 * maps[..., 1:-1, 1:-1] + maps[..., 1:-1, :-2]) * 0.5)
        found.append((maps[..., 2:, 1:-1] - 2 * maps[..., 1:-1, 1:-1] + maps[..., :-2, 1:-1]) * 0.5)
    return found


def _strength(differences: Tensor, side: int) -> Tensor:
    """Root mean square over windows; a floor well under any bone's edge keeps the root's slope finite."""
    size = differences.shape[-1] // side - 1
    return (F.avg_pool2d(differences.square(), 2 * side, side)[..., :size, :size] + 1e-5).sqrt()


def spread_loss(spread: Tensor, prediction: Tensor, truth: Tensor, body: Tensor) -> Tensor:
    """Squared difference of ``spread`` from the absolute error, over the body: least for the error's expectation.

    Args:
        spread: (B, 2, S, S) > 0.
        prediction: (B, 2, S, S); its error is taken as given, no gradient goes through it.
        truth: (B, 2, S, S).
        body: (B, 1, S, S).
    """
    error = (prediction.detach() - truth).abs()
    return ((spread - error).square() * body).mean() / _body_area(body)


def feature_loss(prediction: list[Tensor], truth: list[Tensor]) -> Tensor:
    """Mean L1 distance of layer-normalised tokens (B, N, dim) of the frozen stage-1 encoder, over its layers."""
    return torch.stack(
        [F.l1_loss(a.float(), b.float()) for a, b in zip(prediction, truth, strict=True)]
    ).mean()


def alignment_loss(latent: Tensor, target: Tensor) -> Tensor:
    """MSE between the mask's and the X-ray's embedding (B, C, g, g), as a share of the target's variance."""
    target = target.float()
    variance = distributed.mean((target - distributed.mean(target.mean())).square().mean())
    return F.mse_loss(latent.float(), target) / variance.clamp_min(1e-6)


def joint_losses(maps: JointMaps, position: Tensor, known: Tensor) -> dict[str, Tensor]:
    """How far joints and heat maps are off, over the joints that lie in the frame.

    Args:
        maps: Output of the joint head.
        position: (B, J, 2), x, y as shares of the frame.
        known: bool (B, J).

    Returns:
        Scalars ``joint`` (L1 in shares of the frame) and ``heat`` (divergence from a Gaussian at the joint, nats).
    """
    assert maps.logits is not None
    count = distributed.mean(known.sum().float()).clamp_min(1)
    distance = ((maps.position - position).abs().sum(dim=2) * known).sum() / count
    height, width = maps.heat.shape[2:]
    over_x = _gaussian(position[..., 0], width)
    over_y = _gaussian(position[..., 1], height)
    # The target is a product of a row and a column profile, so its cross-entropy needs no full map.
    wanted = torch.einsum("bjh,bjhw,bjw->bj", over_y, maps.logits, over_x)
    entropy = -(over_x.xlogy(over_x).sum(-1) + over_y.xlogy(over_y).sum(-1))
    divergence = maps.logits.flatten(2).logsumexp(dim=2) - wanted - entropy
    return {"joint": distance, "heat": (divergence * known).sum() / count}


def _gaussian(centre: Tensor, size: int) -> Tensor:
    """(B, J) shares of the frame to profiles (B, J, size) that sum to 1."""
    cells = (heat_centres(size, centre.device) - centre[..., None]) * size
    return torch.softmax(-cells.square() / (2 * HEAT_SIGMA**2), dim=-1)


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Hinge loss of the discriminator from its scores of real and made X-rays. Source: Lim and Ye 2017."""
    return (F.relu(1 - real.float()).mean() + F.relu(1 + fake.float()).mean()) / 2


def generator_loss(fake: Tensor) -> Tensor:
    """Adversarial term of the generator: lower when its X-rays score higher."""
    return -fake.float().mean()


def adaptive_weight(picture: Tensor, adversarial: Tensor, last_layer: Tensor) -> float:
    """Weight at which the adversarial term pulls on the last layer as hard as the picture terms.

    Args:
        picture: Scalar, sum of the weighted picture terms.
        adversarial: Scalar, the unweighted adversarial term.
        last_layer: Weight of the generator's last layer.

    Returns:
        Ratio of the gradients' norms, at most 100. Source: Esser et al. 2021 (VQGAN), equation 7.
    """
    wanted, given = (
        distributed.mean(torch.autograd.grad(term, last_layer, retain_graph=True)[0]).norm()
        for term in (picture, adversarial)
    )
    return float((wanted / (given + 1e-6)).clamp(0, 100))
