"""The HTTP application: four calls, described in docs/architecture.md."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from maskel_core.errors import MaskelError
from maskel_core.images import decode_mask, encode_layer, encode_png
from maskel_core.version import API_VERSION, __version__
from maskel_server.drain import Drain, DrainGate
from maskel_server.engine import Engine, XrayJob, XrayLike
from maskel_server.errors import install_error_handlers
from maskel_server.form import XrayForm, read_form
from maskel_server.guard import Guard
from maskel_server.jobs import JobBook, digest, job_name
from maskel_server.results import Answer, ResultStore
from maskel_server.settings import ServerSettings
from starlette.responses import JSONResponse, Response

log = logging.getLogger("maskel_server")

SWEEP_SECONDS = 300.0
"""How often kept answers that are too old are deleted."""


def create_app(settings: ServerSettings, engine: Engine) -> FastAPI:
    """The application around an engine; the engine starts to load when the application starts.

    Args:
        settings: Token and limits.
        engine: Owner of the model, not started yet.

    Returns:
        An ASGI application.
    """
    store = None
    if settings.results is not None:
        store = ResultStore(settings.results, settings.results_seconds, settings.results_bytes)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine.start()
        sweeper = asyncio.ensure_future(_sweep(store)) if store is not None else None
        yield
        if sweeper is not None:
            sweeper.cancel()
        await book.close()
        engine.stop()

    book = JobBook(store)
    # No generated documentation pages: they would load scripts from elsewhere.
    app = FastAPI(
        title="MaSkel", version=__version__, lifespan=lifespan, openapi_url=None, redirect_slashes=False
    )
    install_error_handlers(app)
    app.state.drain = drain = Drain(lambda: book.in_work)
    app.add_middleware(DrainGate, drain=drain)
    app.add_middleware(Guard, settings=settings)

    @app.get("/v1/health")
    async def health() -> dict[str, Any]:
        info = engine.info()
        answer: dict[str, Any] = {
            "status": "draining" if drain.begun else engine.status,
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
        named = request.headers.get("x-maskel-job")
        job = None if named is None else job_name(named)
        with engine.admit() as ticket:
            form = await read_form(request)
            make = partial(_make, form)
            if job is None:
                work = asyncio.ensure_future(make())
                try:
                    answer = await _wait(request, work)
                finally:
                    work.cancel()
            else:
                found = await book.obtain(job, digest(form), make, ticket)
                answer = found if isinstance(found, Answer) else await _wait(request, found)
        return Response(answer.body, media_type=answer.media_type, headers=answer.headers)

    @app.delete("/v1/jobs/{job}")
    async def take_back(job: str) -> dict[str, str]:
        return {"id": job_name(job), "status": await book.take_back(job)}

    async def _make(form: XrayForm) -> Answer:
        try:
            async with asyncio.timeout(settings.work_seconds):
                return await _answer(form)
        except TimeoutError:
            raise MaskelError(
                "timed_out",
                f"The X-ray took longer than {settings.work_seconds:g} seconds.",
                "Ask for a smaller size, or try again when the machine is less busy.",
            ) from None

    async def _answer(form: XrayForm) -> Answer:
        mask = await asyncio.to_thread(decode_mask, form.mask, settings.max_pixels)
        check_size(form.size, mask.shape, settings.max_pixels)
        result, seconds = await engine.submit(
            XrayJob(mask, form.style, form.size, form.joints, form.view, form.uncertainty)
        )
        info = engine.info()
        model = info.id if info else ""
        log.info("X-ray %d x %d, %s, %.3f s", mask.shape[1], mask.shape[0], form.style, seconds)
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
        return Answer(png, "image/png", headers)

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
    }


async def _wait(request: Request, work: asyncio.Future[Answer]) -> Answer:
    """The work's answer, or ``bad_request`` when the client hangs up and ``cancelled`` when the job was."""
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        both: set[asyncio.Future[Any]] = {work, gone}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if work.cancelled():
            raise MaskelError(
                "cancelled", "The job was cancelled.", "Send it again if the X-ray is wanted after all."
            )
        if work.done():
            return work.result()
        raise MaskelError(
            "bad_request", "The client hung up.", "Keep the connection open until the answer is there."
        )
    finally:
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone


async def _sweep(store: ResultStore) -> None:
    while True:
        await asyncio.to_thread(store.sweep)
        await asyncio.sleep(SWEEP_SECONDS)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
