"""A cap holds across tasks, threads, processes, kills and resumes, for every role, in calls, tokens and dollars."""

from __future__ import annotations

import asyncio
import random
import signal
import threading
import time

import pytest
from tests.lm.workers import calls, finish, start

import adjoint
from adjoint.base.errors import BudgetExceeded, RequestError, TransportError
from adjoint.ledger.store import Ledger
from adjoint.lm.bounds import CONTEXT, DEFAULT_OUTPUT, IMAGE, upper_bound
from adjoint.lm.budget import Account, Budget
from adjoint.lm.prices import Price
from adjoint.lm.spend import Spend
from adjoint.lm.types import Estimate, Message, Part, Request, Response, ToolCall, ToolSpec, Usage
from adjoint.program.context import active_ledger, context, send
from adjoint.testing import ScriptedLM

SPENDING = """
    async def main():
        account = Account(Budget.parse(sys.argv[1]), payer="run-1")
        async def one(number):
            try:
                await send(ask(f"{sys.argv[2]}-{number}"), Counting(random.random() / 100))
            except BudgetExceeded:
                return 0
            return 1
        with context(account=account):
            return sum(await asyncio.gather(*(one(number) for number in range(int(sys.argv[3])))))

    print("started", flush=True)
    print(portal.run(main()), flush=True)
"""


def spend(place, run=None):
    ledger = Ledger(place / "ledger.db")
    rows = ledger.spend(run)
    ledger.close()
    return rows


def test_four_processes_with_a_cap_of_sixty_calls_make_exactly_sixty(tmp_path):
    outs = finish([start(tmp_path, SPENDING, "60calls", f"p{n}", 40) for n in range(4)])
    assert sum(int(out.split()[-1]) for out in outs) == len(calls(tmp_path)) == 60
    assert sum(row.calls for row in spend(tmp_path)) == 60


@pytest.mark.parametrize("cap", ["$0.3", "200000tokens"])
def test_caps_in_dollars_and_tokens_hold_across_processes(tmp_path, cap):
    finish([start(tmp_path, SPENDING, cap, f"p{n}", 40) for n in range(3)])
    made = len(calls(tmp_path))
    assert {limit for _, _, limit in calls(tmp_path)} == {str(DEFAULT_OUTPUT)}, (
        "the bound that was reserved is the bound that is sent"
    )
    rows = spend(tmp_path)
    assert sum(row.calls for row in rows) == made > 0
    assert sum(row.usd for row in rows) == pytest.approx(made * 50e-6)
    assert sum(row.usd for row in rows) <= 0.3
    assert made == 120, "what is not used comes back: all of them fit one after the other"


def test_what_killed_processes_had_in_flight_stays_charged_and_the_cap_holds(tmp_path):
    draw = random.Random(5)
    for number in range(3):
        process = start(tmp_path, SPENDING, "70calls", f"p{number}", 60)
        assert process.stdout.readline() == "started\n"
        goal = len(calls(tmp_path)) + draw.randint(3, 12)
        end = time.monotonic() + 10
        while len(calls(tmp_path)) < goal and process.poll() is None and time.monotonic() < end:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    finish([start(tmp_path, SPENDING, "70calls", "last", 60)])
    rows = spend(tmp_path)
    assert len(calls(tmp_path)) <= sum(row.calls for row in rows) <= 70
    assert any(row.kind == "lost" for row in rows)


