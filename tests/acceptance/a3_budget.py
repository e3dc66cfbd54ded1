"""A3 budget: whatever price, cap, processes, kills and faults are drawn, the provider's bill stays at or below the cap."""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.acceptance import kit

import adjoint
from adjoint.base.errors import BudgetExceeded, RateLimitError, ServerError, TransportError
from adjoint.base.portal import portal
from adjoint.ledger.store import Ledger
from adjoint.lm.budget import Account, Budget
from adjoint.lm.openai import OpenAIChat
from adjoint.lm.retry import RetryPolicy
from adjoint.lm.types import Message, Request
from adjoint.program.context import context, send
from adjoint.testing import FakeProvider


@dataclass
class Trial:
    """One drawing. Shares are probabilities of one request."""

    seed: int
    calls: int | None
    tokens: int | None
    usd: float | None
    price: tuple[float, float]
    tasks: int
    processes: int
    kills: int
    refused: float
    cut: float
    uncounted: float


class Wire:
    """In place of the network: a provider that bills each request on its arrival, for as many tokens as it pleases.

    A token has at least one byte, and no reply has more tokens than the request allows: more than that nobody promises.
    """

    url = "http://127.0.0.1:1/v1/chat/completions"

    def __init__(self, trial, number):
        self.trial, self.draw = trial, random.Random(f"{trial.seed} {number}")

    async def post(self, payload):
        draw, trial = self.draw, self.trial
        tokens_in = draw.randint(1, sum(len(message["content"].encode()) for message in payload["messages"]))
        tokens_out = draw.choice([0, payload.get("max_tokens", 9999), draw.randint(0, payload.get("max_tokens", 9999))])
        fate = draw.random()
        if fate < trial.refused:
            kit.note("bill.txt", 1, 0, 0)  # the request was made, but nobody bills a refusal's tokens
            raise (RateLimitError("slow down", retry_after=0.0) if draw.random() < 0.5 else ServerError("broken"))
        kit.note("bill.txt", 1, tokens_in, tokens_out)
        await asyncio.sleep(draw.random() * 0.01)
        if fate < trial.refused + trial.cut:
            raise TransportError("the connection broke")
        usage = {"prompt_tokens": tokens_in, "completion_tokens": tokens_out}
        text = "x" * draw.randint(0, 40)
        body = {"choices": [{"message": {"content": text}, "finish_reason": "stop"}], "model": "fake"}
        return body if draw.random() < trial.uncounted else {**body, "usage": usage}


