"""Futures that nobody can cancel."""

from __future__ import annotations

import asyncio

from adjoint.base.lasting import Lasting


def test_who_is_cancelled_while_waiting_hears_of_it_when_the_thing_is_done():
    seen = []

    async def wait(thing):
        try:
            await thing
        except asyncio.CancelledError:
            seen.append(("cancelled, and the result is", thing.result()))
            raise

    async def run():
        thing: Lasting[str] = Lasting(loop=asyncio.get_running_loop())
        waiter = asyncio.create_task(wait(thing))
        await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.sleep(0.01)
        assert not waiter.done()
        thing.set_result("kept")
        await asyncio.gather(waiter, return_exceptions=True)
        assert waiter.cancelled()

    asyncio.run(run())
    assert seen == [("cancelled, and the result is", "kept")]


def test_a_time_limit_around_it_ends_after_it():
    async def run():
        loop = asyncio.get_running_loop()
        thing: Lasting[int] = Lasting(loop=loop)
        loop.call_later(0.05, thing.set_result, 1)
        try:
            async with asyncio.timeout(0.01):
                await thing
        except TimeoutError:
            return thing.result()

    assert asyncio.run(run()) == 1
