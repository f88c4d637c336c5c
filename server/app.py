"""The HTTP application: three calls, described in docs/architecture.md."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI, Request
from maskel_core.errors import MaskelError
from maskel_core.images import decode_mask, encode_layer, encode_png
from maskel_core.version import API_VERSION, __version__
from maskel_server.engine import Engine, XrayJob, XrayLike
from maskel_server.errors import install_error_handlers
from maskel_server.form import XrayForm, read_form
from maskel_server.guard import Guard
from maskel_server.settings import ServerSettings
from starlette.responses import JSONResponse, Response

log = logging.getLogger("maskel_server")


def create_app(settings: ServerSettings, engine: Engine) -> FastAPI:
    """The application around an engine; the engine starts to load when the application starts.

    Args:
        settings: Token and limits.
        engine: Owner of the model, not started yet.

    Returns:
        An ASGI application.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine.start()
        yield
        engine.stop()

    # No generated documentation pages: they would load scripts from elsewhere.
    app = FastAPI(
        title="MaSkel", version=__version__, lifespan=lifespan, openapi_url=None, redirect_slashes=False
    )
    install_error_handlers(app)
    app.add_middleware(Guard, settings=settings)

    @app.get("/v1/health")
    async def health() -> dict[str, Any]:
        info = engine.info()
        answer: dict[str, Any] = {
            "status": engine.status,
            "name": "maskel",
            "version": __version__,
            "api": API_VERSION,
            "model": info.id if info else None,
            "device": info.device if info else None,
        }
        if engine.failure is not None:
            answer["error"] = engine.failure.as_dict()
        return answer

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        info = engine.info()
        if info is None:
            engine.admit().release()  # raises the reason
            return {"models": []}
        entry = {
            "id": info.id,
            "default": True,
            "native_size": info.native_size,
            "styles": list(info.styles),
            "description": info.description,
        }
        return {"models": [entry]}

    @app.post("/v1/xray")
    async def xray(request: Request) -> Response:
        with engine.admit():
            form = await read_form(request)
            try:
                async with asyncio.timeout(settings.work_seconds):
                    return await _answer(request, form)
            except TimeoutError:
                raise MaskelError(
                    "timed_out",
                    f"The X-ray took longer than {settings.work_seconds:g} seconds.",
                    "Ask for a smaller size, or try again when the machine is less busy.",
                ) from None

    async def _answer(request: Request, form: XrayForm) -> Response:
        mask = await asyncio.to_thread(decode_mask, form.mask, settings.max_pixels)
        check_size(form.size, mask.shape, settings.max_pixels)
        job = XrayJob(mask, form.style, form.size, form.joints)
        result, seconds = await _wait(request, engine.submit(job))
        info = engine.info()
        model = info.id if info else ""
        log.info("X-ray %d x %d, %s, %.3f s", mask.shape[1], mask.shape[0], form.style, seconds)
        if form.format == "json":
            return JSONResponse(await as_json(result, form.style, model, seconds))
        png = await asyncio.to_thread(encode_png, result.image)
        headers = {
            "X-MaSkel-Model": model,
            "X-MaSkel-Version": __version__,
            "X-MaSkel-Seconds": f"{seconds:.4f}",
            "Cache-Control": "no-store",
        }
        return Response(png, media_type="image/png", headers=headers)

    return app


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
    # Compression lets other threads run, so the three pictures are made side by side.
    image, bone, soft = await asyncio.gather(
        asyncio.to_thread(encode_png, result.image),
        asyncio.to_thread(encode_layer, result.bone),
        asyncio.to_thread(encode_layer, result.soft),
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
            "bone": {"png": _base64(bone[0]), "scale": bone[1]},
            "soft": {"png": _base64(soft[0]), "scale": soft[1]},
        },
        "joints": joints,
    }


async def _wait(request: Request, future: asyncio.Future[Any]) -> Any:
    """The job's result; a client that hangs up gives its place away."""
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({future, gone}, return_when=asyncio.FIRST_COMPLETED)
        if future.done():
            return future.result()
        raise MaskelError(
            "bad_request", "The client hung up.", "Keep the connection open until the answer is there."
        )
    finally:
        gone.cancel()
        future.cancel()
        with suppress(asyncio.CancelledError):
            await gone


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
