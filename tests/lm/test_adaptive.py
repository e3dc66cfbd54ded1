"""Limits that adapt: they find what an endpoint takes, share its wishes, and hold no slot for who waits."""

from __future__ import annotations

import asyncio
import time

import pytest

from adjoint.base.errors import RateLimitError, RequestError, ServerError, TransportError
from adjoint.lm.endpoint import START, Endpoint
from adjoint.lm.limit import Limit, Slots
from adjoint.lm.retry import Retry, RetryPolicy
from adjoint.lm.timeout import Timeout
from adjoint.lm.types import Message, Request, Response
from adjoint.program.context import _shared, _slots
from adjoint.program.lm import LM
from adjoint.testing import FakeProvider, ScriptedLM


def ask(text="q"):
    return Request((Message("user", text),))


class Server:
    """Takes so many requests at once, or so many a second, and refuses the others."""

    name = identity = "server"

    def __init__(self, *, at_once=None, rate=None, burst=5, seconds=0.01, say=True):
        self.at_once, self.rate, self.burst, self.seconds, self.say = at_once, rate, burst, seconds, say
        self.in_flight = self.peak = self.answered = self.refused = 0
        self.tokens, self.filled = float(burst), time.monotonic()
        self.refusals = []

    async def __call__(self, request):
        now = time.monotonic()
        if self.rate is not None:
            self.tokens = min(self.burst, self.tokens + (now - self.filled) * self.rate)
            self.filled = now
            if self.tokens < 1:
                self.refused += 1
                self.refusals.append(now)
                raise RateLimitError("429", retry_after=(1 - self.tokens) / self.rate if self.say else None)
            self.tokens -= 1
        if self.at_once is not None and self.in_flight >= self.at_once:
            self.refused += 1
            raise RateLimitError("429")
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        await asyncio.sleep(self.seconds)
        self.in_flight -= 1
        self.answered += 1
        return Response("x")


async def storm(lm, tasks, seconds):
    """So many callers ask one after the other for some time; the number of answers in the second half."""
    end = time.monotonic() + seconds

    async def caller():
        while time.monotonic() < end:
            await lm(ask())

    await asyncio.gather(*(caller() for _ in range(tasks)))


def test_the_limit_grows_to_what_the_callers_need_while_nothing_is_refused():
    server = Server()
    limit = Limit(server)
    asyncio.run(storm(limit, 64, 0.5))
    assert server.peak == 64 > START
    assert server.refused == 0


def test_it_stays_near_the_number_that_the_server_takes():
    server = Server(at_once=10, seconds=0.05)
    lm = Retry(Limit(server), RetryPolicy(attempts=50, base=0.001))
    asyncio.run(storm(lm, 40, 2.0))
    assert server.answered > 0.5 * 2.0 * 10 / 0.05
    assert server.refused < 0.1 * server.answered


@pytest.mark.parametrize("say", [True, False], ids=["with Retry-After", "without"])
def test_a_rate_limit_is_found_and_used(say):
    server = Server(rate=50, seconds=0.02, say=say)
    lm = Retry(Limit(server), RetryPolicy(attempts=100, base=0.01))

    async def story():
        await storm(lm, 32, 0.8)
        before, refused = server.answered, server.refused
        await storm(lm, 32, 2.0)
        return server.answered - before, server.refused - refused

    answered, refused = asyncio.run(story())
    assert answered >= 0.7 * 100
    assert refused <= 0.06 * answered


def test_one_burst_of_refusals_counts_once():
    endpoint = Endpoint(start=20)

    async def story():
        generations = [await endpoint.enter() for _ in range(20)]
        for generation in generations:
            endpoint.refused(generation, 0.0, close=True)

    asyncio.run(story())
    assert endpoint.limit == 16.0
    assert endpoint.refusals == 20


def test_what_one_caller_is_told_to_wait_all_callers_of_the_endpoint_wait():
    answers = iter([RateLimitError("429", retry_after=0.2)])
    lm = ScriptedLM(lambda _: next(answers, "ok"))
    slots = Slots()
    first, other = slots.around(lm), Slots(4, slots.endpoint).around(lm)

    async def story():
        with pytest.raises(RateLimitError):
            await first(ask())
        started = time.monotonic()
        await other(ask())
        return time.monotonic() - started

    assert asyncio.run(story()) >= 0.19


