"""Short synchronous calls in threads: those of one turn of a loop share one, since to wake a thread costs more than they do.

No call can hold up the others for long, so they may even wait for each other: when the one under way begins to wait for the
portal, or after `_PATIENCE`, all that have not begun get threads of their own.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

T = TypeVar("T")
P = ParamSpec("P")

_PATIENCE = 0.02
"""Seconds that the calls of a turn may take in one thread."""


class _Call(Generic[T]):
    """A call in a copy of its caller's context, and what came of it."""

    __slots__ = ("ended", "error", "result", "work")

    def __init__(self, work: Callable[[], T], ended: asyncio.Future[None]) -> None:
        self.work, self.ended = work, ended
        self.result: T | None = None
        self.error: BaseException | None = None

    def perform(self) -> None:
        if self.ended.cancelled():
            return
        try:
            self.result = self.work()
        except BaseException as raised:  # noqa: BLE001 - whatever it is belongs to the one who waits, not to this thread
            self.error = raised

    def outcome(self) -> T:
        if self.error is not None:
            raise self.error
        return cast("T", self.result)


class _Turn:
    """The calls of one turn, in their order."""

    def __init__(self, loop: asyncio.AbstractEventLoop, threads: Executor) -> None:
        self.loop, self.threads = loop, threads
        self.waiting: deque[_Call[object]] = deque()
        self.ended: deque[_Call[object]] = deque()
        self._watch: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        if len(self.waiting) > 1:
            self._watch = self.loop.call_later(_PATIENCE, self.split)
        self.threads.submit(self._work)

    def split(self) -> None:
        """Give a thread to each call that has not begun. Those that have ended are told of it now."""
        self._tell()
        while (call := _first(self.waiting)) is not None:
            alone = _Turn(self.loop, self.threads)
            alone.waiting.append(call)
            alone.begin()

    def _work(self) -> None:
        _here.turn = self
        try:
            while (call := _first(self.waiting)) is not None:
                call.perform()
                self.ended.append(call)
        finally:
            _here.turn = None
        self.loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._tell()

    def _tell(self) -> None:
        while (call := _first(self.ended)) is not None:
            if not call.ended.done():
                call.ended.set_result(None)


class _Here(threading.local):
    """The turn whose calls this thread makes."""

    turn: _Turn | None = None


_here = _Here()
_turns: dict[asyncio.AbstractEventLoop, _Turn] = {}
"""The turns to which calls can still be added."""


async def in_turn(threads: Executor, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a synchronous function in one of the threads, together with all that are called in this turn of the loop."""
    loop = asyncio.get_running_loop()
    call = _Call(functools.partial(contextvars.copy_context().run, function, *args, **kwargs), loop.create_future())
    turn = _turns.get(loop)
    if turn is None:
        turn = _turns[loop] = _Turn(loop, threads)
        loop.call_soon(_begin, loop)
    turn.waiting.append(cast("_Call[object]", call))
    await call.ended
    return call.outcome()


def about_to_wait() -> None:
    """Let the calls that share this thread go on without the one that is about to wait."""
    turn = _here.turn
    if turn is not None and turn.waiting:
        turn.loop.call_soon_threadsafe(turn.split)


def _begin(loop: asyncio.AbstractEventLoop) -> None:
    _turns.pop(loop).begin()


def _first(calls: deque[_Call[object]]) -> _Call[object] | None:
    """Take the first call, from any thread."""
    try:
        return calls.popleft()
    except IndexError:
        return None
