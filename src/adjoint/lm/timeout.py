"""Timeout: one attempt ends after so many seconds, whatever the client does. Clients have finer limits of their own."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from adjoint.base.errors import TransportError
from adjoint.lm.base import Wrapper

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from adjoint.lm.base import BaseLM
    from adjoint.lm.types import Request, Response


@dataclass(eq=False, slots=True)
class _Attempt:
    """One attempt, the moment at which it must have ended, and whether it was ended because it had not."""

    task: asyncio.Task[Any]
    due: float
    late: bool = False


class Timeout(Wrapper):
    """Cancels an attempt that takes longer than `seconds`. Its reply may be billed all the same.

    All attempts may take equally long, so they are due in the order in which they begin: one clock for the first of them
    serves all, which for an LM that answers at once costs a sixth of an `asyncio.timeout` for each. An LM that says it has
    ended by itself before that (`ends_within`, in seconds) needs no second clock.
    """

    def __init__(self, inner: BaseLM, seconds: float) -> None:
        super().__init__(inner)
        self.seconds = seconds
        self._idle = getattr(inner, "ends_within", math.inf) <= seconds
        self._under_way: dict[_Attempt, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        """The loop on which the clock runs; None if it does not."""

    def __call__(self, request: Request) -> Coroutine[Any, Any, Response]:
        return self.inner(request) if self._idle else self._attempt(request)

    async def _attempt(self, request: Request) -> Response:
        attempt = self._begin()
        before = attempt.task.cancelling()
        try:
            return await self.inner(request)
        except asyncio.CancelledError as error:
            if not attempt.late or attempt.task.cancelling() > before + 1:  # somebody else cancelled it, perhaps too
                raise
            message = f"{self.name} did not answer within {self.seconds:g} s; the attempt was ended and may be made again."
            raise TransportError(message) from error
        finally:
            del self._under_way[attempt]
            if attempt.late:
                attempt.task.uncancel()

    def _begin(self) -> _Attempt:
        loop = asyncio.get_running_loop()
        attempt = _Attempt(cast("asyncio.Task[Any]", asyncio.current_task()), loop.time() + self.seconds)
        self._under_way[attempt] = None
        if self._loop is not loop:
            self._loop = loop
            loop.call_at(attempt.due, self._ring, loop)
        return attempt

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        """End what is due, and come again when the next one is."""
        if self._loop is not loop:
            return
        self._loop = None
        for attempt in self._under_way:
            if attempt.late:
                continue
            if attempt.due > loop.time():
                self._loop = loop
                loop.call_at(attempt.due, self._ring, loop)
                return
            attempt.late = True
            attempt.task.cancel()
