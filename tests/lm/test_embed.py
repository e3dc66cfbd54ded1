"""Embeddings: order, batches, shapes and failures, from a server and from functions, under the policies of every call."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from adjoint import Embedder, context
from adjoint.base.errors import (
    AuthError,
    BudgetExceeded,
    LMError,
    RateLimitError,
    ServerError,
    TransportError,
    UnknownNameError,
    UsageError,
)
from adjoint.base.portal import portal
from adjoint.lm.batch import Batch, divided
from adjoint.lm.budget import Account, Budget
from adjoint.lm.retry import RetryPolicy
from adjoint.lm.types import Message, Request, Response, Usage
from adjoint.testing import FakeProvider, Raw
from adjoint.testing.fake_openai import vector, words

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "sk-canary-0123456789abcdef"
TEXTS = [f"text {number}" for number in range(25)]


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as running:
        yield running


def embedder(provider: FakeProvider, **options: Any) -> Embedder:
    return Embedder("openai/tiny", **{"base_url": provider.base_url, "api_key": KEY, "timeout": 2.0, **options})


def rows(*items: Any) -> Raw:
    return Raw(200, json.dumps({"data": list(items)}).encode())


def test_rows_come_in_the_order_of_the_texts_whatever_the_batches(provider: FakeProvider) -> None:
    wanted = np.asarray([vector(text) for text in TEXTS], np.float32)
    for size, calls in ((200, 1), (10, 3), (1, 25)):
        provider.requests = 0
        found = embedder(provider, batch_size=size, caching=False)(TEXTS)
        assert (found.dtype, found.shape, provider.requests) == (np.float32, (25, 8), calls)
        assert np.array_equal(found, wanted)


def test_one_text_gives_its_vector_and_none_give_an_empty_array(provider: FakeProvider) -> None:
    embed = embedder(provider)
    assert np.array_equal(embed("a"), np.asarray(vector("a"), np.float32))
    assert embed([]).shape == (0, 0)
    assert provider.requests == 1


def test_it_can_be_awaited_on_any_loop(provider: FakeProvider) -> None:
    assert asyncio.run(embedder(provider).acall(["a", "b"])).shape == (2, 8)


def test_options_go_to_the_provider(provider: FakeProvider) -> None:
    assert embedder(provider, dimensions=3)(["a"]).shape == (1, 3)
    assert provider.bodies == [{"model": "tiny", "input": ["a"], "dimensions": 3}]
    assert provider.paths == ["/v1/embeddings"]


def test_no_more_calls_are_in_flight_than_allowed(provider: FakeProvider) -> None:
    provider.latency = 0.02
    embedder(provider, batch_size=2, concurrency=3)(TEXTS)
    assert provider.max_in_flight == 3


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("401", AuthError),
        ("429", RateLimitError),
        ("500", ServerError),
        ("reset", TransportError),
        ("half_body", TransportError),
        ("html", ServerError),
        ("no_choices", ServerError),
        ("wrong_schema", ServerError),
        (rows(3), ServerError),
        (rows({"index": 0, "embedding": [1.0]}), ServerError),
        (rows({"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [1.0]}), ServerError),
        (rows(*[{"index": index, "embedding": [1.0]} for index in (0, 1, 1)]), ServerError),
        (rows({"index": 0, "embedding": [1.0]}, {"index": 2, "embedding": [1.0]}), ServerError),
        (rows({"index": 0, "embedding": [1.0]}, {"index": "1", "embedding": [1.0]}), ServerError),
        (rows({"index": 0, "embedding": [1.0]}, {"index": [], "embedding": [1.0]}), ServerError),
        (rows({"embedding": [1.0]}, {"embedding": [1.0, 2.0]}), ServerError),
        (rows({"embedding": [1.0]}, {"embedding": None}), ServerError),
        (rows({"embedding": [1.0]}, {"embedding": ["x"]}), ServerError),
        (rows({"embedding": []}, {"embedding": []}), ServerError),
        (rows({"embedding": [1.0]}, {"embedding": [1e300]}), ServerError),
    ],
)
def test_every_fault_is_a_typed_error(provider: FakeProvider, fault: Any, error: type[LMError]) -> None:
    provider.faults = [fault]
    with context(retry=RetryPolicy(attempts=1)), pytest.raises(error) as caught:
        embedder(provider)(["a", "b"])
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_that_leaves_out_the_indices_keeps_the_order(provider: FakeProvider) -> None:
    provider.faults = [rows({"embedding": [1]}, {"embedding": [2]})]
    assert embedder(provider)(["a", "b"]).tolist() == [[1.0], [2.0]]


def test_after_a_failure_the_other_batches_are_not_paid_for(provider: FakeProvider) -> None:
    provider.faults = ["400"]
    with pytest.raises(LMError):
        embedder(provider, batch_size=1, concurrency=1)(TEXTS)
    assert provider.requests <= 5  # those that were on their way before the failure was heard of


def test_each_text_is_kept_by_itself_and_asked_once(provider: FakeProvider) -> None:
    first, again = embedder(provider)(TEXTS[:4]), embedder(provider, batch_size=2)(["new", *TEXTS[:4], "new"])
    assert np.array_equal(again[1:5], first)
    assert np.array_equal(again[0], again[5])
    assert [body["input"] for body in provider.bodies] == [TEXTS[:4], ["new"]]
    with context(cache="only"):
        assert np.array_equal(embedder(provider)(TEXTS[:4]), first)
        with pytest.raises(LMError, match="cache='only'"):
            embedder(provider)(["another"])
    embedder(provider, dimensions=3)(["new"])
    embedder(provider, caching=False)(["new"])
    assert len(provider.bodies) == 4


def test_callers_at_the_same_moment_share_the_texts_that_both_want(provider: FakeProvider) -> None:
    embed = embedder(provider)

    async def both() -> list[Any]:
        return await asyncio.gather(embed.acall(TEXTS[:10]), embed.acall(TEXTS[5:15]))

    left, right = portal.run(both())
    assert np.array_equal(left[5:], right[:5])
    assert sorted(text for body in provider.bodies for text in body["input"]) == sorted(TEXTS[:15])


def test_faults_that_pass_are_asked_again(provider: FakeProvider) -> None:
    provider.faults = ["429", "500", "reset"]
    assert embedder(provider)(TEXTS).shape == (25, 8)
    assert provider.requests == 4


def test_a_batch_is_one_call_under_a_budget_and_costs_what_its_texts_cost(provider: FakeProvider) -> None:
    account = Account(Budget(calls=2), payer="run")
    with context(account=account):
        embedder(provider, batch_size=10, concurrency=1, price=1.0)(TEXTS[:20])
        with pytest.raises(BudgetExceeded, match="2 calls"):
            embedder(provider, batch_size=10)(TEXTS)
    tokens = sum(map(words, TEXTS[:20]))
    assert account.spent == Usage(2, tokens, 0, pytest.approx(tokens / 1e6))
    resumed = Account(Budget(calls=2), payer="run")
    with context(account=resumed):
        embedder(provider, batch_size=10, price=1.0)(TEXTS[:20])
    assert (resumed.spent.calls, resumed.spent.input_tokens, resumed.spent.usd) == (2, tokens, pytest.approx(tokens / 1e6))
    assert provider.requests == 2


def test_a_cap_in_dollars_needs_a_price_of_functions_too() -> None:
    with context(account=Account(Budget(usd=1.0))):
        with pytest.raises(BudgetExceeded, match="needs a price"):
            Embedder(lambda texts: [[1.0]] * len(texts))("a")
        assert Embedder(lambda texts: [[1.0]] * len(texts), price=0.0)("a").tolist() == [1.0]


def test_the_parts_of_a_call_add_up_to_it() -> None:
    whole = Response("a", usage=Usage(1, 100, 7, 0.3), others=("b", "c"))
    parts = list(divided(whole, 3))
    assert [part.text for part in parts] == ["a", "b", "c"]
    total = sum((part.usage for part in parts), Usage())
    assert (total.calls, total.input_tokens, total.output_tokens, total.usd) == (1, 100, 7, pytest.approx(0.3))


def test_a_batch_is_given_up_when_all_who_wait_for_it_are_gone() -> None:
    ended = []

    class Slow:
        name = "slow"

        async def __call__(self, request: Request) -> Response:
            try:
                await asyncio.sleep(30)
            finally:
                ended.append(len(request.messages))
            raise AssertionError

    async def leave() -> None:
        batch = Batch(Slow(), 3)
        tasks = [asyncio.ensure_future(batch(Request((Message("user", text),)))) for text in "abcd"]
        await asyncio.sleep(0.01)
        for left, task in enumerate(tasks):
            task.cancel()
            await asyncio.wait([task])
            await asyncio.sleep(0)
            assert ended == [[], [], [3], [3, 1]][left]

    portal.run(leave())


def test_functions_may_be_synchronous_or_not() -> None:
    async def slow(texts: list[str]) -> np.ndarray[Any, Any]:
        await asyncio.sleep(0)
        return np.asarray([[len(text)] for text in texts], dtype=np.float64)

    for function in (slow, lambda texts: [[len(text)] for text in texts]):
        found = Embedder(function, batch_size=2)(["a", "bb", "ccc"])
        assert (found.dtype, found.tolist()) == (np.float32, [[1.0], [2.0], [3.0]])


def fails(_: list[str]) -> None:
    message = "out of memory"
    raise MemoryError(message)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (fails, "the function fails raised MemoryError: out of memory"),
        (lambda _: [[1.0]], r"shape \(1, 1\) for 2 texts"),
        (lambda _: [1.0, 2.0], r"shape \(2,\)"),
        (lambda _: [[1.0], [1.0, 2.0]], "no rows of numbers"),
        (lambda _: [[float("nan")], [1.0]], "finite"),
        (lambda _: None, r"shape \(\)"),
        (lambda texts: [[1.0] * len(texts)] * len(texts), "different lengths"),
    ],
)
def test_what_a_function_does_wrong_is_named(function: Any, words: str) -> None:
    texts = ["a", "b", "c"] if words == "different lengths" else ["a", "b"]
    with pytest.raises(LMError, match=words):
        Embedder(function, batch_size=2)(texts)


def test_what_cannot_be_used_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(AuthError, match="no OPENAI_API_KEY"):
        Embedder("openai/tiny")
    with pytest.raises(UnknownNameError, match="did you mean 'openai'"):
        Embedder("opanai/tiny")
    with pytest.raises(UsageError, match="names no model"):
        Embedder("openai")
    for options in ({"batch_size": 0}, {"concurrency": 0}):
        with pytest.raises(UsageError, match="1 or more"):
            Embedder("ollama/tiny", **options)
    with pytest.raises(UsageError, match="takes texts"):
        Embedder("ollama/tiny")([1])  # type: ignore[list-item]
