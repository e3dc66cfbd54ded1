"""Server-sent events: the stream of a program as a web server passes it on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError
from adjoint.base.json import plain
from adjoint.modules.streaming import StatusMessage, StreamResponse
from adjoint.program.prediction import Prediction

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable


async def streaming_response(items: AsyncIterable[Any]) -> AsyncGenerator[str]:
    """What `streamify` gives, as lines `data: {...}` with a prediction, a chunk or a status each, and `data: [DONE]` last.

    Lines that are such events already pass as they are. Raises `UsageError` for anything else.
    """
    async for item in items:
        yield item if isinstance(item, str) and item.startswith("data: ") else _event(item)
    yield "data: [DONE]\n\n"


def _event(item: Any) -> str:
    if isinstance(item, Prediction):
        body: dict[str, Any] = {"prediction": plain(item.toDict())}
    elif isinstance(item, StreamResponse):
        body = {
            "chunk": {
                "predict_name": item.predict_name,
                "field": item.signature_field_name,
                "text": item.chunk,
                "last": item.is_last_chunk,
            }
        }
    elif isinstance(item, StatusMessage):
        body = {"status": item.message}
    else:
        message = f"a stream of a program gives predictions, pieces and status messages, not {item!r:.80}."
        raise UsageError(message)
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"
