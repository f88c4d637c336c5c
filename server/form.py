"""The multipart form of POST /v1/xray as one typed object."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request
from maskel_core.errors import MaskelError
from maskel_server.errors import FORM_FIX
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

FIELDS = frozenset({"mask", "style", "size", "joints", "format", "view", "uncertainty", "priority"})
FORMATS = ("png", "json")
STYLES = ("dxa", "radiograph", "bone", "inverted")
"""As the pipeline has them; written here because importing it takes seconds."""
VIEWS = ("unknown", "front", "back", "left", "right")
"""As the pipeline has them."""
PRIORITIES = ("preview", "normal", "batch")

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True)
class XrayForm:
    """What a client asks for.

    ``mask`` is the file as sent; ``size`` the longer side of the answer in pixels, None for the mask's own.
    """

    mask: bytes
    style: str
    size: int | None
    joints: bool
    format: str
    view: str = "unknown"
    uncertainty: bool = False
    priority: str = "normal"


class _InMemoryParser(MultiPartParser):
    """Keeps pictures out of temporary files; the body limit bounds the memory."""

    spool_max_size = 1 << 62


async def read_form(request: Request) -> XrayForm:
    """Read and check the form.

    Raises:
        MaskelError: ``bad_request`` (not multipart, a field missing, unknown or unreadable), ``bad_size``,
            ``bad_style``, ``bad_view``, and what the body stream raises.
    """
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "multipart/form-data":
        raise _bad_request("The request is not multipart/form-data.")
    parser = _InMemoryParser(
        request.headers, request.stream(), max_files=1, max_fields=len(FIELDS), max_part_size=4096
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise _bad_request(f"The form could not be read: {error.message}") from error
    try:
        return await _typed(form)
    finally:
        await form.close()


async def _typed(form: FormData) -> XrayForm:
    names = [name for name, _ in form.multi_items()]
    unknown = sorted(set(names) - FIELDS)
    if unknown:
        raise _bad_request(f"Unknown field {unknown[0][:40]!r}.")
    if len(names) != len(set(names)):
        raise _bad_request("A field was sent twice.")
    upload = form.get("mask")
    if not isinstance(upload, UploadFile):
        raise _bad_request("The file 'mask' is missing.")
    answer = _text(form, "format").lower() or "png"
    if answer not in FORMATS:
        raise _bad_request("The field 'format' must be png or json.")
    priority = _text(form, "priority").lower() or "normal"
    if priority not in PRIORITIES:
        raise _bad_request("The field 'priority' must be preview, normal or batch.")
    joints, uncertainty = _flag(form, "joints"), _flag(form, "uncertainty")
    if (joints or uncertainty) and answer != "json":
        raise _bad_request(f"{'Joints travel' if joints else 'Uncertainty travels'} with format=json.")
    return XrayForm(
        mask=await upload.read(),
        style=_choice(form, "style", STYLES),
        size=_size(_text(form, "size")),
        joints=joints,
        format=answer,
        view=_choice(form, "view", VIEWS),
        uncertainty=uncertainty,
        priority=priority,
    )


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    if not isinstance(value, str):
        raise _bad_request(f"The field {name!r} must not be a file.")
    return value.strip()


def _choice(form: FormData, name: str, choices: tuple[str, ...]) -> str:
    """One of ``choices``; empty is the first."""
    value = _text(form, name).lower() or choices[0]
    if value not in choices:
        raise MaskelError(
            f"bad_{name}", f"There is no {name} {value[:40]!r}.", f"Choose one of {', '.join(choices)}."
        )
    return value


def _flag(form: FormData, name: str) -> bool:
    value = _text(form, name).lower()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise _bad_request(f"The field {name!r} must be true or false.")


def _size(text: str) -> int | None:
    """Longer side in pixels; empty and 0 mean the mask's own size."""
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise MaskelError(
            "bad_size",
            "The size is not a whole number of pixels.",
            "Send the longer side in pixels, or leave it out.",
        )
    return int(text) or None


def _bad_request(message: str) -> MaskelError:
    return MaskelError("bad_request", message, FORM_FIX)
