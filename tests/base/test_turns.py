"""Short synchronous calls share a thread, and none of them holds up the others."""

import asyncio
import contextvars
import threading

import adjoint
from adjoint.base.portal import portal
from adjoint.testing import ScriptedLM

place = contextvars.ContextVar("place", default="nowhere")


def together(*functions):
    """Call all of them in one turn of the loop."""

    async def calls():
        return await asyncio.gather(*(portal.in_turn(function) for function in functions), return_exceptions=True)

    return portal.run(asyncio.wait_for(calls(), 20))


def test_calls_of_one_turn_share_a_thread_that_is_not_the_loops():
    async def loops():
        return threading.get_ident()

    found = together(*[threading.get_ident] * 50)
    assert len(set(found)) == 1
    assert found[0] != portal.run(loops())


def test_calls_may_wait_for_each_other():
    barrier = threading.Barrier(64, timeout=10)
    assert len(set(together(*[barrier.wait] * 64))) == 64


def test_a_call_that_blocks_holds_up_neither_those_before_it_nor_those_after_it():
    released = threading.Event()

    async def calls():
        before, blocked, after = (portal.in_turn(function) for function in (str, lambda: released.wait(10), str))
        waiting = asyncio.ensure_future(blocked)
        first, last = asyncio.ensure_future(before), asyncio.ensure_future(after)
        await asyncio.gather(first, last)
        released.set()
        return await waiting

    assert portal.run(asyncio.wait_for(calls(), 20))


def test_a_call_that_waits_for_the_portal_lets_the_others_go_on_at_once(monkeypatch):
    monkeypatch.setattr("adjoint.base.turns._PATIENCE", 3600)
    rest = asyncio.Event()

    def release():
        portal.loop.call_soon_threadsafe(rest.set)

    assert together(lambda: portal.run(rest.wait()), release) == [True, None]


def test_programs_inside_short_calls_do_not_hang():
    program = adjoint.Predict("q -> a")
    with adjoint.context(lm=ScriptedLM(lambda request: request.messages[-1].text, delay=0.001), ledger=None):
        found = together(*[lambda: together(*[lambda: program(q="deep").a] * 8)] * 8)
    assert found == [["deep"] * 8] * 8


def test_each_call_sees_the_context_of_its_caller_and_changes_only_a_copy():
    async def one(name):
        place.set(name)
        await portal.in_turn(lambda: place.set(place.get() + " changed"))
        return place.get()

    async def calls():
        return await asyncio.gather(*(one(name) for name in "abc"))

    assert portal.run(calls()) == ["a", "b", "c"]


def test_what_a_call_raises_is_its_own_even_if_it_is_the_end_of_an_iteration():
    found = together(lambda: 1 // 0, lambda: next(iter(())), lambda: "fine")
    assert [type(one) for one in found] == [ZeroDivisionError, RuntimeError, str]


def test_a_call_that_nobody_waits_for_any_more_is_not_begun():
    done = []

    async def calls():
        tasks = [asyncio.ensure_future(portal.in_turn(done.append, number)) for number in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    portal.run(calls())
    assert done == [0, 2]


def test_calls_may_be_made_from_any_loop():
    async def calls():
        return await asyncio.gather(*(portal.in_turn(int, number) for number in range(5)))

    assert asyncio.run(calls()) == list(range(5))
