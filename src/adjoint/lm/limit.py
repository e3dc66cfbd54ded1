"""Limit: no more requests in flight to one endpoint than it takes, and none while it has asked everybody to wait."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import LMError, RateLimitError, UsageError
from adjoint.lm.base import Wrapper
from adjoint.lm.endpoint import Endpoint

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from adjoint.lm.base import BaseLM
    from adjoint.lm.types import Request, Response


class Slots:
    """What an LM may have in flight: its endpoint's limit, which adapts, and a fixed cap of its own below it."""

    def __init__(self, concurrency: int | None = None, endpoint: Endpoint | None = None) -> None:
        if concurrency is not None and concurrency < 1:
            message = f"a concurrency of {concurrency} would wait for ever; give 1 or more."
            raise UsageError(message)
        self.endpoint = endpoint or Endpoint()
        if concurrency is not None:
            self.endpoint.expect(concurrency)
        self.cap = None if concurrency is None else asyncio.Semaphore(concurrency)

    def around(self, inner: BaseLM) -> Limit:
        """An LM that takes these slots."""
        return Limit(inner, slots=self)


class Limit(Wrapper):
    """Takes a slot for the time of one request; a request that waits for a retry holds none."""

    def __init__(self, inner: BaseLM, concurrency: int | None = None, *, slots: Slots | None = None) -> None:
        super().__init__(inner)
        self.slots = slots or Slots(concurrency)
        self.endpoint = self.slots.endpoint

    def __call__(self, request: Request) -> Coroutine[Any, Any, Response]:
        return self._ask(request) if self.slots.cap is None else self._within(self.slots.cap, request)

    async def _within(self, cap: asyncio.Semaphore, request: Request) -> Response:
        async with cap:
            return await self._ask(request)

    async def _ask(self, request: Request) -> Response:
        generation = await self.endpoint.enter()
        try:
            response = await self.inner(request)
        except LMError as error:
            self._learn(error, generation)
            raise
        except BaseException:
            self.endpoint.failed()
            raise
        self.endpoint.answered()
        return response

    def _learn(self, error: LMError, generation: int) -> None:
        """A 429 slows everybody down and closes the endpoint for the time it names; an overloaded server only gets less."""
        if isinstance(error, RateLimitError):
            self.endpoint.refused(generation, error.retry_after, close=True)
        elif error.retryable and error.retry_after is not None:
            self.endpoint.refused(generation, None, close=False)
        else:
            self.endpoint.failed()
