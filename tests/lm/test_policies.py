"""The policies around a model: cache, retry, limit and budget, each alone and together."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Any

import pytest

from adjoint.base.errors import (
    AuthError,
    BudgetExceeded,
    LedgerError,
    LMError,
    RateLimitError,
    RequestError,
    ServerError,
    TransportError,
    UsageError,
)
from adjoint.base.lasting import Lasting
from adjoint.lm.bounds import upper_bound
from adjoint.lm.budget import Account, Budget
from adjoint.lm.cache import Cache, Replies
from adjoint.lm.limit import Limit
from adjoint.lm.retry import Retry, RetryPolicy
from adjoint.lm.spend import Spend
from adjoint.lm.types import Message, Request, Response, Usage
from adjoint.testing import ScriptedLM

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from adjoint.lm.base import BaseLM
    from adjoint.lm.cache import Reply
    from adjoint.lm.types import CacheMode


def ask(text: str = "q", **options: Any) -> Request:
    return Request((Message("user", text),), **options)


def echo(request: Request) -> str:
    return request.messages[-1].content


def scripted(answers: Any = echo, **options: Any) -> ScriptedLM:
    return ScriptedLM(answers, **{"identity": "me", **options})


def cached(inner: BaseLM, replies: Replies | None = None, *, mode: CacheMode = "on", account: Account | None = None) -> Cache:
    return Cache(inner, Replies() if replies is None else replies, mode=mode, account=account, role="task")


async def together(*calls: Coroutine[Any, Any, Response]) -> list[Response | BaseException]:
    return await asyncio.gather(*calls, return_exceptions=True)


class Shelf:
    """A store in memory that can be slow or broken."""

    def __init__(self, *, delay: float = 0.0, broken: bool = False) -> None:
        self.kept: dict[str, Reply] = {}
        self.delay, self.broken = delay, broken

    def get(self, key: str) -> Reply | None:
        return self.kept.get(key)

    def put(self, reply: Reply) -> Lasting[None]:
        loop = asyncio.get_running_loop()
        safe: Lasting[None] = Lasting(loop=loop)
        loop.call_later(self.delay, self._end, reply, safe)
        return safe

    def _end(self, reply: Reply, safe: Lasting[None]) -> None:
        if self.broken:
            safe.set_exception(LedgerError("disk full"))
        else:
            self.kept[reply.key] = reply
            safe.set_result(None)


# Cache


def test_eight_equal_calls_at_once_are_one_request() -> None:
    lm = scripted(delay=0.02)
    cache = cached(lm)
    found = asyncio.run(together(*(cache(ask()) for _ in range(8))))
    assert len(lm.requests) == 1
    assert [reply.text for reply in found if isinstance(reply, Response)] == ["q"] * 8
    assert sum(reply.usage.calls for reply in found if isinstance(reply, Response)) == 1
    assert sum(reply.cached for reply in found if isinstance(reply, Response)) == 7


def test_a_reply_is_kept_and_a_hit_is_free() -> None:
    lm, replies = scripted(), Replies()

    async def twice() -> Response:
        await cached(lm, replies)(ask())
        return await cached(lm, replies)(ask())

    hit = asyncio.run(twice())
    assert (hit.cached, hit.usage) == (True, Usage(0, 1, 1, 0.0))
    assert len(lm.requests) == 1


def test_requests_that_differ_and_repeated_samples_are_asked() -> None:
    lm = scripted()
    cache = cached(lm)
    asks = [ask(), ask("other"), ask(sample=1), ask(temperature=1.0), ask(seed=0), ask(max_tokens=5)]
    asyncio.run(together(*map(cache, asks)))
    assert len(lm.requests) == len(asks)


def test_the_same_model_at_another_endpoint_never_hits() -> None:
    replies, here, there = Replies(), scripted(identity="m@here"), scripted(identity="m@there")
    asyncio.run(together(cached(here, replies)(ask()), cached(there, replies)(ask())))
    assert (len(here.requests), len(there.requests)) == (1, 1)


def test_an_lm_without_identity_is_never_cached() -> None:
    lm = scripted(identity=None)
    cache = cached(lm)
    asyncio.run(together(cache(ask()), cache(ask())))
    assert len(lm.requests) == 2


def test_a_failure_is_shared_by_those_who_wait_and_never_kept() -> None:
    lm = scripted([ServerError("down"), "up"], delay=0.01)
    cache = cached(lm)

    async def story() -> tuple[list[Response | BaseException], Response]:
        return await together(*(cache(ask()) for _ in range(4))), await cache(ask())

    first, then = asyncio.run(story())
    assert all(isinstance(error, ServerError) for error in first)
    assert (then.text, len(lm.requests)) == ("up", 2)


def test_when_the_asker_is_cancelled_one_waiter_asks_in_its_place() -> None:
    lm = scripted(delay=0.03)
    cache = cached(lm)

    async def story() -> list[Response | BaseException]:
        asker = asyncio.create_task(cache(ask()))
        await asyncio.sleep(0.005)
        waiters = [asyncio.create_task(cache(ask())) for _ in range(5)]
        await asyncio.sleep(0.005)
        asker.cancel()
        return list(await asyncio.gather(asker, *waiters, return_exceptions=True))

    asker, *waiters = asyncio.run(story())
    assert isinstance(asker, asyncio.CancelledError)
    assert [reply.text for reply in waiters if isinstance(reply, Response)] == ["q"] * 5
    assert len(lm.requests) == 2


def test_a_cancelled_waiter_leaves_alone_and_the_others_get_the_reply() -> None:
    lm = scripted(delay=0.03)
    cache = cached(lm)

    async def story() -> list[Response | BaseException]:
        tasks = [asyncio.create_task(cache(ask())) for _ in range(3)]
        await asyncio.sleep(0.005)
        tasks[1].cancel()
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    first, second, third = asyncio.run(story())
    assert isinstance(second, asyncio.CancelledError)
    assert isinstance(first, Response)
    assert isinstance(third, Response)
    assert len(lm.requests) == 1


def test_a_reply_that_has_arrived_is_kept_and_shared_even_if_its_asker_is_cancelled() -> None:
    lm, shelf = scripted(), Shelf(delay=0.03)
    cache = cached(lm, Replies(shelf))

    async def story() -> Response:
        asker = asyncio.create_task(cache(ask()))
        await asyncio.sleep(0.01)
        waiter = asyncio.create_task(cache(ask()))
        await asyncio.sleep(0)
        asker.cancel()
        return await waiter

    assert asyncio.run(story()).text == "q"
    assert (len(lm.requests), len(shelf.kept)) == (1, 1)


def test_nobody_sees_a_reply_before_it_is_safe() -> None:
    lm, shelf = scripted(), Shelf(broken=True)
    cache = cached(lm, Replies(shelf))
    found = asyncio.run(together(cache(ask()), cache(ask())))
    assert [type(error) for error in found] == [LedgerError, LedgerError]
    assert len(lm.requests) == 1
    assert not cache.replies.flights


def test_a_spent_budget_of_the_asker_is_not_that_of_those_who_wait() -> None:
    lm, replies = scripted(delay=0.01), Replies()
    poor, rich = Account(Budget(calls=1)), Account(Budget(calls=9))

    async def story() -> list[Response | BaseException]:
        slow = cached(Retry(Spend(lm, poor), RetryPolicy()), replies, account=poor)
        await slow(ask("first"))
        other = cached(Spend(lm, rich), replies, account=rich)

        async def later(request: Request) -> str:
            await asyncio.sleep(0.01)
            raise BudgetExceeded("spent")

        broke = cached(scripted(later), replies, account=poor)
        return await together(broke(ask("second")), other(ask("second")))

    first, second = asyncio.run(story())
    assert isinstance(first, BudgetExceeded)
    assert isinstance(second, Response)


def test_mode_off_neither_reads_nor_writes() -> None:
    lm, shelf = scripted(), Shelf()
    cache = cached(lm, Replies(shelf), mode="off")
    asyncio.run(together(cache(ask()), cache(ask())))
    assert (len(lm.requests), shelf.kept) == (2, {})


def test_mode_refresh_asks_anew_and_writes() -> None:
    lm, replies = scripted(["old", "new"]), Replies()

    async def story() -> list[str]:
        old = await cached(lm, replies)(ask())
        new = await cached(lm, replies, mode="refresh")(ask())
        hit = await cached(lm, replies)(ask())
        return [old.text, new.text, hit.text]

    assert asyncio.run(story()) == ["old", "new", "new"]


def test_mode_only_never_asks() -> None:
    lm, replies = scripted(), Replies()

    async def story() -> Response:
        with pytest.raises(LMError, match="cache='only' forbids"):
            await cached(lm, replies, mode="only")(ask())
        await cached(lm, replies)(ask())
        return await cached(lm, replies, mode="only")(ask())

    assert asyncio.run(story()).cached
    assert len(lm.requests) == 1


def test_the_memory_tier_is_bounded_and_the_store_stands_behind_it() -> None:
    lm, shelf = scripted(), Shelf()
    cache = cached(lm, Replies(shelf, remember=2))

    async def story() -> None:
        for text in ("a", "b", "c", "a"):
            await cache(ask(text))

    asyncio.run(story())
    assert (len(lm.requests), len(shelf.kept), len(cache.replies._memory)) == (3, 3, 2)


def test_a_reply_paid_in_this_life_is_not_counted_again_when_it_is_found() -> None:
    lm, account = scripted(), Account(payer="run-1")
    cache = cached(Spend(lm, account), account=account)

    async def story() -> None:
        for _ in range(3):
            await cache(ask())

    asyncio.run(story())
    assert account.spent.calls == 1


def test_a_reply_that_an_earlier_life_of_the_run_paid_counts_once() -> None:
    shelf, first, second, other = Shelf(), Account(payer="run-1"), Account(payer="run-1"), Account(payer="run-2")

    async def story() -> None:
        for account in (first, second, other):
            cache = cached(Spend(scripted(), account), Replies(shelf), account=account)
            await cache(ask())
            await cache(ask())

    asyncio.run(story())
    assert (first.spent, second.spent) == (Usage(1, 1, 1, 0.0), Usage(1, 1, 1, 0.0))
    assert other.spent == Usage(), "another run's reply is free"


# Retry


def test_errors_that_may_pass_are_tried_again() -> None:
    lm = scripted([RateLimitError("a"), ServerError("b"), TransportError("c"), "answer"])
    assert asyncio.run(Retry(lm, RetryPolicy(base=0.0))(ask())).text == "answer"


@pytest.mark.parametrize("error", [AuthError("no key"), RequestError("bad"), BudgetExceeded("spent"), UsageError("wrong")])
def test_errors_that_stay_end_at_once(error: Exception) -> None:
    lm = scripted([error])
    with pytest.raises(type(error)):
        asyncio.run(Retry(lm, RetryPolicy())(ask()))
    assert len(lm.requests) == 1


def test_after_the_last_attempt_the_error_stands() -> None:
    lm = scripted([ServerError(str(number)) for number in range(9)])
    with pytest.raises(ServerError, match="2"):
        asyncio.run(Retry(lm, RetryPolicy(attempts=3, base=0.0))(ask()))
    assert len(lm.requests) == 3
    with pytest.raises(UsageError, match="1 or more"):
        RetryPolicy(attempts=0)


def test_a_wait_beyond_the_deadline_is_not_waited() -> None:
    lm = scripted([RateLimitError("later", retry_after=60.0)])
    started = time.monotonic()
    with pytest.raises(RateLimitError):
        asyncio.run(Retry(lm, RetryPolicy(deadline=5.0))(ask()))
    assert time.monotonic() - started < 1.0


def test_a_wait_is_never_shorter_than_asked_and_never_longer_than_the_longest() -> None:
    retry = Retry(scripted(), RetryPolicy(base=0.5, longest=2.0))
    assert all(0.0 <= retry._wait(attempt, ServerError("")) <= 2.0 for attempt in range(40))
    assert retry._wait(0, ServerError("", retry_after=7.0)) == 7.0


# Limit


def test_no_more_than_the_limit_is_in_flight_and_slots_come_back_after_errors() -> None:
    lm = scripted(lambda request: ServerError("x") if "3" in echo(request) else "ok", delay=0.002)
    limit = Limit(lm, 4)
    asyncio.run(together(*(limit(ask(str(number))) for number in range(40))))
    assert (lm.max_in_flight, len(lm.requests)) == (4, 40)
    with pytest.raises(UsageError, match="1 or more"):
        Limit(lm, 0)


def test_a_request_that_waits_for_a_retry_holds_no_slot() -> None:
    lm = scripted(lambda request: ServerError("x", retry_after=0.2) if echo(request) == "bad" else "ok")
    limit = Limit(lm, 1)

    async def story() -> float:
        waiting = asyncio.create_task(Retry(limit, RetryPolicy(attempts=2))(ask("bad")))
        await asyncio.sleep(0.01)
        started = time.monotonic()
        await limit(ask("good"))
        passed = time.monotonic() - started
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return passed

    assert asyncio.run(story()) < 0.1


# Budget


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        (None, Budget()),
        (0, Budget(calls=0)),
        (7, Budget(calls=7)),
        (Budget(usd=1.0), Budget(usd=1.0)),
        ("0", Budget(calls=0)),
        ("2000", Budget(calls=2000)),
        ("1_000", Budget(calls=1000)),
        ("2000calls", Budget(calls=2000)),
        ("1 call", Budget(calls=1)),
        ("0calls", Budget(calls=0)),
        ("1_000_000 tokens", Budget(tokens=1_000_000)),
        ("$5", Budget(usd=5.0)),
        ("$0", Budget(usd=0.0)),
        ("$.5", Budget(usd=0.5)),
        ("90s", Budget(seconds=90.0)),
        ("1.5h", Budget(seconds=5400.0)),
        ("$5 30m", Budget(usd=5.0, seconds=1800.0)),
        ("200calls, 5000 tokens + $2 , 3m", Budget(calls=200, tokens=5000, usd=2.0, seconds=180.0)),
    ],
)
def test_budgets_that_can_be_read(text: Any, budget: Budget) -> None:
    assert Budget.parse(text) == budget


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "many",
        "-5",
        "-5calls",
        "5.5",
        "5.5calls",
        "$",
        "$-1",
        "$1.2.3",
        "$.",
        "_calls",
        "1__0calls",
        "5x",
        "30min",
        "²",
        "5d",
        "1,000calls",
    ],
)
def test_budgets_that_cannot_be_read_are_told_how(text: str) -> None:
    with pytest.raises(UsageError, match=r"cannot read the budget.*write for example"):
        Budget.parse(text)


@pytest.mark.parametrize("caps", [{"calls": -1}, {"tokens": -1}, {"usd": -0.1}, {"seconds": -1.0}, {"usd": float("nan")}])
def test_a_cap_is_not_negative(caps: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="cannot be"):
        Budget(**caps)


def test_a_call_settles_what_it_really_cost() -> None:
    account = Account(Budget(calls=3))
    lm = Spend(scripted(["one two three", ServerError("x")]), account)

    async def story() -> None:
        await lm(ask("a b"))
        with pytest.raises(ServerError):
            await lm(ask())

    asyncio.run(story())
    assert account.spent == Usage(2, 2, 3, 0.0), "a failed call counts as a call without tokens"
    assert account.reserved == Usage()


def test_a_cancelled_call_gives_its_reservation_back_and_counts_as_a_call() -> None:
    account = Account(Budget(calls=3))

    async def story() -> None:
        task = asyncio.create_task(Spend(scripted(delay=5.0), account)(ask()))
        await asyncio.sleep(0.01)
        assert account.reserved.calls == 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(story())
    assert (account.spent.calls, account.reserved) == (1, Usage())


def test_a_budget_of_zero_allows_no_call() -> None:
    for budget in (Budget(calls=0), Budget(tokens=0), Budget(usd=0.0), Budget(seconds=0.0)):
        lm = scripted()
        with pytest.raises(BudgetExceeded, match="is spent"):
            asyncio.run(Spend(lm, Account(budget))(ask()))
        assert lm.requests == []


@pytest.mark.parametrize("seed", range(20))
def test_a_budget_is_never_exceeded_under_sixty_four_calls_at_once(seed: int) -> None:
    draw = random.Random(seed)
    budget = Budget(calls=draw.randrange(1, 60), tokens=draw.randrange(50, 3000))
    account = Account(budget)

    async def answer(request: Request) -> Response | Exception:
        await asyncio.sleep(draw.random() / 200)
        if draw.random() < 0.2:
            return ServerError("x")
        bound = upper_bound(request)
        return Response("x", usage=Usage(1, draw.randint(1, bound.input_tokens), draw.randint(1, bound.output_tokens)))

    lm = scripted(answer, identity=None)
    spend = Retry(Spend(lm, account), RetryPolicy(attempts=3, base=0.001))
    asyncio.run(together(*(spend(ask("x" * draw.randrange(30), max_tokens=20)) for _ in range(64))))
    assert budget.calls is not None
    assert budget.tokens is not None
    assert len(lm.requests) == account.spent.calls <= budget.calls
    assert account.spent.input_tokens + account.spent.output_tokens <= budget.tokens
    assert account.reserved == Usage()


def test_a_cap_in_dollars_is_refused_as_soon_as_a_price_is_not_known() -> None:
    unknown = scripted(name="nobody/knows")
    unknown.price = None
    with pytest.raises(BudgetExceeded, match="needs a price"):
        asyncio.run(Spend(unknown, Account(Budget(usd=1.0)))(ask()))
    assert unknown.requests == []
    assert asyncio.run(Spend(unknown, Account(Budget(usd=1.0, allow_unpriced=True)))(ask())).text == "q"


def test_a_token_is_at_least_one_byte() -> None:
    assert upper_bound(ask("é\ud800", max_tokens=0)) == Usage(1, 2 + 3 + 8, 0)


# All together


def test_the_whole_chain_pays_once_for_equal_calls_and_for_each_attempt() -> None:
    lm = scripted([ServerError("x"), "answer"], delay=0.005)
    account = Account(Budget(calls=2), payer="run")
    chain = cached(Retry(Spend(Limit(lm, 2), account), RetryPolicy(base=0.0)), account=account)
    found = asyncio.run(together(*(chain(ask()) for _ in range(16))))
    assert all(isinstance(reply, Response) and reply.text == "answer" for reply in found)
    assert (len(lm.requests), account.spent.calls) == (2, 2)
    assert chain.name == "scripted"
    assert chain.identity == "me"
