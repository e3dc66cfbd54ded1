"""One event loop on one thread for all LM traffic, and the synchronous face of asynchronous functions.

The rule (it avoids the deadlock of nested synchronous modules): synchronous code runs in the thread of its caller and
only asynchronous leaves hop to the loop; asynchronous code that must run a synchronous function gives it a thread of its
own, or lets short ones share one until one of them waits (`turns`). Threads are never rationed here, because a waiting
parent would hold the thread that its child needs.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from adjoint.base.errors import UsageError
from adjoint.base.turns import about_to_wait, in_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")
P = ParamSpec("P")

_MAX_THREADS = 4096
_TICK = 0.05
"""Seconds after which the main thread, while it waits, looks whether it was interrupted."""
_GRACE = 1.0
"""Seconds that a cancelled task gets to put away what it has received."""
_waiting: set[asyncio.AbstractEventLoop | None] = set()
"""Loops, other than the portal's own, on which a synchronous call waits just now; None stands for threads without a loop."""


class Portal:
    """A daemon thread that runs an event loop, started on first use and again after a fork."""

    def __init__(self) -> None:
        self._begin_anew()
        if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
            os.register_at_fork(after_in_child=self._begin_anew)

    def _begin_anew(self) -> None:
        """Without a loop: a forked child has none of its parent's threads."""
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._threads: ThreadPoolExecutor | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self._loop or self._started()

    @property
    def _pool(self) -> ThreadPoolExecutor:
        """The threads, which start with the loop."""
        if self._threads is None:
            self._started()
        return cast("ThreadPoolExecutor", self._threads)

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                made: Future[asyncio.AbstractEventLoop] = Future()
                threading.Thread(target=_serve, args=(made,), name="adjoint-loop", daemon=True).start()
                self._threads = ThreadPoolExecutor(_MAX_THREADS, thread_name_prefix="adjoint-forward")
                self._loop = made.result()
            return self._loop

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and wait for it in this thread, in a copy of this thread's context.

        Raises `UsageError` on the loop's own thread, where waiting would stop the world. An interrupt (Ctrl-C) while
        waiting cancels the coroutine, gives it a moment to keep what it has, and goes on.
        """
        loop, caller = self.loop, running_loop()
        if caller is loop:
            work.close()
            self.refuse_loop()
        about_to_wait()
        errand = _Errand(work)
        _waiting.add(caller)  # before the work can look
        loop.call_soon_threadsafe(errand.start)
        # In ticks: where the system gives a signal to another thread, or none to one that waits for a lock (Windows), or gives
        # it just before the wait begins, an endless wait would not notice the interrupt. Only the main thread gets any.
        tick = _TICK if threading.current_thread() is threading.main_thread() else -1
        try:
            while not errand.ended.acquire(timeout=tick):
                pass
        except KeyboardInterrupt:
            loop.call_soon_threadsafe(errand.cancel)
            errand.ended.acquire(timeout=_GRACE)  # until it has cleaned up
            raise
        finally:
            _waiting.discard(caller)
        return errand.task.result()

    def refuse_loop(self) -> None:
        """Raise `UsageError` on the loop's own thread, where nothing may wait."""
        if running_loop() is self.loop:
            message = "a synchronous call was made inside asynchronous code; write `await module.acall(...)` there instead."
            raise UsageError(message)

    def here(self, work: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        """To be awaited on any loop: a coroutine that must run on the portal's loop."""
        return on_loop(self.loop, work)

    async def in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a synchronous function in a thread of its own, in a copy of the current context."""
        call = functools.partial(contextvars.copy_context().run, function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def in_turn(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
        """`in_thread` for a function that is mostly short: calls of one turn of the loop share a thread while none of them waits."""
        return in_turn(self._pool, function, *args, **kwargs)


def _serve(made: Future[asyncio.AbstractEventLoop]) -> None:
    """Make the loop in its own thread: only the main thread gets interrupts, and one in the midst would leave half a loop."""
    loop = asyncio.new_event_loop()
    made.set_result(loop)
    loop.run_forever()


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs in this thread, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def on_loop(loop: asyncio.AbstractEventLoop | None, work: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
    """To be awaited on any loop: a coroutine that must run on this loop; on the loop itself that is the very same.

    Awaited, it raises `UsageError` if the loop cannot run it because it waits for the very call that this is a part of.
    """
    return work if loop is None or running_loop() is loop else _elsewhere(loop, work)


async def _elsewhere(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on another loop than this one."""
    if loop in _waiting:
        work.close()
        message = "a synchronous call holds up the event loop that it needs; write `await module.acall(...)` there instead."
        raise UsageError(message)
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))


class _Errand(Generic[T]):
    """Work that a thread sends to the loop, in a copy of its context, and the lock on which it waits for the end.

    `asyncio.run_coroutine_threadsafe` does the same with two futures and a condition, for half as much time again.
    """

    task: asyncio.Task[T]

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self.work, self.context, self.ended = work, contextvars.copy_context(), threading.Lock()
        self.ended.acquire()

    def start(self) -> None:
        self.task = asyncio.get_running_loop().create_task(self.work, context=self.context)
        self.task.add_done_callback(lambda _: self.ended.release())

    def cancel(self) -> None:
        self.task.cancel()


portal = Portal()
"""The one portal of the process."""
