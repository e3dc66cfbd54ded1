"""Batch: requests that come at the same moment go as one, where a provider takes many texts in one call."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from adjoint.lm.base import Wrapper
from adjoint.lm.types import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from adjoint.lm.base import BaseLM
    from adjoint.lm.types import Request, Response


class Batch(Wrapper):
    """Collects the requests of one turn of the loop, each of one message, and asks at most `size` of them in one call.

    The LM inside answers a request of many messages with one text each: `text` and `others`. What the call cost is
    divided among its texts without a rest, so that the parts add up to the whole; all have the options of the first.
    """

    def __init__(self, inner: BaseLM, size: int) -> None:
        super().__init__(inner)
        self.size = size
        self._waiting: list[tuple[Request, asyncio.Future[Response]]] = []

    async def __call__(self, request: Request) -> Response:
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._send)
        reply: asyncio.Future[Response] = loop.create_future()
        self._waiting.append((request, reply))
        return await reply

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        for start in range(0, len(waiting), self.size):
            batch = waiting[start : start + self.size]
            _Call([reply for _, reply in batch]).begin(self.inner, [request for request, _ in batch])


class _Call:
    """One call for several who wait; it is given up when all of them are gone."""

    def __init__(self, replies: list[asyncio.Future[Response]]) -> None:
        self.replies = replies

    def begin(self, lm: BaseLM, requests: Sequence[Request]) -> None:
        messages = tuple(message for request in requests for message in request.messages)
        task = asyncio.ensure_future(lm(requests[0].with_options(messages=messages)))
        task.add_done_callback(self._end)

        def left(reply: asyncio.Future[Response]) -> None:
            if reply.cancelled() and all(one.done() for one in self.replies):
                task.cancel()

        for reply in self.replies:
            reply.add_done_callback(left)

    def _end(self, task: asyncio.Task[Response]) -> None:
        """Tell everybody who still waits how it ended, whatever it was."""
        error = None if task.cancelled() else task.exception()
        parts = iter(()) if task.cancelled() or error else divided(task.result(), len(self.replies))
        for reply in self.replies:
            part = next(parts, None)
            if reply.done():
                continue
            if error is not None:
                reply.set_exception(error)
                reply.exception()  # marks it as seen: who waits may be cancelled because of the same error elsewhere
            elif part is None:
                reply.cancel()
            else:
                reply.set_result(part)


def divided(response: Response, count: int) -> Iterator[Response]:
    """The texts of a response, each as a response of its own; the first one carries the call."""
    usage, texts = response.usage, (response.text, *response.others)
    for number, text in enumerate(texts):
        tokens_in, tokens_out = (_share(total, number, count) for total in (usage.input_tokens, usage.output_tokens))
        usd = None if usage.usd is None else usage.usd / count
        yield replace(response, text=text, others=(), usage=Usage(usage.calls if number == 0 else 0, tokens_in, tokens_out, usd))


def _share(total: int, number: int, count: int) -> int:
    """One of `count` nearly equal whole parts that add up to the total."""
    return total * (number + 1) // count - total * number // count
