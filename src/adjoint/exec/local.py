"""The local executor: tasks on this process's event loop, never more than a limit at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from adjoint.base.collector import collections_put_off
from adjoint.base.errors import UsageError
from adjoint.exec.base import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable

I = TypeVar("I")  # noqa: E741
R = TypeVar("R")


class Local:
    """Starts items in order; when one raises or the consumer stops, the others are cancelled and waited for."""

    async def map(
        self, task: Callable[[I], Coroutine[Any, Any, R]], items: Iterable[I], *, limit: int
    ) -> AsyncGenerator[Outcome[R]]:
        if limit < 1:
            message = f"limit={limit} would run nothing; give 1 or more."
            raise UsageError(message)
        waiting, start = enumerate(items), asyncio.get_running_loop().create_task
        running: dict[asyncio.Task[R], int] = {}
        over: list[asyncio.Task[R]] = []
        some_ended = asyncio.Event()

        def end(one: asyncio.Task[R]) -> None:
            over.append(one)
            some_ended.set()

        def fill() -> None:
            while len(running) < limit and (item := next(waiting, None)) is not None:
                started = start(task(item[1]))
                started.add_done_callback(end)
                running[started] = item[0]

        with collections_put_off():
            try:
                fill()
                while running:
                    await some_ended.wait()
                    done = sorted((running.pop(one), one) for one in over)
                    over.clear()
                    some_ended.clear()
                    for _, one in done:
                        if not one.cancelled():
                            one.exception()  # marks it as seen: when several raise at once, only the first is passed on
                    fill()
                    for index, one in done:
                        yield Outcome(index, one.result())
            finally:
                await stop(running)


async def stop(running: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until they have ended."""
    tasks = list(running)
    for one in tasks:
        one.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def all_of(work: Iterable[Awaitable[R]]) -> list[R]:
    """Await everything at once and give the results in order.

    If some raise, the others still come to their end (they may be paid for), and then the first error in order is raised.
    """
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]


async def ended(futures: Iterable[asyncio.Future[Any]]) -> None:
    """Wait until all of these have ended, and raise the first error in order. Those that have ended already cost nothing."""
    known = list(futures)
    waiting = [one for one in known if not one.done()]
    if waiting:
        await asyncio.wait(waiting)
    errors = [error for one in known if (error := one.exception()) is not None]
    if errors:
        raise errors[0]
