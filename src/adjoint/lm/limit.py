"""Limit: no more than so many requests in flight to one endpoint."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from adjoint.base.errors import UsageError
from adjoint.lm.base import Wrapper

if TYPE_CHECKING:
    from adjoint.lm.base import BaseLM
    from adjoint.lm.types import Request, Response


class Limit(Wrapper):
    """Takes a slot for the time of one request; a request that waits for a retry holds none."""

    def __init__(self, inner: BaseLM, concurrency: int) -> None:
        super().__init__(inner)
        if concurrency < 1:
            message = f"a concurrency of {concurrency} would wait for ever; give 1 or more."
            raise UsageError(message)
        self.slots = asyncio.Semaphore(concurrency)

    async def __call__(self, request: Request) -> Response:
        async with self.slots:
            return await self.inner(request)
