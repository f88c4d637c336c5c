"""From a form to the bytes of an answer: decode, let the engine work, encode."""

from __future__ import annotations

import asyncio
import base64
import logging
from typing import Any

from maskel_core.errors import MaskelError
from maskel_core.images import decode_mask, encode_layer, encode_png
from maskel_core.version import __version__
from maskel_server.engine import Engine, XrayJob, XrayLike
from maskel_server.form import PRIORITIES, XrayForm
from maskel_server.progress import Progress
from maskel_server.results import Answer
from maskel_server.settings import ServerSettings
from starlette.responses import JSONResponse

log = logging.getLogger("maskel_server")


class Maker:
    """Makes answers with an engine.

    Args:
        settings: Limits.
        engine: Owner of the model.
    """

    def __init__(self, settings: ServerSettings, engine: Engine) -> None:
        self._doors = {priority: asyncio.Lock() for priority in PRIORITIES}
        self._settings = settings
        self._engine = engine

    def progress(self) -> Progress:
        """The beginning of a job's way."""
        return Progress(self._engine)

    async def make(self, form: XrayForm, progress: Progress, job: str | None = None) -> Answer:
        """The answer to a form.

        Args:
            form: What is asked for.
            progress: Kept up to date meanwhile.
            job: Name for the log.

        Raises:
            MaskelError: ``timed_out``, and what the picture and the pipeline are refused for.
        """
        limit = self._settings.work_seconds
        try:
            async with asyncio.timeout(limit):
                return await self._make(form, progress, job)
        except TimeoutError:
            raise MaskelError(
                "timed_out",
                f"The X-ray took longer than {limit:g} seconds.",
                "Ask for a smaller size, or try again when the machine is less busy.",
            ) from None

    async def _make(self, form: XrayForm, progress: Progress, job: str | None) -> Answer:
        # One after the other, so that a small mask does not overtake a large one on its way to the queue.
        async with self._doors[form.priority]:
            mask = await asyncio.to_thread(decode_mask, form.mask, self._settings.max_pixels)
            check_size(form.size, mask.shape, self._settings.max_pixels)
            work = XrayJob(
                mask, form.style, form.size, form.joints, form.view, form.uncertainty, form.priority
            )
            future = progress.future = self._engine.submit(work)
        try:
            result, seconds = await future
        finally:
            future.cancel()
        height, width = mask.shape
        log.info(
            "X-ray %d x %d, %s, %.3f s",
            width,
            height,
            form.style,
            seconds,
            extra={
                "event": "xray",
                "job": job,
                "status": "done",
                "seconds": round(seconds, 4),
                "sizes": {"width": width, "height": height, "mask_bytes": len(form.mask)},
            },
        )
        info = self._engine.info()
        return await encode(result, form, info.id if info else "", seconds)


async def encode(result: XrayLike, form: XrayForm, model: str, seconds: float) -> Answer:
    """The answer's bytes in the format asked for."""
    headers = {"Cache-Control": "no-store"}
    if form.format == "json":
        values = await as_json(result, form.style, model, seconds)
        return Answer(bytes(JSONResponse(values).body), "application/json", headers)
    png = await asyncio.to_thread(encode_png, result.image)
    headers |= {
        "X-MaSkel-Model": model,
        "X-MaSkel-Version": __version__,
        "X-MaSkel-Seconds": f"{seconds:.4f}",
    }
    if result.familiarity is not None:
        headers["X-MaSkel-Familiarity"] = f"{result.familiarity:.3f}"
    return Answer(png, "image/png", headers)


def check_size(size: int | None, shape: tuple[int, ...], max_pixels: int) -> None:
    """Refuse an answer larger than the limit: longer side ``size`` pixels at the aspect of ``shape`` (H, W).

    Raises:
        MaskelError: ``bad_size``.
    """
    if size is not None and size * size * min(shape) > max_pixels * max(shape):
        raise MaskelError(
            "bad_size",
            f"An answer with a longer side of {size} pixels has more than {max_pixels:,} pixels.",
            "Ask for a smaller size.",
        )


async def as_json(result: XrayLike, style: str, model: str, seconds: float) -> dict[str, Any]:
    """The JSON answer: styled image and both layers as base64 PNG, joints in pixels of the image."""
    height, width = result.image.shape
    layers = {"bone": result.bone, "soft": result.soft}
    if result.uncertainty is not None:
        layers["uncertainty"] = result.uncertainty
    # Compression lets other threads run, so the pictures are made side by side.
    image, encoded = await asyncio.gather(
        asyncio.to_thread(encode_png, result.image),
        asyncio.gather(*(asyncio.to_thread(encode_layer, layer) for layer in layers.values())),
    )
    joints = {
        name: {"x": float(joint.x), "y": float(joint.y), "confidence": float(joint.confidence)}
        for name, joint in result.joints.items()
    }
    return {
        "model": model,
        "version": __version__,
        "width": width,
        "height": height,
        "style": style,
        "seconds": round(seconds, 4),
        "image": _base64(image),
        "layers": {
            name: {"png": _base64(png), "scale": scale}
            for name, (png, scale) in zip(layers, encoded, strict=True)
        },
        "joints": joints,
        "familiarity": None if result.familiarity is None else round(result.familiarity, 3),
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
