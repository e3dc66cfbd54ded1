"""An endpoint as all its callers see it: how many requests and how many a second it takes, found out while asking.

Both limits follow "additive increase, multiplicative decrease": they grow while answers come and shrink on a 429. One
burst of refusals counts once: only a refusal of a request that was sent after the last decrease decreases again.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque

START = 20
"""Requests in flight to an endpoint of which nothing is known."""
CEILING = 512
_DECREASE = 0.8
_RATE_DECREASE = 0.9
_RATE_GROWTH = 0.01
"""Growth of the rate in a second, as a part of it; the longer nothing was refused, the faster."""
_RATE_RETURN = 0.2
"""The same while the rate is well below the one that was last too much."""
_WINDOW = 2.0
"""Seconds over which answers are counted to know the rate that the endpoint bears."""
_SETTLE = 0.5
"""Seconds that a new pace gets before it is slowed down again."""
_PAUSE = 0.02
"""Seconds that nobody asks after a refusal that names no time."""
_LONGEST_PAUSE = 60.0


class Endpoint:
    """Slots and pace of one endpoint. Used from the portal's loop only, so it needs no lock."""

    def __init__(self, start: int = START, ceiling: int = CEILING) -> None:
        self.limit = float(min(start, ceiling))
        self.rate: float | None = None
        """Requests a second; None until the endpoint has refused one."""
        self.in_flight = 0
        self.refusals = 0
        self._ceiling = ceiling
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._answers: deque[float] = deque()
        self._generation = 0
        self._slowed_at = 0.0
        self._too_much = 0.0
        self._closed_until = 0.0
        self._next = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def expect(self, concurrency: int) -> None:
        """A caller knows that the endpoint takes so many; believed until the endpoint refuses."""
        if not self._generation:
            self.limit = max(self.limit, float(min(concurrency, self._ceiling)))

    async def enter(self) -> int:
        """Wait for a slot and for the moment to use it; the number returned goes back with the outcome."""
        if self._waiting or not self._open():
            place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            self._admit()
            try:
                await place
            except asyncio.CancelledError:
                if place.done() and not place.cancelled():
                    self._back()  # the slot was given and will not be used
                else:
                    self._waiting.remove(place)
                raise
        else:
            self._take()
        return self._generation

    def answered(self) -> None:
        """A request has ended as it should."""
        now = time.monotonic()
        full = self.in_flight >= int(self.limit)
        self._answers.append(now)
        while self._answers and self._answers[0] < now - _WINDOW:
            self._answers.popleft()
        if full:
            self.limit = min(self._ceiling, self.limit + (1 / self.limit if self._generation else 1.0))
        if self.rate is not None:
            growth = _RATE_RETURN if self.rate < 0.95 * self._too_much else _RATE_GROWTH * (1 + now - self._slowed_at)
            self.rate *= 1 + growth / max(self.rate, 1.0)
        self._back()

    def failed(self) -> None:
        """A request has ended in a way that says nothing about the load."""
        self._back()

    def refused(self, generation: int, retry_after: float | None, *, close: bool) -> None:
        """The endpoint has said that it is too much. `close`: nobody asks until the time that it named is over."""
        now = time.monotonic()
        self.refusals += 1
        if generation == self._generation:
            if close:
                self._slow_down(now)
            self.limit = max(1.0, self.limit * _DECREASE)
            self._generation += 1
        if close:
            self._closed_until = max(
                self._closed_until, now + min(_PAUSE if retry_after is None else retry_after, _LONGEST_PAUSE)
            )
        self._back()

    def _slow_down(self, now: float) -> None:
        """The new pace is a little below what was answered lately; without answers nothing is known about it."""
        lately = [at for at in self._answers if at > now - _WINDOW]
        if not lately or (self.rate is not None and now - self._slowed_at < _SETTLE):
            return
        borne = len(lately) / min(_WINDOW, max(now - lately[0], _PAUSE))
        self._too_much = borne if self.rate is None else min(self.rate, max(borne, self.rate / 2))
        self.rate, self._slowed_at = _RATE_DECREASE * self._too_much, now

    def _open(self) -> bool:
        now = time.monotonic()
        return self.in_flight < int(self.limit) and now >= self._closed_until and now >= self._next

    def _take(self) -> None:
        self.in_flight += 1
        if self.rate is not None:
            self._next = max(self._next, time.monotonic() - 1 / self.rate) + 1 / self.rate

    def _back(self) -> None:
        self.in_flight -= 1
        self._admit()

    def _admit(self) -> None:
        """Let in who may, and look again when the next moment has come."""
        if not self._waiting:
            return
        while self._waiting and self._open():
            place = self._waiting.popleft()
            if not place.done():
                self._take()
                place.set_result(None)
        wait = max(self._closed_until, self._next) - time.monotonic()
        if self._waiting and wait > 0 and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(wait, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._admit()
