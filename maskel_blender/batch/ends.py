"""The two ends of one X-ray as batch and API want them; all they ask of `workflow` is asked here."""

from __future__ import annotations

from dataclasses import replace

import bpy

from .. import workflow
from ..client.request import VIEWS, XrayAnswer
from ..errors import PlanError
from .characters import Character
from .plan import Settings


def prepare(
    context: bpy.types.Context, character: Character, camera: str, settings: Settings, layers: bool = False
) -> workflow.Prepared:
    """Take the silhouette at the present frame and pack the request.

    Args:
        context: Whose scene and view layer count.
        character: Whom.
        camera: Name of the camera; "" for the scene's own.
        settings: How.
        layers: Whether to ask for layers though they are not written: a placed result switches its style with them.

    Raises:
        MaskelError: See `Character.resolve` and `workflow.prepare`.

    """
    objects = character.resolve(context)
    prepared = workflow.prepare(context, character.name, objects, camera, settings.style, settings.size)
    request = replace(
        prepared.request,
        # "unknown" leaves the word to what the silhouette tells of itself
        view=prepared.request.view if settings.view == VIEWS[0] else settings.view,
        joints="joints" in settings.formats,
        layers=layers or "layers" in settings.formats,
    )
    return replace(prepared, request=request)


def check_registered(scene: bpy.types.Scene) -> None:
    """Placing follows the scene's settings, which are there only while the add-on is registered.

    Raises:
        PlanError: ``not_registered``.

    """
    if not hasattr(scene, "maskel"):
        raise PlanError(
            "not_registered",
            "The add-on is not enabled, so that nothing can be placed.",
            "Enable it, call maskel_blender.register(), or only write files.",
        )


def place(prepared: workflow.Prepared, answer: XrayAnswer, placement: str | None) -> bpy.types.Object:
    """Put the answer into the scene.

    Args:
        prepared: What was asked.
        answer: What came back.
        placement: ``PLANE``, ``EMPTY`` or ``BACKGROUND``; None = as what it replaces is placed, else as the scene's settings say.

    Raises:
        MaskelError: See `workflow.place`.

    """
    return workflow.place(prepared, answer, placement)


def signed(prepared: workflow.Prepared, answer: XrayAnswer) -> XrayAnswer:
    """The answer, its picture with the provenance in the file."""
    return replace(answer, image_png=workflow.signed_png(prepared, answer))