def test_sums_are_exact_at_sixty_four_threads():
    """By role, by model and by step, in memory and in the ledger."""
    lms = [
        ScriptedLM(lambda _: Response("x", usage=Usage(1, 3, 5, 0.25)), name=name, identity=name) for name in ("small", "large")
    ]
    account = Account(payer="run")
    account.step = "round 1"

    def work(number):
        for index in range(5):
            with context(account=account, lm=lms[number % 2], role="judge" if index else "task"):
                lm_reply = adjoint.base.portal.portal.run(send(Request((Message("user", f"{number} {index}"),))))
                assert lm_reply.text == "x"

    threads = [threading.Thread(target=work, args=(number,)) for number in range(64)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert account.spent == Usage(320, 960, 1600, 80.0)
    assert account.usage_by("role") == {"judge": Usage(256, 768, 1280, 64.0), "task": Usage(64, 192, 320, 16.0)}
    assert account.usage_by("model") == dict.fromkeys(("large", "small"), Usage(160, 480, 800, 40.0))
    assert account.usage_by("step") == {"round 1": account.spent}
    rows = {(row.role, row.model, row.step): row[5:] for row in active_ledger().spend("run")}
    judged, asked = (128, 384, 640, 32.0), (32, 96, 160, 8.0)
    assert rows == {(role, lm.name, "round 1"): cost for role, cost in (("judge", judged), ("task", asked)) for lm in lms}
    assert account.reserved == Usage()


def test_proposer_judge_and_critic_calls_are_under_the_same_cap():
    lm = ScriptedLM(lambda _: "x", identity="me")
    account = Account(Budget(calls=3), payer="run")

    async def story():
        with context(account=account, lm=lm):
            for role in ("task", "proposer", "critic"):
                with context(role=role):
                    await send(Request((Message("user", role),)))
            with context(role="judge"), pytest.raises(BudgetExceeded):
                await send(Request((Message("user", "judge"),)))

    asyncio.run(story())
    assert list(account.usage_by("role")) == ["critic", "proposer", "task"]


def test_a_resumed_run_counts_what_its_earlier_life_has_spent(tmp_path):
    outs = [finish([start(tmp_path, SPENDING, "10calls", "p", 8)])[0], finish([start(tmp_path, SPENDING, "10calls", "q", 8)])[0]]
    assert [out.split()[-1] for out in outs] == ["8", "2"]


def spent_after(error):
    account = Account(Budget(tokens=10_000))

    async def story():
        with pytest.raises(type(error)):
            await Spend(ScriptedLM([error]), account)(Request((Message("user", "q"),), max_tokens=50))

    asyncio.run(story())
    return account.spent


def test_a_refused_call_costs_no_tokens_and_one_that_was_cut_off_costs_its_bound():
    assert spent_after(RequestError("no")) == Usage(1, 0, 0, 0.0)
    assert spent_after(TransportError("broke")) == Usage(1, 9, 50, 0.0)
    assert spent_after(TransportError("refused", maybe_billed=False)) == Usage(1, 0, 0, 0.0)


def one(content="q", **options):
    return Request((Message("user", content),), **options)


def test_a_bound_counts_replies_spellings_tools_schemas_and_parts():
    assert upper_bound(one(max_tokens=7, n=3)).output_tokens == 21
    assert upper_bound(one()).output_tokens == DEFAULT_OUTPUT
    for extra in (
        {"max_completion_tokens": 99},
        {"options": {"num_predict": 99}},
        {"generationConfig": {"maxOutputTokens": 99}},
        {"max_new_tokens": 33, "n": 3},
        {"max_tokens": 33, "best_of": 3},
        {"max_tokens": 90, "thinking": {"budget_tokens": 9}},
    ):
        assert upper_bound(one(extra=extra)).output_tokens == 99
    tool = ToolSpec("search", "Find pages.", {"type": "object", "properties": {"q": {"type": "string"}}})
    assert upper_bound(one(tools=(tool,))).input_tokens > upper_bound(one()).input_tokens + 150
    assert upper_bound(one(schema={"type": "object"})).input_tokens > upper_bound(one()).input_tokens + 30
    assert upper_bound(one((Part("text", text="abc"), Part("image", data="AA")))).input_tokens > IMAGE
    assert upper_bound(one((Part("file", data="AA"),))).input_tokens > CONTEXT
    call = Message("assistant", "", tool_calls=(ToolCall("1", "search", '{"q": "x"}'),))
    assert upper_bound(Request((call,))).input_tokens > len('search{"q": "x"}')
    assert upper_bound(one(max_tokens=1_000_000), Price(0, 3.0)).usd == 3.0


def test_dollars_are_reserved_before_the_call_and_what_is_left_comes_back():
    lm = ScriptedLM(lambda _: Response("x", usage=Usage(1, 10, 10, None)), delay=0.001)
    lm.price = (0.0, 100.0)
    account = Account(Budget(usd=0.1))  # one bound of 500 tokens is $0.05; a reply costs $0.001

    async def story():
        spend_one = Spend(lm, account)
        return await asyncio.gather(*(spend_one(one(str(i), max_tokens=500)) for i in range(60)), return_exceptions=True)

    found = asyncio.run(story())
    assert lm.max_in_flight <= 2
    assert account.spent.usd == pytest.approx(0.051, abs=0.002)
    assert sum(isinstance(reply, Response) for reply in found) == account.spent.calls


def test_tokens_that_nobody_counted_are_charged_at_their_bound_under_a_cap_and_as_estimated_without():
    lm = ScriptedLM(lambda _: Response("x", usage=Estimate(1, 2, 1)))

    async def spent(budget):
        account = Account(budget)
        await Spend(lm, account)(one(max_tokens=50))
        return account.spent

    assert asyncio.run(spent(Budget(tokens=1000))) == Usage(1, 9, 50)
    assert asyncio.run(spent(Budget(calls=9))) == Estimate(1, 2, 1)


def test_replies_that_a_client_asks_for_one_by_one_are_reserved_one_by_one():
    lm = ScriptedLM(lambda _: Response("x", usage=Usage(3, 3, 3)))
    lm.many = False
    with pytest.raises(BudgetExceeded):
        asyncio.run(Spend(lm, Account(Budget(calls=2)))(one(n=3)))
    assert lm.requests == []
    assert upper_bound(one(n=3, max_tokens=7), calls=3) == Usage(3, 27, 21)


def test_a_price_that_is_told_counts_even_where_the_client_knows_of_no_bill():
    lm = ScriptedLM(lambda _: Response("x", usage=Usage(1, 10, 20)))
    lm.price = (1.0, 2.0)
    account = Account(Budget(usd=1.0))
    asyncio.run(Spend(lm, account)(one(max_tokens=50)))
    assert account.spent.usd == pytest.approx(50e-6)