def test_a_server_error_without_a_wish_slows_nobody_down():
    endpoint = Slots()

    async def story():
        errors = (ServerError("x"), TransportError("x"), RequestError("x"))
        await asyncio.gather(*(endpoint.around(ScriptedLM([error]))(ask()) for error in errors), return_exceptions=True)

    asyncio.run(story())
    assert (endpoint.endpoint.limit, endpoint.endpoint.rate, endpoint.endpoint.in_flight) == (START, None, 0)


def test_a_cap_of_ones_own_stays_below_what_the_endpoint_takes():
    server = Server()
    asyncio.run(storm(Limit(server, 3), 30, 0.2))
    assert server.peak == 3


def test_cancelled_callers_leave_no_slot_behind():
    endpoint = Endpoint(start=2)
    limit = Slots(endpoint=endpoint).around(ScriptedLM(lambda _: "x", delay=0.05))

    async def story():
        tasks = [asyncio.ensure_future(limit(ask())) for _ in range(20)]
        await asyncio.sleep(0.01)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.wait_for(limit(ask()), 1)

    asyncio.run(story())
    assert endpoint.in_flight == 0


def test_handles_on_one_endpoint_with_one_key_share_its_slots_and_other_keys_do_not():
    def endpoint(**options):
        lm = LM("openai/x", base_url="http://localhost:1/v1", **options)
        return _slots(lm, _shared).endpoint

    assert endpoint(api_key="sk-one-0001") is endpoint(api_key="sk-one-0001", temperature=1.0, concurrency=4)
    assert endpoint(api_key="sk-one-0001") is not endpoint(api_key="sk-two-0002")


def test_an_attempt_that_hangs_is_ended_and_made_again():
    count = iter(range(9))

    async def answer(_):
        if next(count) == 0:
            await asyncio.sleep(60)
        return "x"

    lm = Retry(Timeout(ScriptedLM(answer), 0.1), RetryPolicy(base=0.0))
    assert asyncio.run(asyncio.wait_for(lm(ask()), 2)).text == "x"
    with pytest.raises(TransportError, match=r"did not answer within 0\.1 s") as caught:
        asyncio.run(Timeout(ScriptedLM(["x"], delay=9), 0.1)(ask()))
    assert caught.value.maybe_billed


def test_one_clock_ends_each_attempt_in_its_own_time_and_no_other():
    async def answer(request):
        await asyncio.sleep(60 if request.messages[-1].text == "hang" else 0.02)
        return "x"

    lm = Timeout(ScriptedLM(answer), 0.3)

    async def later(seconds, text):
        await asyncio.sleep(seconds)
        started = time.monotonic()
        try:
            return (await lm(ask(text))).text, 0.0
        except TransportError:
            return "late", time.monotonic() - started

    async def all_at_once():
        asked = [(0.0, "hang"), (0.1, "a"), (0.2, "hang"), (0.25, "b"), (0.7, "c"), (0.75, "hang")]
        return await asyncio.gather(*(later(*one) for one in asked))

    found = asyncio.run(all_at_once())
    assert [text for text, _ in found] == ["late", "x", "late", "x", "x", "late"]
    assert all(seconds >= 0.29 for text, seconds in found if text == "late")


def test_a_cancelled_attempt_is_cancelled_and_no_timeout():
    async def cancelled():
        task = asyncio.create_task(Timeout(ScriptedLM(["x"], delay=9), 5.0)(ask()))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return task.cancelled()

    assert asyncio.run(cancelled())


@pytest.mark.parametrize(("own", "policy", "who"), [(0.1, 9.0, "Raise the timeout"), (9.0, 0.1, "the attempt was ended")])
def test_the_shorter_limit_of_client_and_policy_ends_an_attempt(own, policy, who):
    with FakeProvider(faults=["hang"]) as provider:
        lm = LM("openai/m", base_url=provider.base_url, api_key="any", timeout=own)
        with pytest.raises(TransportError, match=who):
            asyncio.run(Timeout(lm, policy)(ask()))
