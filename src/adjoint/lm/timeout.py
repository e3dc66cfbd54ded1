"""Timeout: one attempt ends after so many seconds, whatever the client does. Clients have finer limits of their own."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from adjoint.base.errors import TransportError
from adjoint.lm.base import Wrapper

if TYPE_CHECKING:
    from adjoint.lm.base import BaseLM
    from adjoint.lm.types import Request, Response


class Timeout(Wrapper):
    """Cancels an attempt that takes longer than `seconds`. Its reply may be billed all the same.

    An LM that says it has ended by itself before that (`ends_within`, in seconds) needs no second clock.
    """

    def __init__(self, inner: BaseLM, seconds: float) -> None:
        super().__init__(inner)
        self.seconds = seconds
        self._idle = getattr(inner, "ends_within", math.inf) <= seconds

    async def __call__(self, request: Request) -> Response:
        if self._idle:
            return await self.inner(request)
        try:
            async with asyncio.timeout(self.seconds) as clock:
                return await self.inner(request)
        except TimeoutError as error:
            if not clock.expired():
                raise
            message = f"{self.name} did not answer within {self.seconds:g} s; the attempt was ended and may be made again."
            raise TransportError(message) from error