def spend(place, drawn, number):
    """One process: its part of the tasks, some of them the same as another's."""
    os.chdir(place)
    trial = Trial(**drawn)
    client = OpenAIChat("fake", base_url="http://127.0.0.1:1/v1", api_key="any")
    client._endpoint = Wire(trial, number)
    lm = adjoint.LM(client, price=tuple(trial.price), concurrency=512)
    account = Account(Budget(calls=trial.calls, tokens=trial.tokens, usd=trial.usd), payer="run")
    draw = random.Random(f"{trial.seed} {number} tasks")

    async def one(task):
        options = {"max_tokens": task % 7 * 16 + 1} if task % 3 else {}
        try:
            await send(Request((Message("user", f"task {task} " + "é" * (task % 50)),), **options), lm)
        except BudgetExceeded:
            return
        except (RateLimitError, ServerError, TransportError):
            return

    async def everything():
        tasks = [draw.randrange(trial.tasks * 2) for _ in range(max(1, trial.tasks // trial.processes))]
        await asyncio.gather(*map(one, tasks))

    with context(ledger="ledger.db", account=account, retry=RetryPolicy(attempts=3, base=0.002, longest=0.01)):
        portal.run(everything())


def drawn(seed):
    """The trial of a seed: caps from almost nothing to more than enough."""
    draw = random.Random(seed)
    tasks = round(2 ** draw.uniform(0, 9))
    price = (draw.choice([0.0, 0.15, 3.0, 15.0]), draw.choice([0.6, 15.0, 75.0]))
    part = 2 ** draw.uniform(-7, 1)
    kinds = draw.sample(["calls", "tokens", "usd"], draw.choice([1, 1, 2, 3]))
    return Trial(
        seed,
        calls=max(1, round(tasks * part)) if "calls" in kinds else None,
        tokens=round(tasks * part * 800) if "tokens" in kinds else None,
        usd=tasks * part * 800 * price[1] / 1e6 if "usd" in kinds else None,
        price=price, tasks=tasks, processes=draw.randint(1, 8), kills=draw.choice([0, 0, 1, 2, 4]),
        refused=draw.choice([0, 0.1, 0.3]), cut=draw.choice([0, 0.1]), uncounted=draw.choice([0, 0.2, 1]),
    )  # fmt: skip


def try_one(trial, place, draw):
    """Run the processes, kill some, begin others in their place; what was billed, and what the ledger says."""
    place.mkdir()
    forking = kit.forking()
    processes = [forking.Process(target=spend, args=(str(place), asdict(trial), n)) for n in range(trial.processes)]
    for process in processes:
        process.start()
    for number in range(trial.kills):
        time.sleep(draw.uniform(0, 0.08))
        victim = draw.randrange(trial.processes)
        processes[victim].kill()
        processes[victim].join()
        processes[victim] = forking.Process(target=spend, args=(str(place), asdict(trial), 100 + number))
        processes[victim].start()
    for process in processes:
        process.join(120)
    ledger = Ledger(place / "ledger.db")
    rows = ledger.spend("run")
    ledger.close()
    bill = [tuple(map(int, line)) for line in kit.noted(place / "bill.txt")]
    held = kit.cells_of(place / "ledger.db", "SELECT count(*) FROM holds")[0][0]
    codes = {process.exitcode for process in processes}
    return bill, rows, held, codes


def broken_caps(trial, bill):
    """The caps that the bill breaks. Dollars are compared in whole nano-dollars, which is how they are charged."""
    calls, given, made = (sum(line[n] for line in bill) for n in range(3))
    nano = sum(1000 * (line[1] * trial.price[0] + line[2] * trial.price[1]) for line in bill)
    found = [("calls", calls, trial.calls), ("tokens", given + made, trial.tokens), ("usd", nano / 1e9, trial.usd)]
    return [(name, billed, cap) for name, billed, cap in found if cap is not None and billed > cap * (1 + 1e-9)]


def trials(figures, place, seed, count):
    over, left, under, ended, requests, stopped = [], 0, [], set(), 0, 0
    for number in range(count):
        trial = drawn(seed * 10**6 + number)
        bill, rows, held, codes = try_one(trial, place / str(number), random.Random(number))
        requests += len(bill)
        over += [(trial.seed, *one) for one in broken_caps(trial, bill)]
        left += held
        ended |= codes
        charged = sum(row.calls for row in rows), sum(row.input_tokens + row.output_tokens for row in rows)
        billed = len(bill), sum(line[1] + line[2] for line in bill)
        capped = trial.tokens is not None or trial.usd is not None
        if charged[0] < billed[0] or (capped and charged[1] < billed[1]):
            under.append((trial.seed, charged, billed))
        stopped += bool(bill) and trial.calls is not None and len(bill) >= trial.calls * 0.8
    figures.show("trials", f"{count}, {requests} requests, {stopped} ended at their cap in calls")
    figures.hold(
        "the bill is at or below the cap", true=not over, seen=f"{count - len({one[0] for one in over})} of {count} {over[:3]}"
    )
    figures.hold("charged >= billed", true=not under, seen=under[:3] or "always")
    figures.hold("no reservation is left", true=left == 0, seen=left)
    figures.hold("every process that was not killed ends well", true=ended <= {0}, seen=ended)


def spent_searches(figures, place, seed, count):
    """The command line under a cap: it ends with 102, and the best so far is a program that loads."""
    place.mkdir()
    rows = [{"q": f"word{n}", "answer": f"WORD{n}"} for n in range(48)]
    (place / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (place / "mine.py").write_text('import adjoint\nprogram = adjoint.Predict("q -> answer", "Copy.")\n')
    draw, codes, sound = random.Random(seed), [], 0
    with FakeProvider(
        lambda messages: messages[-1]["content"].upper() if len(messages) > 6 else messages[-1]["content"]
    ) as provider:
        for number in range(count):
            cap, out = draw.randint(5, 100), f"best-{number}.json"
            before = provider.requests
            process = kit.command(
                "optimize", place / "mine.py:program", place / "rows.jsonl", "--budget", f"{cap}calls", "--out", place / out,
                "--model", "openai/fake", "--ledger", place / f"{number}.db", "--quiet", "--ship", "always",
                OPENAI_BASE_URL=provider.base_url, OPENAI_API_KEY="any",
            )  # fmt: skip
            process.communicate(timeout=120)
            codes.append(process.returncode)
            sound += provider.requests - before <= cap and adjoint.load(place / out) is not None
    figures.hold("the command line ends with 102", true=codes == [102] * count, seen=codes)
    figures.hold("the best so far is saved and loads", true=sound == count, seen=f"{sound} of {count}")


def test(figures, place, seed):
    spent_searches(figures, Path(place) / "searches", seed, 1 if figures.short else 10)
    trials(figures, place, seed, 8 if figures.short else 1000)


if __name__ == "__main__":
    kit.main("A3 budget", test)
