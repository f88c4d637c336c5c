"""The two ends of one X-ray as batch and API want them; all they ask of `workflow` is asked here."""

from __future__ import annotations

from dataclasses import replace

import bpy

from .. import workflow
from ..client.request import XrayAnswer
from .characters import Character
from .plan import Settings


def prepare(
    context: bpy.types.Context, character: Character, camera: str, settings: Settings
) -> workflow.Prepared:
    """Take the silhouette at the present frame and pack the request.

    Raises:
        MaskelError: See `Character.resolve` and `workflow.prepare`.

    """
    objects = character.resolve(context)
    prepared = workflow.prepare(context, character.name, objects, camera, settings.style, settings.size)
    request = replace(
        prepared.request,
        view=settings.view,
        joints="joints" in settings.formats,
        layers="layers" in settings.formats,
    )
    return replace(prepared, request=request)


def place(prepared: workflow.Prepared, answer: XrayAnswer, placement: str) -> bpy.types.Object:
    """Put the answer into the scene.

    Args:
        prepared: What was asked.
        answer: What came back.
        placement: One of the identifiers in `settings.choices.PLACEMENTS`.

    Raises:
        MaskelError: See `workflow.place`.

    """
    del placement  # the plane is the only one there is
    return workflow.place(prepared, answer)
