"""What a prompt costs: tokens of each adapter on one task, microseconds of a typed call, and memory that a call keeps.

Run: python benchmarks/prompts.py

Tokens are given twice: characters of all messages divided by 4, and `adjoint.base.tokens.most_tokens`, an upper estimate
from runs of letters, digits and marks. Both count the text of the messages only; providers add about 4 tokens a message.
"""

import gc
import statistics
import time
import tracemalloc
from typing import Literal

import adjoint
from adjoint import BAMLAdapter, ChatAdapter, InputField, JSONAdapter, OutputField, Signature, TwoStepAdapter, XMLAdapter
from adjoint.adapters.base import render
from adjoint.base.tokens import most_tokens
from adjoint.lm.types import Response, Usage

LABELS = Literal["refund", "delivery", "account", "complaint", "praise", "other"]
GOALS = {0: 75, 4: 190, 16: 530}
CALLS, ROUNDS = 500, 9


class Triage(Signature):
    """Say what the customer's message is about."""

    message: str = InputField()
    label: LABELS = OutputField()


TEXTS = [
    "I sent the shoes back two weeks ago and still wait for my money to come back, please help.",
    "The parcel was to arrive on Monday, it is Friday now, and the tracking page says nothing new.",
    "I cannot sign in since the last update, and the reset mail for my password never arrives here.",
    "Your agent hung up on me twice today, and nobody in the shop wanted to hear what had gone wrong.",
]
ANSWERS = ["refund", "delivery", "account", "complaint"]
QUESTION = "Just wanted to say that the new winter jacket is wonderful and came a day early. Thank you!"


class Instant:
    """Answers at once, without keeping anything."""

    name = "instant"

    async def __call__(self, _request):
        return Response("praise", usage=Usage(1, 0, 0))


def demos(count):
    return [{"message": TEXTS[n % 4], "label": ANSWERS[n % 4]} for n in range(count)]


def tokens(adapter, count, supports=frozenset()):
    request = render(adapter, Triage, Triage.instructions, demos(count), {"message": QUESTION}, supports=supports)
    texts = [message.text for message in request.messages]
    return sum(map(len, texts)) / 4, sum(map(most_tokens, texts))


def prompts():
    print("Tokens sent, 6 labels, one message of 91 characters: characters/4, and (upper estimate)")
    print(f"{'adapter':<16}" + "".join(f"{count:>4} demos     " for count in GOALS))
    rows = [
        (adapter.name, adapter, frozenset())
        for adapter in (ChatAdapter(), JSONAdapter(), XMLAdapter(), BAMLAdapter(), TwoStepAdapter(Instant()))
    ]
    rows.insert(2, ("json + schema", JSONAdapter(), frozenset({"schema"})))
    for name, adapter, supports in rows:
        cells = (tokens(adapter, count, supports) for count in GOALS)
        print(f"{name:<16}" + "".join(f"{quarter:>5.0f} {f'({most})':<9}" for quarter, most in cells))
    print(f"{'goal for chat':<16}" + "".join(f"{goal:>5} {'':<9}" for goal in GOALS.values()))


async def microseconds(program):
    """The middle of several rounds, a call: of the wall clock, and of the processor, which other processes do not disturb."""
    wall, busy = [], []
    for _ in range(ROUNDS):
        gc.collect()
        started, worked = time.perf_counter(), time.thread_time()
        for _ in range(CALLS):
            await program.acall(message=QUESTION)
        wall.append((time.perf_counter() - started) / CALLS)
        busy.append((time.thread_time() - worked) / CALLS)
    return statistics.median(wall) * 1e6, statistics.median(busy) * 1e6, min(busy) * 1e6


async def kept(program):
    """Bytes that a call leaves behind after its prediction is gone."""
    for _ in range(50):
        await program.acall(message=QUESTION)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(CALLS):
        await program.acall(message=QUESTION)
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return (after - before) / CALLS


def calls():
    from adjoint.base.portal import portal

    print(f"\nOne typed asynchronous call on the loop, no ledger, an LM that answers at once ({ROUNDS} rounds of {CALLS})")
    print(f"{'demos':<8}{'us wall':>10}{'us cpu':>10}{'best':>8}{'goal':>8}{'bytes kept':>12}")
    for count, goal in ((0, 40), (16, 50)):
        program = adjoint.Predict(Triage)
        program.demos = demos(count)
        with adjoint.context(lm=Instant(), ledger=None):
            wall, busy, best = portal.run(microseconds(program))
            left = portal.run(kept(program))
        print(f"{count:<8}{wall:>10.0f}{busy:>10.0f}{best:>8.0f}{goal:>8}{left:>12.0f}")


if __name__ == "__main__":
    prompts()
    calls()
