"""The body of a request: one JSON object, of bounded size, that arrives in bounded time."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from adjoint.serve.refusals import Refused, bad

if TYPE_CHECKING:
    from aiohttp import web

LIMIT = 16 * 2**20
"""Bytes of a body, images in messages included."""
_SECONDS = 30.0
"""How long a body may take to arrive."""


async def read_body(request: web.Request) -> dict[str, Any]:
    """The object in the body, or `Refused`."""
    if request.content_type != "application/json":
        # A form on a web page can send anything but this without being asked first.
        message = "send the header Content-Type: application/json."
        raise Refused(415, message, "unsupported_media_type")
    limit = request.client_max_size
    if (request.content_length or 0) > limit:
        raise too_large(limit)
    try:
        async with asyncio.timeout(_SECONDS):
            raw = await request.read()
    except TimeoutError:
        message = f"the body did not arrive within {_SECONDS:.0f} s."
        raise Refused(408, message, "timeout") from None
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        reason = "the body is no JSON."
        raise bad(reason) from None
    if not isinstance(body, dict):
        reason = "the body must be a JSON object."
        raise bad(reason)
    return body


def too_large(limit: int) -> Refused:
    return Refused(413, f"the body is larger than {limit} bytes.", "request_too_large")
