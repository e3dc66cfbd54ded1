"""What the models of this process have in common: which requests they refuse, how a sample is seeded, replies in pieces."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import RequestError
from adjoint.lm.types import Delta

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Collection, Coroutine

    from adjoint.lm.types import Request, Response


def refuse_what_means_nothing(request: Request, name: str, *, options: Collection[str] = ()) -> None:
    """Raise `RequestError` for a request that a model which only reads and writes text cannot take as it stands.

    `name` is the model in words; `options` are those that it knows besides the fields of a request.
    """
    reason = None
    unknown = sorted(set(request.extra) - set(options))
    if not request.messages:
        reason = "the request has no message; give at least one"
    elif any(part.kind != "text" for m in request.messages if not isinstance(m.content, str) for part in m.content):
        reason = f"{name} reads text only here; leave out images, sounds and files"
    elif request.tools:
        reason = f"{name} calls no tools by itself; use an adapter that writes tool calls as text"
    elif unknown:
        reason = f"{name} knows no option {unknown[0]!r}; leave it out"
    elif request.temperature is not None and not request.temperature >= 0:
        reason = f"temperature is {request.temperature}; it must be 0 (greedy) or more"
    elif request.max_tokens is not None and request.max_tokens < 1:
        reason = f"max_tokens is {request.max_tokens}; it must be 1 or more"
    elif request.n < 1:
        reason = f"n is {request.n}; it must be 1 or more"
    if reason is not None:
        raise RequestError(f"{reason}.")


def seed_of(request: Request, number: int) -> int:
    """The seed of one sampled reply: the same for the same seed, messages and number of the draw, and for nothing else."""
    if not request.temperature:
        return 0
    said = "\x00".join(f"{message.role}\x00{message.text}" for message in request.messages)
    base = f"{request.seed}\x00{request.sample}\x00{number}\x00{said}"
    return int.from_bytes(hashlib.sha256(base.encode("utf-8", errors="replace")).digest()[:8], "big")


async def streamed(
    request: Request, name: str, reply: Callable[[Request, Callable[[str], None]], Coroutine[Any, Any, Response]]
) -> AsyncGenerator[Delta | Response, None]:
    """What `reply` says while it works, piece by piece, and at last the complete `Response`.

    `reply` gets the request and a function to say a piece with, from any thread. Left early, it is cancelled. Raises
    `RequestError` if more than one reply is asked for.
    """
    if request.n != 1:
        message = f"{name} streams one reply at a time; leave out n={request.n}."
        raise RequestError(message)
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[str | None] = asyncio.Queue()

    def say(text: str) -> None:  # called in the thread that decodes
        loop.call_soon_threadsafe(pieces.put_nowait, text)

    answer = loop.create_task(reply(request, say))
    answer.add_done_callback(lambda _: pieces.put_nowait(None))
    try:
        while (piece := await pieces.get()) is not None:
            yield Delta(piece)
        yield await answer
    finally:
        answer.cancel()
