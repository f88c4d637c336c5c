"""Samples in batches on a device: people, poses and views are drawn on the CPU, bodies and pictures are projected together.

``plan_sample`` is light and runs in data-loading processes; ``project_plans`` is heavy and runs where the anatomy's tensors are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from maskel_core.anatomy.asset import Anatomy
from maskel_core.anatomy.body import Shape
from maskel_core.anatomy.figure import Figure, sample_figure
from maskel_core.data.sample import sample_camera, split_of, streams
from maskel_core.projection.camera import Camera
from maskel_core.projection.xray import project_figures


@dataclass
class Plan:
    """What a sample shows, before it is projected.

    Args:
        split: ``train``, ``val`` or ``test``.
        figure: The posed body.
        camera: The view.
    """

    split: str
    figure: Figure
    camera: Camera


@dataclass
class Batch:
    """Projected samples on one device.

    Args:
        mask: float (B, S, S) in [0, 1], area covered by the skin.
        layers: float (B, E, 2, S, S), bone and soft line integrals at every energy.
        joints: float (B, 27, 3), column, row in pixels and depth in metres.
        plans: What each shows.
    """

    mask: torch.Tensor
    layers: torch.Tensor
    joints: torch.Tensor
    plans: Sequence[Plan]


def plan_sample(anatomy: Anatomy, seed: int, index: int) -> Plan:
    """The undressed sample number ``index`` of the set with this seed, as ``make_sample`` draws it."""
    number, body, view, _ = streams(seed, index)
    figure = sample_figure(anatomy, body, view)
    return Plan(split_of(number), figure, sample_camera(view, figure))


def moved(figure: Figure, device: torch.device) -> Figure:
    """The figure with its tensors on a device."""
    return replace(
        figure,
        shape=Shape(figure.shape.vertices.to(device), figure.shape.heads.to(device)),
        **{name: getattr(figure, name).to(device) for name in ("transforms", "skin", "bones", "landmarks")},
    )


def project_plans(
    anatomy: Anatomy, plans: Sequence[Plan], size: int, energies: tuple[float, ...] | None = None
) -> Batch:
    """Project planned samples in one pass on the anatomy's device.

    Args:
        anatomy: The asset, where the pictures are wanted.
        plans: Of ``plan_sample``.
        size: Edge of the pictures, pixels.
        energies: Photon energies of the layers, keV; default the asset's.

    Raises:
        MaskelError: ``bad_energy``.
    """
    figures = [moved(plan.figure, anatomy.device) for plan in plans]
    seen = project_figures(anatomy, figures, [plan.camera for plan in plans], size, energies=energies)
    return Batch(seen.mask, seen.energies, seen.joints, plans)


def make_batch(
    anatomy: Anatomy,
    seed: int,
    indices: Iterable[int],
    size: int,
    energies: tuple[float, ...] | None = None,
    planner: Anatomy | None = None,
) -> Batch:
    """Samples of a set in one batch; arguments as those of ``plan_sample`` and ``project_plans``.

    Args:
        anatomy: The asset, where the pictures are wanted.
        seed: Of the whole set.
        indices: Numbers of the samples.
        size: Edge of the pictures, pixels.
        energies: Photon energies of the layers, keV; default the asset's.
        planner: The asset where bodies are posed, usually on the CPU; default ``anatomy``.

    Raises:
        MaskelError: ``bad_energy``.
    """
    plans = [plan_sample(planner or anatomy, seed, index) for index in indices]
    return project_plans(anatomy, plans, size, energies)
